"""Deep stacks: eight recurrent layers as they come and with `residual` and `layer_norm`, compared with one layer.

    python benchmarks/depth.py --out depth.json

All train `SentimentClassifier` on the built-in sample, or `MemoryModel` on the temporal order problem, one `fit` each,
an epoch in turn, and are measured once on the test set. Prints for each the training loss, the test accuracy and
that of chance, whether it has learned (more than half of what there is between chance and 1), and the time of a step by
that of one layer, wall and CPU: the median over the epochs, the lowest and the highest.
"""

import argparse
import json
import os
import statistics
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from side_by_side import in_turns

import rnnkit
from rnnkit import datasets

VARIANTS = {
    "1 layer": {"layers": 1},
    "{} layers": {},
    "{} layers, residual and layer_norm": {"residual": True, "layer_norm": True},
}


def sentiment(cell, **options):
    """Two classes; dropout is off, so that depth is all that differs."""
    splits = datasets.load("sentiment-sample")
    return rnnkit.SentimentClassifier(cell, 32, bidirectional=False, dropout=0, **options), splits, 1 / 2


def temporal_order(cell, **options):
    """Four classes, 20 steps."""
    splits = datasets.memory("temporal-order", 20, train=3200, seed=0)
    return rnnkit.MemoryModel("class", cell, 32, **options), splits, 1 / 4


TASKS = {"sentiment": sentiment, "temporal-order": temporal_order}


def measure(task, cell, layers, seed, rounds):
    """Variant -> its test metrics, the accuracy of chance, and wall and CPU seconds of each counted epoch."""
    models, fits = {}, {}
    for name, options in VARIANTS.items():
        keras.utils.set_random_seed(seed)
        model, splits, chance = TASKS[task](cell, **{"layers": layers, **options})
        model.adapt(splits.train)
        model.compile(keras.optimizers.Adam(3e-3))
        models[name.format(layers)] = model
        fits[name.format(layers)] = partial(model.fit, splits.train, verbose=0)
    turns = in_turns(fits, rounds)
    return {
        name: {
            "metrics": model.evaluate(splits.test, verbose=0, return_dict=True),
            "chance": chance,
            "seconds": turns[name].seconds,
            "train_loss": float(turns[name].loss),
        }
        for name, model in models.items()
    }


def show(name, found):
    """Prints a row a variant."""
    print(name)
    base = next(iter(found.values()))["seconds"]
    for variant, row in found.items():
        accuracy, chance = row["metrics"]["accuracy"], row["chance"]
        learned = "learned" if accuracy - chance > (1 - chance) / 2 else "failed"
        cost, cpu = (times(row["seconds"], base, clock) for clock in (0, 1))
        told = f"train loss {row['train_loss']:.4f}  test accuracy {accuracy:.3f} (chance {chance:.2f})  {learned:<8}"
        print(f"  {variant:<40}{told} time of a step {cost}, CPU {cpu}", flush=True)


def times(seconds, base, clock):
    """How many times the seconds of `base`, epoch by epoch: median, lowest and highest."""
    found = sorted(own[clock] / one[clock] for own, one in zip(seconds, base, strict=True))
    return f"{statistics.median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="temporal-order", help=f"comma-separated: {', '.join(TASKS)}")
    parser.add_argument("--cells", default="lstm", help="comma-separated")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=9, help="epochs after the first")
    parser.add_argument("--out", type=Path, help="JSON file; what stands there is not done again")
    arguments = parser.parse_args()
    found = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else {}
    for task in arguments.tasks.split(","):
        for cell in arguments.cells.split(","):
            for seed in map(int, arguments.seeds.split(",")):
                name = f"{task}, {cell}, {arguments.layers} layers, {arguments.rounds} rounds, seed {seed}"
                if name not in found:
                    keras.utils.clear_session()
                    found[name] = measure(task, cell, arguments.layers, seed, arguments.rounds)
                    if arguments.out:
                        arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
                show(name, found[name])


if __name__ == "__main__":
    main()
