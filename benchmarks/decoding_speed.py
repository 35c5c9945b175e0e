"""Greedy decoding of Multi30k's German test sentences: rnnkit against hand-written loops.

    python benchmarks/decoding_speed.py --repeats 4

The loop of the Keras example for sequences to sequences, one `predict` a subword, for one sentence at a time and for
batches of 64; PyTorch with the same layers in a batched loop, if it is installed; and rnnkit. No model is trained for
this, and each writes as many subwords as the reference translation has. Prints sentences a second, and how many times
as fast rnnkit is, pass by pass: the median, the lowest and the highest.
"""

import argparse
import json
import os
import statistics
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from sides.ours import Ours
from sides.works import WORKS, Share
from speed import answering, other_side


def decoders(work, alone):
    """Name -> side, and how many sentences it translates."""
    few = work._replace(batch=1, test=work.test.take(range(alone)))
    sides = {
        "Keras, one by one": other_side(few, "Keras, padded to the longest", "dense"),
        f"Keras, batches of {work.batch}": other_side(work, "Keras, padded to the longest", "dense"),
        f"PyTorch, batches of {work.batch}": other_side(work, "PyTorch, packed", "dense"),
        "rnnkit": Ours(work, "dense"),
    }
    return {name: side for name, side in sides.items() if side}


def show(rates):
    """Prints a row a side."""
    for name, found in rates.items():
        ratios = sorted(ours / theirs for ours, theirs in zip(rates["rnnkit"], found, strict=True))
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{name:<24} {statistics.median(found):8.2f} sentences/s   rnnkit is {spread} times as fast")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=4, help="counted passes")
    parser.add_argument("--alone", type=int, default=5, help="test sentences that are decoded one by one")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    sides = decoders(WORKS["multi30k"](Share()), arguments.alone)
    seconds = answering(sides, arguments.repeats)
    rates = {name: [len(sides[name].work.test) / wall for wall, _ in passes] for name, passes in seconds.items()}
    show(rates)
    if arguments.out:
        arguments.out.write_text(json.dumps(rates, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
