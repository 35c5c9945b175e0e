"""Entity F1 of `EntityRecognizer` as shipped, and what each of its parts adds.

    python benchmarks/entity_quality.py ncbi_disease --seeds 3 --out ncbi.json
    python benchmarks/entity_quality.py ncbi_disease --seeds 2 --out ncbi.json --variants all
    python benchmarks/entity_quality.py wnut17 --seeds 3 --out wnut.json

The epoch is chosen on validation; the test set is looked at once a run. No outside word vectors. Each finished run is
written to --out at once, and a run that stands there already is not done again, so an interrupted table is
continued.
"""

import argparse
import itertools
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.tasks.entities.spans import find_spans

SHIPPED = "as shipped"
VARIANTS = {
    SHIPPED: {},
    "softmax": {"crf": False, "chars": None},
    "softmax + characters": {"crf": False},
    "CRF": {"chars": None},
    "as shipped, gru": {"cell": "gru"},
    "as shipped, simple_rnn": {"cell": "simple_rnn"},
}


def text_f1(model, data):
    """F1 of what `tag` finds in plain text, the tokens joined by blanks, by type and characters."""
    gold, found = set(), set()
    for row, (tokens, tags) in enumerate(zip(data["tokens"], data["tags"], strict=True)):
        ends = list(itertools.accumulate(len(token) + 1 for token in tokens))
        for label, start, end in find_spans(tags):
            gold.add((row, label, ends[start] - len(tokens[start]) - 1, ends[end - 1] - 1))
    for row, entities in enumerate(model.tag([" ".join(tokens) for tokens in data["tokens"]])):
        found |= {(row, entity.label, entity.start, entity.end) for entity in entities}
    return 2 * len(gold & found) / (len(gold) + len(found))


def one_run(splits, options, seed, verbose):
    keras.utils.set_random_seed(seed)
    model = rnnkit.EntityRecognizer(**options)
    start = time.perf_counter()
    history = model.fit(splits.train, validation_data=splits.valid, verbose=verbose)
    seconds = time.perf_counter() - start
    valid, test = (model.score(part) for part in splits[1:])
    return {
        "valid": valid.f1,
        "test": test.f1,
        "test, plain text": text_f1(model, splits.test),
        "precision": test.precision,
        "recall": test.recall,
        "types": test.to_frame()["f1"].to_dict(),
        "epochs": len(history.epoch),
        "seconds": seconds,
    }


def figure(values):
    """Mean and spread, x 100."""
    spread = f" +- {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{spread}"


def show(runs):
    print(f"{'':<26} {'dev F1':>15} {'test F1':>15} {'on plain text':>15}  seeds  seconds/run")
    for variant in VARIANTS:
        mine = [run for run in runs if run["variant"] == variant]
        if mine:
            seconds = statistics.mean(run["seconds"] for run in mine)
            parts = ("valid", "test", "test, plain text")
            dev, test, text = (figure([run[part] for run in mine if part in run] or [0]) for part in parts)
            print(f"{variant:<26} {dev:>15} {test:>15} {text:>15}  {len(mine):>5}  {seconds:>13.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["ncbi_disease", "wnut17", "ner-sample"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--variants", default=SHIPPED, help=f"'all', or comma-separated names: {', '.join(VARIANTS)}")
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    chosen = VARIANTS if arguments.variants == "all" else arguments.variants.split(",")
    splits = datasets.load(arguments.data)
    runs = json.loads(arguments.out.read_text()) if arguments.out and arguments.out.exists() else []
    done = {(run["data"], run["variant"], run["seed"]) for run in runs}
    for seed in range(arguments.seeds):
        for variant in chosen:
            if (arguments.data, variant, seed) in done:
                continue
            result = one_run(splits, VARIANTS[variant], seed, arguments.verbose)
            runs.append({"data": arguments.data, "variant": variant, "seed": seed, **result})
            print(json.dumps(runs[-1]), flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(runs, indent=2), encoding="utf-8")
    show([run for run in runs if run["data"] == arguments.data])


if __name__ == "__main__":
    main()
