"""Which cells solve which memory problems, as they come and with the cure of their trouble.

    python benchmarks/memory.py adding --lengths 200 --minutes 10 --seeds 3 --out adding.json
    python benchmarks/memory.py adding --lengths 600 --cells lstm,gru --activations tanh --variants cured --until 0.001
    python benchmarks/memory.py copy --lengths 200 --cells gru --activations tanh --out copy.json

A run trains on fresh examples until it solves the problem on validation (`datasets.MEMORY_PROBLEMS`: adding below 0.01
squared error, copy below a tenth of chance, temporal order above 0.99 accuracy) and is past --until, or until its
--minutes are over; then it is measured once on the test set. `plain` is Keras' own start without clipping, `cured` has
what the table CURES says; all else is the same. Each finished run is written to --out at once, and a run that stands
there already is not done again, so a table that was broken off goes on.
"""

import argparse
import json
import math
import os
import statistics
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.initializers import Chrono
from rnnkit.regularizers import SoftOrthogonality

UNITS, BATCH, ROUND = 64, 32, 3200  # a round's examples come between two looks at the validation set
RATES = {"simple_rnn": 3e-4, "lstm": 3e-3, "gru": 3e-3}

# Cell -> what is changed for a lag of so many steps. With it the global norm is clipped (Pascanu et al. 2013).
CURES = {
    # Le, Jaitly and Hinton 2015, with singular values that also stay near 1 (Vorontsov et al. 2017). Whatever the
    # activation was, it becomes relu: from the same start, and with the same penalty, tanh learns next to nothing.
    "simple_rnn": lambda lag: {
        "activation": "relu",
        "recurrent_initializer": "identity",
        "recurrent_regularizer": SoftOrthogonality(0.1),
    },
    "lstm": lambda lag: {"recurrent_initializer": Chrono(max_lag=lag)},  # Tallec and Ollivier 2018
    "gru": lambda lag: {"recurrent_initializer": Chrono(max_lag=lag)},
}
CLIP = 1.0


def new_model(target, length, cell, activation, variant):
    cured = variant == "cured"
    options = {"activation": activation, **(CURES[cell](max(3, length)) if cured else {})}
    model = rnnkit.MemoryModel(target, cell, UNITS, **options)
    return model, keras.optimizers.Adam(RATES[cell], global_clipnorm=CLIP if cured else None)


def one_run(problem, length, cell, activation, variant, seed, minutes, until):
    keras.utils.set_random_seed(seed)
    found = datasets.MEMORY_PROBLEMS[problem]
    fresh, valid, test = datasets.memory(problem, length, train=ROUND, seed=seed)
    model, optimizer = new_model(found.target, length, cell, activation, variant)
    model.adapt(fresh)
    model.compile(optimizer)
    start, rounds, metrics = time.perf_counter(), 0, {}
    while time.perf_counter() - start < 60 * minutes:
        rounds += 1
        model.fit(fresh, batch_size=BATCH, epochs=1, verbose=0)
        metrics = model.evaluate(valid, verbose=0, return_dict=True)
        solved = found.solved(metrics, length)
        if not math.isfinite(metrics["loss"]) or (solved and past(found, metrics, until)):
            break
        optimizer.learning_rate = RATES[cell] / 10 if solved else RATES[cell]  # what is left then is fine work
        fresh = datasets.memory(problem, length, train=ROUND, seed=1000 * (seed + 1) + rounds).train
    seconds = time.perf_counter() - start
    metrics = model.evaluate(test, verbose=0, return_dict=True)
    value = metrics[found.metric]
    return {
        "value": value if math.isfinite(value) else math.inf,
        "chance": found.chance(length),
        "solved": found.solved(metrics, length),
        "steps": rounds * ROUND // BATCH,
        "seconds": seconds,
        "metrics": metrics,
    }


def past(found, metrics, until):
    """Whether the metric is on the good side of --until."""
    value = metrics[found.metric]
    return until is None or (value > until if found.metric == "accuracy" else value < until)


def show(runs):
    print(f"{'':<34} {'chance':>8} {'median':>10} {'solved':>7} {'steps':>7} {'seconds a run':>14}")
    rows = {}
    for run in runs:
        rows.setdefault((run["length"], run["cell"], run["activation"], run["variant"]), []).append(run)
    for (length, cell, activation, variant), mine in sorted(rows.items()):
        value, steps, seconds = (statistics.median(run[name] for run in mine) for name in ("value", "steps", "seconds"))
        solved = f"{sum(run['solved'] for run in mine)}/{len(mine)}"
        name = f"{length:>5}  {cell:<11}{activation:<9}{variant}"
        print(f"{name:<34} {mine[0]['chance']:>8.4f} {value:>10.5f} {solved:>7} {steps:>7.0f} {seconds:>14.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem", choices=datasets.MEMORY_PROBLEMS)
    parser.add_argument("--lengths", default="100", help="parted by commas")
    parser.add_argument("--cells", default=",".join(CURES), help="parted by commas")
    parser.add_argument("--activations", default="tanh,relu,sigmoid", help="parted by commas")
    parser.add_argument("--variants", default="plain,cured", help="plain, cured, or both parted by a comma")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10, help="for one run")
    parser.add_argument("--until", type=float, help="train on, past the goal, until the metric is past this value")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lengths = map(int, arguments.lengths.split(","))
    choices = (arguments.cells, arguments.activations, arguments.variants)
    keys = ("problem", "length", "cell", "activation", "variant", "seed")
    wanted = product([arguments.problem], lengths, *(each.split(",") for each in choices), range(arguments.seeds))
    runs = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else []
    done = {tuple(run[key] for key in keys) for run in runs}
    for row in wanted:
        if row in done:
            continue
        runs.append(dict(zip(keys, row, strict=True)) | one_run(*row, arguments.minutes, arguments.until))
        print(json.dumps(runs[-1]), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(runs, indent=2), encoding="utf-8")
    show([run for run in runs if run["problem"] == arguments.problem])


if __name__ == "__main__":
    main()
