"""Training windows per second: `Forecaster`, and the same GRU in plain Keras and in PyTorch; an epoch of many series.

    python benchmarks/forecasting_speed.py
    OMP_NUM_THREADS=2 python benchmarks/forecasting_speed.py
    python benchmarks/forecasting_speed.py --series 10000

All sides read windows of 96 steps and forecast 24 with a GRU of 128 units and a linear map (`decoder="direct"`),
batches of 64, mean squared error, Adam. Plain Keras takes its windows from `timeseries_dataset_from_array`, PyTorch by
index from a view of all windows; PyTorch is left out where it is not installed. Each side has a process of its own with
one thread, and trains for STEPS steps when its turn comes, ROUNDS times; the best round of each counts. Seconds are of
the processor, so that other work on the machine shows less; with several threads (OMP_NUM_THREADS), of the clock.
"""

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import time

THREADS = os.environ.setdefault("OMP_NUM_THREADS", "1")
for variable in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, THREADS)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402  (threads are read at the import)

LOOKBACK, HORIZON, UNITS, BATCH, STEPS, ROUNDS = 96, 24, 128, 64, 50, 5


def ours(values):
    import keras

    from rnnkit import Forecaster
    from rnnkit.datasets import Dataset, Series

    model = Forecaster(HORIZON, LOOKBACK, "gru", UNITS, decoder="direct", loss="mse")
    data = Dataset({"series": [Series(values)]})
    model.adapt(data)
    model.compile(keras.optimizers.Adam(), "auto", metrics=[])
    return lambda: model.fit(data, epochs=1, steps_per_epoch=STEPS, batch_size=BATCH, verbose=0)


def plain(values):
    import keras

    windows = keras.utils.timeseries_dataset_from_array(
        scaled(values)[:, None], None, LOOKBACK + HORIZON, batch_size=BATCH, shuffle=True, seed=0
    )
    data = windows.map(lambda window: (window[:, :LOOKBACK], window[:, LOOKBACK:, 0])).repeat()
    model = keras.Sequential([keras.Input((LOOKBACK, 1)), keras.layers.GRU(UNITS), keras.layers.Dense(HORIZON)])
    model.compile(keras.optimizers.Adam(), "mse")
    return lambda: model.fit(data, epochs=1, steps_per_epoch=STEPS, shuffle=False, verbose=0)


def in_torch(values):
    import torch

    torch.set_num_threads(int(THREADS))
    windows = torch.tensor(scaled(values)).unfold(0, LOOKBACK + HORIZON, 1)
    recurrent, linear = torch.nn.GRU(1, UNITS, batch_first=True), torch.nn.Linear(UNITS, HORIZON)
    optimizer = torch.optim.Adam([*recurrent.parameters(), *linear.parameters()])

    def fit():
        for rows in torch.randperm(len(windows))[: STEPS * BATCH].split(BATCH):
            batch = windows[rows]
            optimizer.zero_grad()
            outputs, _ = recurrent(batch[:, :LOOKBACK, None])
            torch.nn.functional.mse_loss(linear(outputs[:, -1]), batch[:, LOOKBACK:]).backward()
            optimizer.step()

    return fit


SIDES = {"rnnkit": ours, "plain Keras": plain, "PyTorch": in_torch}


def clock():
    return time.process_time() if THREADS == "1" else time.perf_counter()


def scaled(values):
    return ((values - values.mean()) / values.std()).astype("float32")


def serve(side):
    """Trains whenever a line comes in, and answers with the seconds that it took."""
    fit = SIDES[side](np.random.default_rng(0).normal(size=20_000).cumsum())
    fit()  # traces
    for _ in sys.stdin:
        start = clock()
        fit()
        print(clock() - start, flush=True)


def compare():
    sides = [side for side in SIDES if side != "PyTorch" or importlib.util.find_spec("torch")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = {side: subprocess.Popen([sys.executable, __file__, "--side", side], **pipes) for side in sides}
    rounds = []
    for _ in range(ROUNDS):
        rounds.append({side: _once(process) for side, process in processes.items()})
    for process in processes.values():
        process.stdin.close()
        process.wait()
    best = {side: min(each[side] for each in rounds) for side in sides}
    for side, seconds in best.items():
        ratios = ", ".join(f"{each[side] / each['rnnkit']:.2f}" for each in rounds)
        print(
            f"{side:<12} {STEPS * BATCH / seconds:>6.0f} windows per second; rnnkit's rate over it "
            f"{seconds / best['rnnkit']:.2f} (by round {ratios})"
        )


def _once(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def many(count):
    from rnnkit import Forecaster
    from rnnkit.datasets import Dataset, Series
    from rnnkit.datasets.series import Roles

    rng = np.random.default_rng(0)
    roles = Roles(("y",), group="g")
    lengths = rng.integers(200, 2001, count)
    data = Dataset(
        {"series": [Series(rng.normal(size=n).cumsum(), group=g, roles=roles) for g, n in enumerate(lengths)]}
    )
    model = Forecaster(HORIZON, LOOKBACK, "gru", 16, segment=24, loss="mae")
    print(f"imports and data: {peak():.0f} MiB at most", flush=True)
    start = time.process_time()
    model.adapt(data)
    windows = len(model.encoded(data)["lengths"])
    said = f"{count:,} series, {windows:,} windows: {time.process_time() - start:.1f} s to prepare"
    print(f"{said}, {peak():.0f} MiB at most", flush=True)
    start = time.process_time()
    model.fit(data, epochs=1, batch_size=4096, verbose=0)
    print(f"an epoch in batches of 4,096: {time.process_time() - start:.1f} s, {peak():.0f} MiB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, help="an epoch of this number of series instead, its time and memory")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        serve(arguments.side)
    elif arguments.series:
        many(arguments.series)
    else:
        compare()
