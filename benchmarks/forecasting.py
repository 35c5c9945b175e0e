"""Mean squared error of `Forecaster` on ETTh1, ETTh2 and exchange_rate at the field's horizons, and coverage.

    python benchmarks/forecasting.py ETTh1 ETTh2 --out forecasting.json
    python benchmarks/forecasting.py ETTh1 --horizons 96 --units 256 --loss quantiles --out quantiles.json
    python benchmarks/forecasting.py --test --out forecasting.json

As the field counts: all columns, standardised by the training part; the mean over all windows of the test part, of
which none is left out; windows look back into the part before. The epoch, and of several settings the best one, is
chosen on validation; --test evaluates on the test part those that are best there, once. The settings are those of
SegRNN (look back 720, segments of 48, dropout .5, mean absolute error, learning rate 1e-3 that falls by 0.8 an epoch
from the fourth on) with fewer units, and an epoch is STEPS batches of windows drawn without replacement.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import rnnkit
from rnnkit import datasets

HORIZONS, LOOKBACK, STEPS = (96, 192, 336, 720), 720, 100


def rate(first):
    """SegRNN's schedule of the learning rate."""
    return keras.callbacks.LearningRateScheduler(lambda epoch, _: first * 0.8 ** max(0, epoch - 2))


def one_run(data, horizon, settings, seed, folder):
    keras.utils.set_random_seed(seed)
    splits = datasets.load(data)
    model = rnnkit.Forecaster(
        horizon,
        settings["lookback"],
        settings["cell"],
        settings["units"],
        loss=settings["loss"],
        segment=settings["segment"],
        head_dropout=settings["dropout"],
        normalization=settings["normalization"],
    )
    start = time.perf_counter()
    model.patience = 5
    schedule = rate(settings["learning_rate"])
    options = {"batch_size": settings["batch_size"], "steps_per_epoch": STEPS, "verbose": 0, "callbacks": [schedule]}
    history = model.fit(splits.train, validation_data=splits.valid, validation_batch_size=1024, **options)
    seconds = time.perf_counter() - start
    valid = model.evaluate(splits.valid, batch_size=1024, verbose=0, return_dict=True)
    name = "-".join(str(value) for value in (data, horizon, *settings.values(), seed))
    file = folder / f"{name}.keras"
    model.save(file)
    return {"valid": valid["mse"], "epochs": len(history.epoch), "seconds": seconds, "file": str(file)}


def tested(run):
    """The run with its figures on test data; at the shortest horizon also the coverage of intervals of 90 %."""
    model, splits = rnnkit.load(run["file"]), datasets.load(run["data"])
    found = model.evaluate(splits.test, batch_size=1024, verbose=0, return_dict=True)
    run |= {"test": found["mse"], "mae": found["mae"]}
    if run["horizon"] == min(HORIZONS):
        if model.head.loss == "quantiles":
            run["coverage"] = coverage(model, splits.test)
        model.calibrate(splits.valid)
        run["calibrated"] = coverage(model, splits.test)
    return run


def coverage(model, data):
    """The fraction of the values of all windows within the intervals of 90 %."""
    windows = model.windows(data)
    described = model.described(windows, 1024)
    low, high = model.quantiles_of(windows, described, [0.05, 0.95]).values()
    shift, scale = windows.scales(slice(None))
    actual = windows.y[np.arange(len(windows))] * scale + shift
    return float(((low <= actual) & (actual <= high)).mean())


def show(runs):
    print(f"{'data':<14}{'horizon':>8}{'valid':>8}{'test':>8}{'mae':>8}{'coverage':>10}  seconds  settings")
    for run in sorted(runs, key=lambda run: (run["data"], run["horizon"], run["valid"])):
        figures = (f"{run[name]:.3f}" if name in run else "-" for name in ("test", "mae", "calibrated"))
        test, mae, covered = figures
        where = f"{run['data']:<14}{run['horizon']:>8}{run['valid']:>8.3f}"
        print(f"{where}{test:>8}{mae:>8}{covered:>10}  {run['seconds']:>7.0f}  {run['settings']}")


def best(runs):
    """Of each data set, horizon and loss the run that is best on validation."""
    keys = {(run["data"], run["horizon"], run["settings"]["loss"]) for run in runs}
    mine = {key: [r for r in runs if (r["data"], r["horizon"], r["settings"]["loss"]) == key] for key in keys}
    return [min(group, key=lambda run: run["valid"]) for group in mine.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", help="ETTh1, ETTh2, exchange_rate")
    parser.add_argument("--horizons", default=",".join(map(str, HORIZONS)))
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--cell", default="gru")
    parser.add_argument("--loss", default="mae")
    parser.add_argument("--lookback", type=int, default=LOOKBACK)
    parser.add_argument("--segment", type=int, default=48)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--normalization", default="last")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", action="store_true", help="evaluate the best of each on the test part")
    parser.add_argument("--out", type=Path, default=Path("forecasting.json"))
    arguments = parser.parse_args()
    runs = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else []
    names = ("lookback", "cell", "units", "loss", "segment", "dropout", "batch_size", "learning_rate", "normalization")
    settings = {name: getattr(arguments, name) for name in names}
    for horizon in map(int, arguments.horizons.split(",")):
        for data in arguments.data:
            key = {"data": data, "horizon": horizon, "seed": arguments.seed, "settings": settings}
            if any(all(run[name] == value for name, value in key.items()) for run in runs):
                continue
            runs.append(key | one_run(data, horizon, settings, arguments.seed, arguments.out.parent))
            print(json.dumps(runs[-1]), flush=True)
            arguments.out.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    if arguments.test:
        for run in best(runs):
            if "test" not in run:
                tested(run)
                arguments.out.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    show(runs)


if __name__ == "__main__":
    main()
