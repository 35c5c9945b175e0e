"""Does a search that ends failing trials early find as much as plain KerasTuner, and waste less time?

    python benchmarks/search_quality.py --out search.json
    python benchmarks/search_quality.py --data sentiment-sample --minutes 1 --searches 1

Both ways go through the same list of trials, drawn at random with the search's seed, for the same number of minutes:
the same hyperparameters, starts and clipping. The learning rate is drawn from 1e-4 to 1, as by someone who does not
know the task yet; the rest is the default space. The second trial's learning rate is 1e38, which gives NaN. Plain is
KerasTuner's own tuner, with a clock; the other is rnnkit's, with the guard's defaults.

Fixed beforehand: the score of a search is its best accuracy on validation data. A trial's time is wasted where its best
accuracy is less than 5 points above that of always saying the most frequent label. The two ways run at the same time,
each in a fresh process with half of the cores, so what else the machine does slows both. A search that stands in --out
already is not done again.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner

from rnnkit import datasets
from rnnkit.callbacks import GradientClipping
from rnnkit.tasks.sentiment.spec import most_frequent_label
from rnnkit.tuning.task_model import TaskHyperModel
from rnnkit.tuning.trial_guard import OutOfTime, TimeLimit
from rnnkit.tuning.tuners import guided

LISTED = 300  # trials of a search at most
APART = 10_000  # more than a search draws: KerasTuner's seeds k and k + 1 share all but the first of their draws
RATES, FAILING_RATE, FAILING_PLACE = (1e-4, 1.0), 1e38, 1
ABOVE_CHANCE = 0.05


class Best(keras.callbacks.Callback):
    """The best accuracy on validation of a training."""

    accuracy = 0.0

    def on_epoch_end(self, epoch, logs=None):
        self.accuracy = max(self.accuracy, logs["val_accuracy"])


class Guarded(TaskHyperModel):
    """What `rnnkit.tune` trains."""

    def fit(self, hp, model, *arguments, callbacks=(), **options):
        self.best = Best()
        return super().fit(hp, model, *arguments, callbacks=[*callbacks, self.best], **options)


class Plain(TaskHyperModel):
    """The same models, starts and clipping, and nothing that looks at the gradients."""

    def fit(self, hp, model, *arguments, callbacks=(), **options):
        self.best, values = Best(), self.sample(hp)
        rule = values["clipping"]
        clips = [] if rule == "none" else [GradientClipping(rule, values["threshold"])]
        callbacks = [*clips, *callbacks, self.best]
        return model.fit(*arguments, batch_size=values["batch_size"], callbacks=callbacks, **options)


class Replay(keras_tuner.Oracle):
    """Deals out a list of trials."""

    def __init__(self, listed):
        super().__init__(keras_tuner.Objective("val_accuracy", "max"), max_consecutive_failed_trials=LISTED)
        self.listed = listed

    def populate_space(self, trial_id):
        number = int(trial_id)
        if number >= len(self.listed):
            return {"status": "STOPPED"}
        return {"status": "RUNNING", "values": dict(self.listed[number])}


class Noted:
    """Keeps a row of each trial."""

    rows: list

    def run_trial(self, trial, *arguments, **options):
        start, self.hypermodel.best, reason = time.perf_counter(), Best(), ""
        try:
            return super().run_trial(trial, *arguments, **options)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise
        finally:
            row = {"trial": trial.trial_id, "accuracy": self.hypermodel.best.accuracy, "reason": reason}
            self.rows.append({**row, "seconds": time.perf_counter() - start})
            print(type(self).__name__, json.dumps(self.rows[-1]), flush=True)


class Clocked(keras_tuner.Tuner):
    """KerasTuner's tuner with a time budget."""

    @property
    def left(self):
        return 60 * self.minutes - sum(row["seconds"] for row in self.rows)

    def pre_create_trial(self):
        if self.left <= 0:
            raise OutOfTime

    def run_trial(self, trial, *arguments, **options):
        options["callbacks"] = [TimeLimit(self.left), *options.get("callbacks", ())]
        return super().run_trial(trial, *arguments, **options)


class PlainSearch(Noted, Clocked):
    """KerasTuner."""


class GuardedSearch(Noted, guided(keras_tuner.Tuner)):
    """rnnkit."""


WAYS = {"plain": (PlainSearch, Plain), "guarded": (GuardedSearch, Guarded)}


