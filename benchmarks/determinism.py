"""What `rnnkit run --deterministic` costs a training, for every task on its built-in sample.

    python benchmarks/determinism.py --rounds 5

Trains each task as shipped, with and without, in turns of one process each, for TensorFlow cannot go back within one.
The first epoch of a `fit` compiles and is not counted. Prints for each task the median seconds of an epoch of both,
and the median over the rounds of their ratio: above 1 is what it costs.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TASKS = ("sentiment", "ner", "music", "translation", "memory")


def epoch_seconds(task, deterministic, epochs, rows):
    """The seconds of each epoch but the first; in this process."""
    import keras

    from rnnkit.study.run import open_data, prepare
    from rnnkit.tasks.config import RunConfig

    config = RunConfig(task, deterministic=deterministic)
    splits = type(data := open_data(config))(*(part.take(range(min(rows, len(part)))) for part in data))
    model = prepare(config, splits)
    ends = []
    tick = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))
    model.fit(splits.train, epochs=epochs + 1, callbacks=[tick], verbose=0)
    return [after - before for before, after in itertools.pairwise(ends)]


def measured(task, deterministic, arguments):
    """The median of `epoch_seconds` in a process of its own."""
    options = ["--one", task, "--epochs", arguments.epochs, "--rows", arguments.rows]
    command = [sys.executable, __file__, *options, *["--deterministic"] * deterministic]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return statistics.median(json.loads(ended.stdout.splitlines()[-1]))


def show(task, rounds):
    """Prints a task's row: rounds are pairs, without and with."""
    ratio = statistics.median(with_it / without for without, with_it in rounds)
    without, with_it = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"{task:<12} {without:>10.3f} {with_it:>14.3f} {ratio:>7.2f}x", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="pairs of processes a task")
    parser.add_argument("--epochs", type=int, default=3, help="counted epochs of each")
    parser.add_argument("--rows", type=int, default=2000, help="examples at most")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--out", help="JSON file for all pairs of seconds")
    parser.add_argument("--one", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--deterministic", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.epochs, arguments.rows) < 1:
        parser.error("--rounds, --epochs, --rows: at least one is needed")
    if arguments.one:
        print(json.dumps(epoch_seconds(arguments.one, arguments.deterministic, arguments.epochs, arguments.rows)))
        return
    print(f"{'':<12} {'s/epoch':>10} {'deterministic':>14} {'ratio':>8}")
    found = {}
    for task in arguments.tasks:
        orders = ((False, True) if number % 2 else (True, False) for number in range(arguments.rounds))
        found[task] = [
            [seconds for _, seconds in sorted((which, measured(task, which, arguments)) for which in order)]
            for order in orders
        ]
        show(task, found[task])
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
