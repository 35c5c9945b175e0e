r"""Which cells solve which memory problems, as they come and with the cure of their trouble.

    python benchmarks/memory.py adding --lengths 50 --steps 1500 --seeds 0,1,2 --out adding-50.json
    python benchmarks/memory.py adding --lengths 200 --steps 4000 --cells simple_rnn --activations tanh --variants plain
    python benchmarks/memory.py adding --lengths 200 --steps 4000 --cells simple_rnn --activations relu --variants cured
    python benchmarks/memory.py copy --lengths 200 --rate 0.001 --cells simple_rnn --activations linear
    python benchmarks/memory.py adding --lengths 600 --steps 4000 --until 0.001 --cells lstm,gru --activations tanh \
        --variants cured
    python benchmarks/memory.py adding --lengths 5000 --cells lru --activations own --variants plain --layers 2

The first makes the table of cells and activations. The next two show what relu and clipping do for a SimpleRNN, the
fourth what soft orthogonality does for a linear one, the next is the long adding problem, and the last a cell that has
no activation to choose (`own`: that of the cell).

A run trains on fresh examples for --steps steps, while its learning rate falls to zero as a half cosine, or until it
solves the problem on validation (`datasets.MEMORY_PROBLEMS`: adding below 0.01 squared error, copy below a tenth of
chance, temporal order above 0.99 accuracy) and is past --until. Then it is measured once on the test set. `plain` is
Keras' own start without clipping, `cured` has what `cure` says and is clipped; all else is the same. Each finished run
is written to --out at once, and a run that stands there already is not done again, so a table that was broken off goes
on.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.initializers import Chrono, GateOrthogonal
from rnnkit.regularizers import SoftOrthogonality

BATCH, ROUND = 32, 3200  # a round's examples come between two looks at the validation set
CELLS = ("simple_rnn", "lstm", "gru")
CLIP = 1.0  # the global norm, in every cured run (Pascanu et al. 2013)


def learning_rate(cell, length):
    """At the start of a run. A SimpleRNN's kernel acts once a step, so that relu diverges at more than this."""
    return min(1e-3, 0.06 / length) if cell == "simple_rnn" else 3e-3


# What is changed in a SimpleRNN, besides clipping; the activation stays.
SIMPLE_RNN_CURES = {
    "tanh": {"omega": 4.0},  # Pascanu et al. 2013
    "relu": {},  # clipping alone: the identity start (Le et al. 2015) is as good at a lag of 50, and diverges at 200
    "sigmoid": {"recurrent_initializer": GateOrthogonal(4.0)},  # 4 = 1 / max|sigmoid'|
    "linear": {"recurrent_regularizer": SoftOrthogonality(0.1)},  # Henaff et al. 2016, Vorontsov et al. 2017
}


def cure(cell, activation, lag):
    """What is changed for a lag of this many steps, in addition to clipping."""
    if cell == "simple_rnn":
        return SIMPLE_RNN_CURES[activation]
    return {"recurrent_initializer": Chrono(max_lag=max(3, lag))}  # Tallec and Ollivier 2018


def new_model(target, length, cell, activation, variant, units, layers, steps, rate):
    cured = variant == "cured"
    options = cure(cell, activation, length) if cured else {}
    options |= {} if activation == "own" else {"activation": activation}
    model = rnnkit.MemoryModel(target, cell, units, layers, **options)
    schedule = keras.optimizers.schedules.CosineDecay(rate or learning_rate(cell, length), steps)
    return model, keras.optimizers.Adam(schedule, global_clipnorm=CLIP if cured else None)


def one_run(problem, length, cell, activation, variant, seed, units, layers, steps, rate, until):
    keras.utils.clear_session()  # the runs before leave nothing behind, above all no memory
    keras.utils.set_random_seed(seed)
    found = datasets.MEMORY_PROBLEMS[problem]
    fresh, valid, test = datasets.memory(problem, length, train=ROUND, seed=seed)
    model, optimizer = new_model(found.target, length, cell, activation, variant, units, layers, steps, rate)
    model.adapt(fresh)
    model.compile(optimizer, jit_compile=cell != "simple_rnn")  # XLA makes gated cells faster, and this one slower
    start, rounds, metrics = time.perf_counter(), 0, {}
    while rounds * ROUND < steps * BATCH:
        rounds += 1
        model.fit(fresh, batch_size=BATCH, epochs=1, verbose=0)
        metrics = model.evaluate(valid, verbose=0, return_dict=True)
        print(f"{rounds * ROUND // BATCH} steps: {metrics[found.metric]:.5f}", file=sys.stderr)
        if not math.isfinite(metrics["loss"]) or (found.solved(metrics, length) and past(found, metrics, until)):
            break
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
    print(f"{'':<34} {'chance':>8} {'median':>10} {'solved':>7} {'steps':>7} {'seconds/run':>14}")
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
    parser.add_argument("--lengths", default="50", help="comma-separated")
    parser.add_argument("--cells", default=",".join(CELLS), help="comma-separated")
    parser.add_argument("--activations", default="tanh,relu,sigmoid", help="comma-separated")
    parser.add_argument("--variants", default="plain,cured", help="plain, cured, or both, comma-separated")
    parser.add_argument("--seeds", default="0", help="comma-separated")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2000, help="for one run at most")
    parser.add_argument("--rate", type=float, help="learning rate at the start, if not that of `learning_rate`")
    parser.add_argument("--until", type=float, help="train on, past the goal, until the metric is past this value")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lengths, seeds = (map(int, each.split(",")) for each in (arguments.lengths, arguments.seeds))
    choices = (each.split(",") for each in (arguments.cells, arguments.activations, arguments.variants))
    keys = ("problem", "length", "cell", "activation", "variant", "seed", "units", "layers", "budget", "rate")
    runs = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else []
    done = {tuple(run[key] for key in keys) for run in runs}
    network = [arguments.units], [arguments.layers]
    wanted = list(product([arguments.problem], lengths, *choices, seeds, *network, [arguments.steps], [arguments.rate]))
    for row in wanted:
        if row in done:
            continue
        runs.append(dict(zip(keys, row, strict=True)) | one_run(*row, arguments.until))
        print(json.dumps(runs[-1]), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(runs, indent=2), encoding="utf-8")
    show([run for run in runs if tuple(run[key] for key in keys) in wanted])


if __name__ == "__main__":
    main()
