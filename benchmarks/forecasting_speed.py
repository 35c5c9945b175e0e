"""Training windows per second: `Forecaster` and the same GRU in plain Keras; and memory with many series.

    python benchmarks/forecasting_speed.py
    python benchmarks/forecasting_speed.py --series 10000

Both sides read windows of 96 steps and forecast 24 with a GRU of 128 units and a linear map (`decoder="direct"`),
batches of 64, mean squared error, Adam. Plain Keras takes its windows from `timeseries_dataset_from_array`. Each side
trains for STEPS steps in turn, ROUNDS times; the best round of each counts. Seconds are of the processor (all threads),
so that other work on the machine does not show.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from rnnkit import Forecaster
from rnnkit.datasets import Dataset, Series
from rnnkit.datasets.series import Roles

LOOKBACK, HORIZON, UNITS, BATCH, STEPS, ROUNDS = 96, 24, 128, 64, 50, 3


def ours(values):
    model = Forecaster(HORIZON, LOOKBACK, "gru", UNITS, decoder="direct", loss="mse")
    data = Dataset({"series": [Series(values)]})
    model.adapt(data)
    model.compile(keras.optimizers.Adam(), "auto", metrics=[])
    return lambda: model.fit(data, epochs=1, steps_per_epoch=STEPS, batch_size=BATCH, verbose=0)


def plain(values):
    scaled = ((values - values.mean()) / values.std()).astype("float32")[:, None]
    windows = keras.utils.timeseries_dataset_from_array(
        scaled, None, LOOKBACK + HORIZON, batch_size=BATCH, shuffle=True, seed=0
    )
    data = windows.map(lambda window: (window[:, :LOOKBACK], window[:, LOOKBACK:, 0])).repeat()
    model = keras.Sequential([keras.Input((LOOKBACK, 1)), keras.layers.GRU(UNITS), keras.layers.Dense(HORIZON)])
    model.compile(keras.optimizers.Adam(), "mse")
    return lambda: model.fit(data, epochs=1, steps_per_epoch=STEPS, shuffle=False, verbose=0)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compare():
    values = np.random.default_rng(0).normal(size=20_000).cumsum()
    sides, best = {"rnnkit": ours(values), "plain Keras": plain(values)}, {}
    for fit in sides.values():
        fit()  # traces
    for _ in range(ROUNDS):
        for name, fit in sides.items():
            start = time.process_time()
            fit()
            best[name] = min(best.get(name, np.inf), time.process_time() - start)
    for name, seconds in best.items():
        print(f"{name:<12} {STEPS * BATCH / seconds:>8.0f} windows per processor second")


def many(count):
    print(f"imports: {peak():.0f} MiB at most")
    rng = np.random.default_rng(0)
    roles = Roles(("y",), group="g")
    lengths = rng.integers(200, 2001, count)
    data = Dataset(
        {"series": [Series(rng.normal(size=n).cumsum(), group=g, roles=roles) for g, n in enumerate(lengths)]}
    )
    model = Forecaster(HORIZON, LOOKBACK, "gru", 16, segment=24, loss="mae")
    start = time.process_time()
    model.adapt(data)
    windows = len(model.encoded(data)["lengths"])
    print(
        f"{count} series, {windows:,} windows: {time.process_time() - start:.1f} s to prepare, {peak():.0f} MiB at most"
    )
    start = time.process_time()
    model.fit(data, epochs=1, steps_per_epoch=STEPS, batch_size=4096, verbose=0)
    print(f"{STEPS} steps of 4,096 windows: {time.process_time() - start:.1f} s, {peak():.0f} MiB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, help="measure memory with this number of series instead")
    arguments = parser.parse_args()
    compare() if arguments.series is None else many(arguments.series)
