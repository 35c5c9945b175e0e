"""Does a long search need more and more memory? Many short trials of `rnnkit.tune` in one process.

    python benchmarks/long_search.py --trials 50
    python benchmarks/long_search.py --trials 50 --isolate

A random search over the whole space of `SentimentClassifier`, one epoch a trial on a share of the built-in sample.
After each trial the memory of the process is read: its resident set, when what the C library keeps for later was given
back (Linux only). Printed are MiB after some trials, the growth from the first of them to the last, and how many more
variables, graphs and Python objects there are then; the records of the trials are among the objects.
"""

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from long_runs import COUNTED, alive, resident

import rnnkit
from rnnkit import datasets

SHOWN = (5, 10, 20, 30, 40, 50)  # trials; from the first on nothing has to be made any more


def measured(trials, examples, isolate):
    """`memory` in MiB after each trial, and `counts` of what is alive after the first shown trial and the last."""
    train, valid, _ = datasets.load("sentiment-sample")
    memory, counts = [], []

    def after_trial(line):
        memory.append(resident())
        if len(memory) in (SHOWN[0], trials):
            counts.append(alive())

    options = {"max_trials": trials, "epochs": 1, "isolate": isolate, "say": after_trial}
    with tempfile.TemporaryDirectory() as folder:
        rnnkit.tune("sentiment", train[:examples], valid[:examples], "random", directory=f"{folder}/search", **options)
    return memory, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--examples", type=int, default=128, help="of training and of validation data")
    parser.add_argument("--isolate", action="store_true", help="each trial in a process of its own")
    arguments = parser.parse_args()
    memory, (first, last) = measured(arguments.trials, arguments.examples, arguments.isolate)
    shown = [trial for trial in SHOWN if trial < arguments.trials] + [arguments.trials]
    for trial in shown:
        print(f"trial {trial:<4}{memory[trial - 1]:8.1f} MiB")
    print(f"growth    {memory[-1] - memory[shown[0] - 1]:+8.1f} MiB")
    print(", ".join(f"{name} {last[name] - first[name]:+d}" for name in COUNTED))


if __name__ == "__main__":
    main()
