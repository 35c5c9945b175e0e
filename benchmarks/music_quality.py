"""NLL of `MusicGenerator`, as in the table of Chung et al. 2014; and speed and limits of `generate`.

    python benchmarks/music_quality.py jsb nottingham --cells simple_rnn,lstm,gru --seeds 3 --out music.json
    python benchmarks/music_quality.py jsb --cells gru --heads joint --seeds 3 --out music.json
    python benchmarks/music_quality.py jsb --cells gru --heads joint --speed

The model is that of `rnnkit run music` on the same data. The epoch is chosen on validation; the test set is looked at
once a run. The NLL is summed over the 88 keys and leaves out the first frame of each piece. Figures of the joint head
stand in rows of their own: it is in the same unit, but sees the lower keys of the frame that it predicts. Each finished
run is written to --out at once, and a run that stands there already is not done again, so an interrupted table is
continued.

--speed trains one model a row, prints how many frames a second it writes for 16 pieces, and measures 20 pieces written
with and without the limits on holding and silence, compared with the training data.
"""

import argparse
import json
import math
import os
import statistics
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.tasks.music import baseline_nll, compare_music
from rnnkit.tasks.music.spec import Music

PIECES, SAMPLES, FRAMES = 16, 20, 200
FREE = {"max_hold": math.inf, "max_silence": math.inf}


def trained(data, head, cell, seed, verbose):
    keras.utils.set_random_seed(seed)
    splits = datasets.load(data)
    model = rnnkit.MusicGenerator(head, cell, **Music.suited.get(data, {}))
    start = time.perf_counter()
    history = model.fit(splits.train, validation_data=splits.valid, verbose=verbose)
    return model, {"epochs": len(history.epoch), "seconds": time.perf_counter() - start}


def one_run(data, head, cell, seed, verbose):
    model, run = trained(data, head, cell, seed, verbose)
    valid, test = (model.evaluate(part, verbose=0, return_dict=True) for part in datasets.load(data)[1:])
    return {"valid": valid["nll"], "test": test["nll"], "accuracy": test["accuracy"], **run}


def figure(values):
    """Mean and spread."""
    spread = f" +- {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def show(data, runs):
    splits = datasets.load(data)
    print(f"\n{data:<28} {'valid nll':>16} {'test nll':>16}  seeds  seconds/run")
    for name, nll in baseline_nll(splits.train["roll"], splits.test["roll"]).items():
        print(f"{name:<28} {'':>16} {nll:>16.3f}")
    rows = {}
    for run in runs:
        rows.setdefault((run["head"], run["cell"]), []).append(run)
    for (head, cell), mine in sorted(rows.items()):
        seconds = statistics.mean(run["seconds"] for run in mine)
        valid, test = (figure([run[part] for run in mine]) for part in ("valid", "test"))
        print(f"{f'{head}  {cell}':<28} {valid:>16} {test:>16}  {len(mine):>5}  {seconds:>13.0f}")


def measure_generation(data, head, cell, verbose):
    """Prints frames a second, and the measures of pieces written with and without the limits."""
    splits = datasets.load(data)
    model, _ = trained(data, head, cell, 0, verbose)
    model.generate(PIECES, FRAMES, seed=0)  # compiles
    start = time.perf_counter()
    for seed in range(1, 6):
        model.generate(PIECES, FRAMES, seed=seed)
    speed = 5 * PIECES * FRAMES / (time.perf_counter() - start)
    print(f"\n{data}, {head}, {cell}: {speed:.0f} frames/s for {PIECES} pieces of {FRAMES} frames")
    written = {"generated": {}, "without_limits": FREE}
    written = {name: model.generate(SAMPLES, FRAMES, seed=0, **limits) for name, limits in written.items()}
    print(compare_music(splits.train["roll"], test=splits.test["roll"], **written).round(3).to_string())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=["jsb", "nottingham", "muse_data", "piano_midi", "music-sample"])
    parser.add_argument("--cells", default="simple_rnn,lstm,gru", help="comma-separated")
    parser.add_argument("--heads", default="independent", help="independent, joint, or both, comma-separated")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--speed", action="store_true", help="measure generation instead")
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = [arguments.data, arguments.heads.split(","), arguments.cells.split(",")]
    if arguments.speed:
        for row in product(*rows):
            measure_generation(*row, arguments.verbose)
        return
    runs = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else []
    keys = ("seed", "data", "head", "cell")
    done = {tuple(run[key] for key in keys) for run in runs}
    for row in product(range(arguments.seeds), *rows):
        if row in done:
            continue
        seed, data, head, cell = row
        result = one_run(data, head, cell, seed, arguments.verbose)
        runs.append(dict(zip(keys, row, strict=True)) | result)
        print(json.dumps(runs[-1]), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(runs, indent=2), encoding="utf-8")
    for data in arguments.data:
        show(data, [run for run in runs if run["data"] == data])


if __name__ == "__main__":
    main()
