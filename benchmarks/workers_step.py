"""One of the workers that `workers.py` measures: trains on made-up reviews, and prints what a step took.

python benchmarks/workers_step.py WORKER ADDRESS[,ADDRESS ...] SST-2|IMDB STEPS [--guarded]
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import keras
import numpy as np

from rnnkit import SentimentClassifier, callbacks, workers

BATCH, WORDS, WARM = 32, 15_000, 12
UNITS = {"SST-2": 64, "IMDB": 128}
LENGTHS = {"SST-2": (3.2, 6, 52), "IMDB": (2.4, 97, 400)}  # shape and scale of a gamma distribution, and the most


def sent() -> int:
    """Bytes that went over the loopback interface."""
    lines = Path("/proc/net/dev").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.strip().startswith("lo:"))


def texts(data: str, count: int):
    """Texts as long as those of a data set, over words of the frequencies of a language, and their labels."""
    rng = np.random.default_rng(0)
    frequencies = 1 / np.arange(1, WORDS + 1)
    shape, scale, most = LENGTHS[data]
    lengths = np.clip(rng.gamma(shape, scale, size=count).astype(int), 2, most)
    drawn = [rng.choice(WORDS, length, p=frequencies / frequencies.sum()) for length in lengths]
    words = [" ".join(f"w{word}" for word in each) for each in drawn]
    return words, rng.integers(0, 2, count)


class Watch(keras.callbacks.Callback):
    """Notes time and bytes after each step."""

    def __init__(self):
        super().__init__()
        self.times, self.sent = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter())
        self.sent.append(sent())


def main() -> None:
    number, names, data, steps = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3], int(sys.argv[4])
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[number % len(os.sched_getaffinity(0))]})
    scope = workers.strategy(names, number) if len(names) > 1 else contextlib.nullcontext()
    keras.utils.set_random_seed(0)
    x, y = texts(data, BATCH * len(names) * steps)
    with scope:
        model = SentimentClassifier(cell="lstm", units=UNITS[data])
    model.adapt([" ".join(f"w{word}" for word in range(WORDS))] * 2, [0, 1])
    watch = Watch()
    guard = [callbacks.GradientHealth(max_rows=20_000), callbacks.GradientGuard("skip")]
    own = [*(guard if "--guarded" in sys.argv else []), watch]
    model.fit(x, y, epochs=1, batch_size=BATCH * len(names), verbose=0, callbacks=own)
    sizes = {each.path: int(np.prod(each.shape)) for each in model.trainable_variables}
    seconds = watch.times[-1] - watch.times[WARM]
    found = {
        "ms": 1000 * seconds / (len(watch.times) - 1 - WARM),
        "bytes": (watch.sent[-1] - watch.sent[WARM]) / (len(watch.sent) - 1 - WARM) / len(names),
        "dense": 4 * (sum(sizes.values()) - max(sizes.values())),
        "embedding": 4 * max(sizes.values()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
