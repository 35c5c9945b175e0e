"""How much dropout suits music of which size: the best validation NLL of `MusicGenerator`; no test data are read.

    python benchmarks/music_dropout.py jsb nottingham --rates 0.6,0.35 --frames 14000 --out dropout.json

The rates are those in front of each layer, and none, the default that follows from the size; inside the head a sixth
less is dropped (`HEAD`). `--frames` trains on the first pieces only, up to that number of frames. Each finished run is
written to --out at once, and a run that stands there already is not done again.
"""

import argparse
import json
import os
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import rnnkit
from rnnkit import datasets

HEAD = 5 / 6


def one_run(data, frames, rate, head, seed):
    keras.utils.set_random_seed(seed)
    train, valid, _ = datasets.load(data)
    ends = np.cumsum([len(roll) for roll in train["roll"]])
    if frames:
        train = train[: np.searchsorted(ends, frames) + 1]
    options = {} if rate is None else {"dropout": rate, "head_dropout": rate * HEAD}
    model = rnnkit.MusicGenerator(head, **options)
    start = time.perf_counter()
    history = model.fit(train, validation_data=valid, verbose=0)
    best = int(np.argmin(history.history["val_nll"]))
    return {
        "pieces": len(train),
        "valid": history.history["val_nll"][best],
        "train": history.history["nll"][best],
        "epochs": len(history.epoch),
        "seconds": round(time.perf_counter() - start),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=["jsb", "nottingham", "muse_data", "piano_midi", "music-sample"])
    parser.add_argument("--rates", default="0.6,0.35", help="comma-separated; none is the default")
    parser.add_argument("--frames", type=int, help="of the training data; default: all")
    parser.add_argument("--head", default="independent", choices=["independent", "joint"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    runs = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else []
    rates = [None if rate == "none" else float(rate) for rate in arguments.rates.split(",")]
    for data, rate in product(arguments.data, rates):
        row = {"data": data, "frames": arguments.frames, "rate": rate, "head": arguments.head, "seed": arguments.seed}
        if any(row.items() <= run.items() for run in runs):
            continue
        runs.append(row | one_run(**row))
        print(json.dumps(runs[-1]), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(runs, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
