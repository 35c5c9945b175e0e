r"""A run is killed at random observed places and started again: how often does it end as if it never was?

    python benchmarks/kills.py --kills 20

A small run on the sentiment sample, with all callbacks that `rnnkit run` has, trains in a process of its own. It is
killed (SIGKILL) where it says that it is: in a training step, in validation, at the end of an epoch, and in a save:
half written, whole but not yet named, and named while the old saves still lie there. Then it is started again, and what
it leaves is compared with a run that was never killed: digests of weights with seeds, optimizer, history, gradient
records and spectra. The columns that `ThroughTime` adds to the history where the clock gives it time are left out.
"""

import argparse
import collections
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BY_THE_CLOCK = ["gain_min", "gain_max", "horizon_min"]
SAVE_EVERY = 10  # batches
OPTIONS = {"cell": "gru", "units": 4, "epochs": 3, "batch_size": 64, "clip": "zscore"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of places")
    parser.add_argument("--run", help=argparse.SUPPRESS)  # what the killed processes are started with
    parser.add_argument("--place", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run, options.place)
        return
    with tempfile.TemporaryDirectory() as folder:
        survived = kill(Path(folder), options.kills, random.Random(options.seed))
    print(f"survived {survived} of {options.kills}")
    sys.exit(survived < options.kills)


def kill(folder, kills, chance):
    """How many kills a run survived with nothing lost."""
    whole = end_of(started(folder / "whole"))
    kinds = collections.defaultdict(list)
    for place in whole.pop("places"):
        kinds[place.split()[0]].append(place)
    survived = 0
    for number in range(kills):
        place = chance.choice(kinds[chance.choice(sorted(kinds))])
        with started(folder / str(number), place) as process:
            said = process.stdout.readline().strip()
            process.kill()
        ended = end_of(started(folder / str(number)))
        ended.pop("places")
        lost = [name for name in whole if ended[name] != whole[name]]
        good = said == place and process.returncode == -9 and not lost
        survived += good
        print(
            f"{number + 1:>3}  {place:<22} {'survived' if good else f'lost: {lost or process.returncode}'}", flush=True
        )
    return survived


def started(folder, place=None):
    command = [sys.executable, __file__, "--run", str(folder), *(["--place", place] if place else [])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def end_of(process):
    out, _ = process.communicate()
    return json.loads(out.splitlines()[-1])


def run(folder, place):
    """One run, which stops where it is asked to; prints digests of all that it leaves."""
    from rnnkit.study import run as study
    from rnnkit.tasks.config import RunConfig

    places = Places(place)
    watch_saves(places.reach)
    study.SAVE_EVERY = SAVE_EVERY
    config = RunConfig("sentiment", **OPTIONS)
    trained = study.train(config, study.open_data(config), [callback(places)], state=folder)
    model, health = trained.model, trained.health
    leaves = {
        "weights and seeds": digest(*(variable.numpy().tobytes() for variable in model.variables)),
        "optimizer": digest(*(variable.numpy().tobytes() for variable in model.optimizer.variables)),
        "history": digest(trained.history.drop(columns=BY_THE_CLOCK).to_csv().encode()),
        "gradients": digest(health.frame.to_csv().encode(), health.steps.to_csv().encode()),
        "spectra": digest(trained.tables["spectrum"].to_csv().encode()),
        "test": trained.metrics["test"],
    }
    print(json.dumps({**leaves, "places": places.seen}))


class Places:
    """Where a run is; at `place` it says so and stays there, or, in a training step, continues until it is killed."""

    def __init__(self, place):
        self.place, self.seen = place, []

    def reach(self, here):
        self.seen.append(here)
        if here == self.place:
            print(here, flush=True)
            if not here.startswith("step"):
                time.sleep(600)


def callback(places):
    import keras

    class Tell(keras.callbacks.Callback):
        async_safe = True

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            places.reach(f"step {self.epoch}.{batch}")

        def on_test_batch_begin(self, batch, logs=None):
            places.reach(f"validation {self.epoch}.{batch}")

        def on_epoch_end(self, epoch, logs=None):
            places.reach(f"epoch {epoch}")

    return Tell()


def watch_saves(reach):
    from rnnkit.callbacks.resuming import state_files

    write, replace, sync = state_files._write, os.replace, state_files._sync

    def half_first(path, content):
        write(path, content[: len(content) // 2])
        reach(f"half-written {path.stem}")
        write(path, content)

    def not_named(source, target):
        if str(target).endswith(state_files.SUFFIX):
            reach(f"not-named {Path(target).stem}")
        replace(source, target)

    def named(folder):
        reach(f"named {max(folder.glob('*' + state_files.SUFFIX)).stem}")
        sync(folder)

    state_files._write, os.replace, state_files._sync = half_first, not_named, named


def digest(*contents):
    return hashlib.sha256(b"".join(contents)).hexdigest()


if __name__ == "__main__":
    main()