def one_search(data, way, seed, minutes):
    """The trials of a search: their best accuracy, seconds and, where they were ended, the reason."""
    train, valid, _ = datasets.load(data)
    search, kind = WAYS[way]
    model = kind("sentiment", learning_rate=RATES)
    with tempfile.TemporaryDirectory() as folder:
        tuner = search(oracle=Replay(trials(model, seed)), hypermodel=model, directory=folder)
        tuner.minutes, tuner.rows = minutes, []
        with contextlib.suppress(OutOfTime):
            tuner.search(train, validation_data=valid, verbose=0)
    chance = most_frequent_label(train, valid)["accuracy"]
    return {"way": way, "seed": seed, "minutes": minutes, "chance": chance, "trials": tuner.rows}


def trials(model, seed):
    """The values of a search's trials, in their order."""
    space = keras_tuner.HyperParameters()
    model.build(space)
    oracle = keras_tuner.oracles.RandomSearchOracle(max_trials=LISTED, seed=1 + APART * seed, hyperparameters=space)
    drawn = [oracle.populate_space(str(number))["values"] for number in range(LISTED)]
    drawn[FAILING_PLACE]["learning_rate"] = FAILING_RATE
    return drawn


def wasted(search, count=None):
    """Seconds on the first trials that end less than 5 points above chance."""
    goal = search["chance"] + ABOVE_CHANCE
    return sum(row["seconds"] for row in search["trials"][:count] if row["accuracy"] < goal)


def best(search):
    return max(row["accuracy"] for row in search["trials"])


def show(searches):
    by_seed = {}
    for each in searches:
        by_seed.setdefault(each["seed"], {})[each["way"]] = each
    print(f"\n{'search':<8}{'way':<10}{'trials':>7}{'best':>9}{'wasted':>10}{'on the same trials':>20}")
    pairs = [ways for _, ways in sorted(by_seed.items()) if len(ways) == len(WAYS)]
    for ways in pairs:
        same = min(len(each["trials"]) for each in ways.values())
        for way in WAYS:
            each = ways[way]
            row = f"{each['seed']:<8}{way:<10}{len(each['trials']):>7}{best(each):>9.4f}{wasted(each):>8.0f} s"
            print(f"{row}{wasted(each, same):>18.0f} s")
    if not pairs:
        return
    found = {way: statistics.mean(best(ways[way]) for ways in pairs) for way in WAYS}
    spent = {way: sum(wasted(ways[way]) for ways in pairs) for way in WAYS}
    ahead = sum(best(ways["guarded"]) >= best(ways["plain"]) for ways in pairs)
    print(f"mean best accuracy: guarded {found['guarded']:.4f}, plain {found['plain']:.4f}")
    print(f"guarded as good or better in {ahead} of {len(pairs)} searches")
    if spent["plain"]:
        print(f"time wasted: {1 - spent['guarded'] / spent['plain']:.0%} less with the guard")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sst2", choices=["sst2", "sentiment-sample"])
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--searches", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "SEED", "FILE"), help="one search only, into a file")
    arguments = parser.parse_args()
    if arguments.one:
        way, seed, file = arguments.one
        found = one_search(arguments.data, way, int(seed), arguments.minutes)
        Path(file).write_text(json.dumps(found), encoding="utf-8")
        return
    out = arguments.out
    searches = json.loads(out.read_text(encoding="utf-8")) if out and out.exists() else []
    for seed in range(arguments.searches):
        if seed in {each["seed"] for each in searches}:
            continue
        print(f"search {seed}", flush=True)
        searches += side_by_side(arguments, seed)
        if out:
            out.write_text(json.dumps(searches, indent=1), encoding="utf-8")
    show(searches)


def side_by_side(arguments, seed):
    """One search each way, at the same time."""
    threads = str(max(1, (os.cpu_count() or 1) // len(WAYS)))
    limits = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    half = {**os.environ, **dict.fromkeys(limits, threads)}
    command = [sys.executable, __file__, "--data", arguments.data, "--minutes", str(arguments.minutes)]
    with tempfile.TemporaryDirectory() as folder:
        files = {way: Path(folder) / f"{way}.json" for way in WAYS}
        running = [
            subprocess.Popen([*command, "--one", way, str(seed), str(file)], env=half) for way, file in files.items()
        ]
        codes = [process.wait() for process in running]
        if any(codes):
            raise SystemExit(f"A search failed: {dict(zip(WAYS, codes, strict=True))}")
        return [json.loads(file.read_text(encoding="utf-8")) for file in files.values()]


if __name__ == "__main__":
    main()
