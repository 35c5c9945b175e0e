"""Does a long search need more and more memory, and more and more time between its trials?

    python benchmarks/long_search.py --trials 50
    python benchmarks/long_search.py --trials 50 --isolate
    python benchmarks/long_search.py --proposals 20 100 300

A random search over the whole space of `SentimentClassifier`, one epoch a trial on a share of the built-in sample.
After each trial the memory of the process is read: its resident set, when what the C library keeps for later was given
back (Linux only). Printed are MiB after some trials, the growth from the first of them to the last, and how many more
variables, graphs and Python objects there are then; the records of the trials are among the objects.

`--proposals` trains nothing: it prints how long each algorithm takes to propose a trial after N others, in the whole
space of `SentimentClassifier`, with scores drawn at random; the median of three.
"""

import argparse
import os
import random
import statistics
import tempfile
import time

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


def proposing(algorithm, known):
    """Seconds that an algorithm takes to propose the next trial, given `known` finished ones."""
    import keras_tuner

    model, goal = rnnkit.tuning.hypermodel("sentiment"), keras_tuner.Objective("val_accuracy", "max")
    chance, times = random.Random(0), []
    with tempfile.TemporaryDirectory() as folder:
        tuner = algorithm(model, goal, max_trials=known + 3, seed=1, directory=folder)
        oracle = tuner.oracle
        oracle.verbose = 0
        oracle.num_initial_points = known  # until then the Bayesian one draws at random too
        while len(times) < known + 3:
            start = time.perf_counter()
            trial = oracle.create_trial("tuner0")
            times.append(time.perf_counter() - start)
            oracle.update_trial(trial.trial_id, {"val_accuracy": chance.random()})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
    return statistics.median(times[known:])


def compare_proposals(counts):
    import keras_tuner

    for known in counts:
        took = [proposing(each, known) for each in (keras_tuner.BayesianOptimization, keras_tuner.RandomSearch)]
        print(f"after {known:>4} trials: bayesian {took[0]:6.2f} s, random {took[1]:6.3f} s per proposal", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--examples", type=int, default=128, help="of training and of validation data")
    parser.add_argument("--isolate", action="store_true", help="each trial in a process of its own")
    parser.add_argument(
        "--proposals", type=int, nargs="+", metavar="TRIALS", help="time proposals after this number of finished trials"
    )
    arguments = parser.parse_args()
    if arguments.proposals:
        compare_proposals(arguments.proposals)
        return
    memory, (first, last) = measured(arguments.trials, arguments.examples, arguments.isolate)
    shown = [trial for trial in SHOWN if trial < arguments.trials] + [arguments.trials]
    for trial in shown:
        print(f"trial {trial:<4}{memory[trial - 1]:8.1f} MiB")
    print(f"growth    {memory[-1] - memory[shown[0] - 1]:+8.1f} MiB")
    print(", ".join(f"{name} {last[name] - first[name]:+d}" for name in COUNTED))


if __name__ == "__main__":
    main()
