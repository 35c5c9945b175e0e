"""Training and inference compared with plain Keras and PyTorch: one table of ratios for each data set.

    python benchmarks/speed.py --out speed.json
    python benchmarks/speed.py --works sst2 --repeats 10
    python benchmarks/speed.py --answers --repeats 9

rnnkit is compared with (a) the spec of the Keras guides, padded to the longest example, (b) the same written well, with
masks and batches of like length, (c) PyTorch with packed sequences, and (d) the same in batches of like length; PyTorch
needs `pip install 'rnnkit[bench]'`. On IMDB, at full length, (a) pads each batch by itself. Both sides of a pair are
one `fit` each in one process, an epoch in turn, on the same examples, sizes, batch size, optimizer, number of epochs
and first weights; dropout is off. Batches that Keras gets from us come by `rnnkit.tasks.batches.BatchAdapter`
too, without the waits of TensorFlow's tuning. `dense` is Adam on all rows of an embedding,
`sparse` on those of the batch (`rnnkit.LazyAdam`, in plain Keras too; PyTorch's `SparseAdam`). Inference answers for
the test set from raw text to the end; translation is greedy, untrained, and as long as the reference.

A ratio is the seconds of the other side by ours, round by round: the median, and the lowest and highest. Both losses
are those of the last epoch. A pair where one side has learned less than nine tenths of what the other has (how far the
loss is below that of the best constant answer) has no ratio. `start` is what the first epoch takes beyond the others:
encoding, tracing, compiling. The last rows are the peak memory of a `fit` on IMDB, each in a process of its own.

A finished pair is written to --out at once, and not done again. --answers trains nothing, and sets only the answers for
the test set and those of (b).
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from side_by_side import clocks, in_turns
from sides.in_keras import InKeras
from sides.keras_translator import KerasTranslator
from sides.ours import Ours
from sides.works import SPARSE, WORKS, Share
from speed_table import show

WELL = "Keras, masked, bucketed"
OTHERS = {
    "Keras, padded to the longest": {"batches": "longest", "masked": False},
    WELL: {"batches": "bucketed", "masked": True},
    "PyTorch, packed": {"bucketed": False},
    "PyTorch, packed, bucketed": {"bucketed": True},
}
# For what is too long for one array.
PER_BATCH = {"Keras, masked, padded by batch": {"batches": "random", "masked": True}}


def others(work):
    """The other sides on one data set, by name."""
    well = {name: options for name, options in OTHERS.items() if options.get("batches") != "longest"}
    return {**PER_BATCH, **well} if work == "imdb" else OTHERS


def other_side(work, name, optimizer):
    """The side of that name, or None if PyTorch is not there."""
    options, translates = {**OTHERS, **PER_BATCH}[name], work.kind == "subwords"
    if "batches" in options:
        return (KerasTranslator if translates else InKeras)(work, optimizer, **options)
    if not importlib.util.find_spec("torch"):
        return None
    from sides.in_torch import InTorch
    from sides.torch_translator import TorchTranslator

    return (TorchTranslator if translates else InTorch)(work, optimizer, **options)


def measure(name, against, optimizer, repeats, share, *, answers_only=False):
    """One pair: for each side its kernel, its loss, and wall and CPU seconds of all that it did."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    work = WORKS[name](share)
    other = other_side(work, against, optimizer)
    if other is None:
        return {"skipped": "PyTorch is not installed: pip install 'rnnkit[bench]'"}
    sides = {"theirs": other, "ours": Ours(work, optimizer)}
    answers = answering(sides, repeats)
    if answers_only:
        return {side: {"predict": answers[side]} for side in sides}
    turns = in_turns({side: each.fit for side, each in sides.items()}, repeats)
    found = {"examples": len(work.train), "chance": work.chance()}
    for side, turn in turns.items():
        trained = {"loss": float(turn.loss), "first": turn.first, "fit": turn.seconds}
        found[side] = {"kernel": sides[side].kernel, **trained, "predict": answers[side]}
    return found


def answering(sides, repeats):
    """Side -> wall and CPU seconds of each pass over the test set, after one that compiles."""
    seconds = {side: [] for side in sides}
    for turn in range(repeats + 1):
        for side, each in sides.items():
            start = clocks()
            each.predict()
            if turn:
                seconds[side].append([now - then for now, then in zip(clocks(), start, strict=True)])
    return seconds


def peak(against, share):
    """The highest memory of a process, in MB, that does nothing but one epoch of `fit` on IMDB."""
    options = {"--peak": against, "--examples": share.examples, "--json-folder": share.folder}
    given = [str(part) for pair in options.items() if pair[1] is not None for part in pair]
    done = subprocess.run([sys.executable, __file__, *given], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def fit_alone(against, share):
    """What the process of `peak` does."""
    work = WORKS["imdb"](share)
    side = Ours(work, "dense") if against == "rnnkit" else other_side(work, against, "dense")
    side.fit(epochs=1, callbacks=[])
    print(peak_so_far())


def peak_so_far():
    """The highest memory of this process, in MB.

    Linux counts what the process was before `exec` into `ru_maxrss`, so there the program's own peak is asked for.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii"))[1]) / 2**10
    unit = 2**20 if platform.system() == "Darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", default=",".join([*WORKS, "memory"]), help="comma-separated")
    parser.add_argument("--repeats", type=int, default=5, help="counted epochs, and passes over the test set")
    parser.add_argument(
        "--answers", action="store_true", help="compare answers for the test set with (b), nothing else"
    )
    parser.add_argument("--examples", type=int, help="at most; IMDB takes 2000 and Multi30k 3000 if nothing is said")
    parser.add_argument("--json-folder", type=Path, help="of IMDB's train.jsonl.gz and test.jsonl.gz")
    parser.add_argument("--out", type=Path, help="JSON file of all pairs")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        fit_alone(arguments.peak, Share(arguments.examples, arguments.json_folder))
        return
    found = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else {}
    for key, do in pairs(arguments):
        if key not in found or "skipped" in found[key]:
            begin = time.perf_counter()
            found[key] = do()
            print(f"{key}: {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
            if arguments.out:
                arguments.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    show({key: found[key] for key, _ in pairs(arguments)})


def pairs(arguments):
    """What is to be measured: its name, and a function that measures it."""
    repeats, share = arguments.repeats, Share(arguments.examples, arguments.json_folder)
    for work in arguments.works.split(","):
        if arguments.answers:
            if work in WORKS:
                wanted = (work, WELL, "dense", repeats, share)
                name = f"{work} | {WELL} | answers | {repeats} | {share.examples}"
                yield name, lambda wanted=wanted: measure(*wanted, answers_only=True)
            continue
        if work == "memory":
            for side in ("rnnkit", *PER_BATCH):
                yield f"memory | {side} | {share.examples}", lambda side=side: {"peak": peak(side, share)}
            continue
        for optimizer in ("dense", "sparse") if work in SPARSE else ("dense",):
            for other in others(work):
                wanted = (work, other, optimizer, repeats, share)
                name = f"{work} | {other} | {optimizer} | {repeats} | {share.examples}"
                yield name, lambda wanted=wanted: measure(*wanted)


if __name__ == "__main__":
    main()
