"""Sentences per second on WNUT-17: `EntityRecognizer` against what one writes by hand in plain Keras.

    python benchmarks/entity_speed.py --repeats 10

`fit`: the recipe of the Keras guides (words padded to the longest sentence, Embedding 100, bidirectional LSTM 100, a
softmax a word, Adam, batch 32), and ours with the same layers: without CRF and characters, and as shipped with both.
One `fit` each, an epoch in turn. The losses are in different units: a mean over all words and padding, and the sum
over a sentence's words. Then tagging: sentences per second of `tag` on the test sentences' tokens in batches of 128,
after one call that compiles.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from side_by_side import in_turns, show_rates

import rnnkit
from rnnkit import datasets
from rnnkit.batches import Batches


class PlainKeras:
    """The recipe: integer words and tags, padded to the longest sentence."""

    def __init__(self, train):
        words = {word: number for number, word in enumerate(sorted({w for s in train["tokens"] for w in s}), 1)}
        tags = {tag: number for number, tag in enumerate(sorted({t for s in train["tags"] for t in s}))}
        self.x = keras.utils.pad_sequences([[words[word] for word in s] for s in train["tokens"]], padding="post")
        self.y = keras.utils.pad_sequences([[tags[tag] for tag in s] for s in train["tags"]], padding="post")
        self.steps = self.x.size
        layers = [
            keras.layers.Embedding(len(words) + 1, 100),
            keras.layers.Bidirectional(keras.layers.LSTM(100, return_sequences=True)),
            keras.layers.Dense(len(tags), activation="softmax"),
        ]
        self.model = keras.Sequential(layers)
        self.model.compile("adam", "sparse_categorical_crossentropy")

    def fit(self, epochs, callbacks):
        self.model.fit(self.x, self.y, batch_size=32, epochs=epochs, callbacks=callbacks, verbose=0)


class Rnnkit:
    """`EntityRecognizer`, from raw tokens and tags."""

    def __init__(self, train, **options):
        self.train = train
        self.model = rnnkit.EntityRecognizer(**options)
        self.model.adapt(train)
        batches = Batches(**self.model.encode(train), batch_size=32, shuffle=True)
        self.steps = sum(batches[index][0]["tokens"].size for index in range(batches.num_batches))

    def fit(self, epochs, callbacks):
        self.model.fit(self.train, batch_size=32, epochs=epochs, callbacks=callbacks, verbose=0)


def tagging(model, tokens, repeats):
    """Sentences per second of each repeat."""
    model.tag(tokens)
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.tag(tokens)
        rates.append(len(tokens) / (time.perf_counter() - start))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    train, _, test = datasets.load("wnut17")
    sides = {
        "plain Keras, padded to the longest": PlainKeras(train),
        "rnnkit, no CRF, no characters": Rnnkit(train, crf=False, chars=None),
        "rnnkit, as shipped": Rnnkit(train),
    }
    turns = in_turns({name: side.fit for name, side in sides.items()}, arguments.repeats)
    show_rates(turns, len(train), {name: side.steps for name, side in sides.items()})
    rates = tagging(sides["rnnkit, as shipped"].model, test["tokens"], arguments.repeats)
    print(f"tagging, as shipped: {statistics.median(rates):.0f} sentences/s (best {np.max(rates):.0f})")
    if arguments.out:
        seconds = {name: turn.seconds for name, turn in turns.items()}
        arguments.out.write_text(json.dumps({"fit": seconds, "tagging": rates}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
