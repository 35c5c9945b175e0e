r"""Does a long training need more and more memory? A run of each task, with everything that `rnnkit run` has.

    python benchmarks/long_runs.py --epochs 30
    python benchmarks/long_runs.py --tasks sentiment,music --examples 64

Each task trains on its sample, in a process of its own, with the callbacks of `rnnkit run`: `Resume`, `GradientHealth`,
`GradientGuard`, clipping, `RecurrentSpectrum`, early stopping and `ThroughTime`. At the end of each epoch the memory of
the process is read: its resident set, when what the C library keeps for later was given back (Linux only). Printed are
MiB after some epochs and the growth from the first of them to the last, and how many more variables, graphs and Python
objects there are then; records of the training are among the objects.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TASKS = ("sentiment", "ner", "music", "translation", "memory")
SHORT = {"memory": "temporal-order-10"}  # the data where only some examples are asked for
SHOWN = (5, 10, 20, 30)  # epochs; from the first on nothing has to be made any more
COUNTED = ("variables", "graphs", "objects")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS), help="separated by commas")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--examples", type=int, help="the shortest of each part; default: all")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--here", action="store_true", help="in this process; print what was measured as JSON")
    options = parser.parse_args()
    tasks = options.tasks.split(",")
    if options.here:
        for task in tasks:
            print(json.dumps({"task": task, **measured(task, options)}), flush=True)
        return
    shown = [epoch for epoch in SHOWN if epoch < options.epochs] + [options.epochs]
    print("| task | " + " | ".join(f"epoch {epoch}" for epoch in shown) + " | growth | " + " | ".join(COUNTED) + " |")
    print("|---|" + "---|" * (len(shown) + 1 + len(COUNTED)))
    for task in tasks:
        show(task, in_a_process(task, options), shown)


def in_a_process(task, options):
    command = [sys.executable, __file__, "--here", "--tasks", task]
    for name in ("epochs", "examples", "units"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name}", str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def show(task, found, shown):
    memory = [found["memory"][epoch - 1] for epoch in shown]
    first, last = found["counts"]
    counts = [f"{last[name] - first[name]:+d}" for name in COUNTED]
    cells = [*(f"{value:.0f}" for value in memory), f"{memory[-1] - memory[0]:+.1f}", *counts]
    print(f"| {task} | " + " | ".join(cells) + " |", flush=True)


def measured(task, options):
    """One run: `memory` after each epoch in MiB, and `counts` after the first shown epoch and the last."""
    from rnnkit.datasets import Splits
    from rnnkit.study.run import open_data, train
    from rnnkit.tasks.config import RunConfig

    data = SHORT.get(task) if options.examples else None
    config = RunConfig(task, data, units=options.units, epochs=options.epochs, clip="percentile")
    splits = open_data(config)
    if options.examples:
        splits = Splits(*(shortest(part, options.examples) for part in splits))
    watch = watching(options.epochs)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(MeasuredError):
        train(config, splits, [watch], state=folder)
    return {"memory": watch.memory, "counts": watch.counts}


def shortest(part, count):
    """The shortest examples of a part."""
    return part.take(sorted(range(len(part)), key=lambda row: len(part[row][part.columns[0]]))[:count])


class MeasuredError(Exception):
    """What comes after the training is not measured."""


def watching(epochs):
    import keras

    class Watch(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.memory, self.counts = [], []

        def on_train_begin(self, logs=None):
            alive()  # which loads parts of TensorFlow

        def on_epoch_end(self, epoch, logs=None):
            self.memory.append(resident())
            if epoch + 1 in (SHOWN[0], epochs):
                self.counts.append(alive())

        def on_train_end(self, logs=None):
            raise MeasuredError

    return Watch()


def resident():
    """MiB of this process."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def alive():
    """How many there are of what a training may pile up."""
    import tensorflow as tf

    gc.collect()
    objects = gc.get_objects()
    kinds = {"variables": tf.Variable, "graphs": tf.Graph}
    counts = {name: sum(issubclass(type(each), kind) for each in objects) for name, kind in kinds.items()}
    return {**counts, "objects": len(objects)}


if __name__ == "__main__":
    main()
