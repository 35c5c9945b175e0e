"""BLEU and chrF of `Translator` as shipped, by cell.

    python benchmarks/translation_quality.py multi30k-de-en --seeds 2 --out de_en.json
    python benchmarks/translation_quality.py multi30k-en-de --out en_de.json
    python benchmarks/translation_quality.py multi30k-de-en --cells simple_rnn,lstm,gru --units 86 --out cells.json
    python benchmarks/translation_quality.py translation-sample --cells simple_rnn,gru,lstm --out sample.json
    python benchmarks/translation_quality.py translation-sample --attention none --out sample.json

The model is that of `rnnkit run translation` on the same data. The epoch is chosen on validation; the test set is
translated once a run, greedily and with a beam of 4. Scores are sacrebleu's on plain text. Each finished run is written
to --out at once, its sources, references and hypotheses into a folder next to it, and a run that is there already is
not done again, so an interrupted table is continued.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.specs import find_spec
from rnnkit.tasks.translation.results import translate_set

BEAMS = {"greedy": 1, "beam 4": 4}


def one_run(splits, options, arguments, seed, folder):
    keras.utils.set_random_seed(seed)
    spec = find_spec("translation")
    model = rnnkit.Translator(**{**spec.suited.get(arguments.data, {}), **options})
    start = time.perf_counter()
    model.adapt(splits.train)
    spec.compile(model, RunConfig("translation", arguments.data))
    epochs = arguments.epochs or "auto"
    history = model.fit(splits.train, validation_data=splits.valid, epochs=epochs, verbose=arguments.verbose)
    result = {"epochs": len(history.epoch), "seconds": time.perf_counter() - start}
    result["history"] = {name: list(map(float, values)) for name, values in history.history.items()}
    for part in ("valid", "test"):
        for name, beam in BEAMS.items():
            found = translate_set(model, getattr(splits, part), beam)
            found.write(folder, f"{part}-{name.replace(' ', '-')}")
            result[f"{part}, {name}"] = found.metrics
            result["signatures"] = found.signatures
    return result


def figure(values):
    """Mean and spread."""
    spread = f" +- {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def show(runs):
    columns = ["valid, greedy", "test, greedy", "test, beam 4"]
    print(f"{'BLEU':<38}" + "".join(f"{name:>16}" for name in columns) + "   chrF   exact  seeds  seconds/run")
    for name in dict.fromkeys(run["name"] for run in runs):
        mine = [run for run in runs if run["name"] == name]
        bleu = "".join(f"{figure([run[column]['bleu'] for run in mine]):>16}" for column in columns)
        chrf, exact = (statistics.mean(run[columns[-1]][score] for run in mine) for score in ("chrf", "exact_match"))
        seconds = statistics.mean(run["seconds"] for run in mine)
        print(f"{name:<38}{bleu} {chrf:6.2f} {exact:7.3f} {len(mine):6} {seconds:13.0f}")
    print("\n".join(sorted({f"{name}: {value}" for run in runs for name, value in run["signatures"].items()})))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="multi30k-SOURCE-TARGET or translation-sample")
    parser.add_argument("--cells", help="comma-separated names; default: the task's own")
    parser.add_argument("--units", type=int)
    parser.add_argument("--attention", choices=["general", "dot", "additive", "none"])
    parser.add_argument("--input-feeding", action="store_true")
    parser.add_argument("--epochs", type=int, help="default: until validation no longer improves")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if not arguments.out.suffix:
        parser.error(f"--out: expected a file such as {arguments.out}.json; the translations go into {arguments.out}/")
    splits = datasets.load(arguments.data)
    options = {"units": arguments.units, "attention": arguments.attention, "input_feeding": arguments.input_feeding}
    options = {name: None if value == "none" else value for name, value in options.items() if value}
    runs = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
    for seed in range(arguments.seeds):
        for cell in arguments.cells.split(",") if arguments.cells else [None]:
            chosen = {**options, **({"cell": cell} if cell else {})}
            name = ", ".join([arguments.data, *(f"{key} {value}" for key, value in chosen.items())])
            if (name, seed) in {(run["name"], run["seed"]) for run in runs}:
                continue
            folder = arguments.out.with_suffix("") / f"{name.replace(', ', '_').replace(' ', '-')}_{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            runs.append({"name": name, "seed": seed, **one_run(splits, chosen, arguments, seed, folder)})
            print(json.dumps({key: value for key, value in runs[-1].items() if key != "history"}), flush=True)
            arguments.out.write_text(json.dumps(runs, indent=2), encoding="utf-8")
    show(runs)


if __name__ == "__main__":
    main()
