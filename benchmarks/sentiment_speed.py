"""Sentences per second of `fit` on SST-2: rnnkit's defaults against what one writes by hand in plain Keras.

    python benchmarks/sentiment_speed.py --repeats 5

Both sides train the same sizes (Embedding 128, bidirectional LSTM 64, batch 32, Adam) on the same sentences, in turns,
in one process; the first epoch of each side is a warm-up that pays for compilation and is not counted. Prints, for
each side, the median of the repeats, the steps of padding and text that went through the recurrent layer per epoch,
and the training loss after the counted epochs; then the ratios, pair by pair. Two rows: Adam as each side has it by
default, and Keras' dense Adam on both sides.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from side_by_side import compare, show

import rnnkit
from rnnkit import datasets
from rnnkit.batches import Batches


class PlainKeras:
    """The recipe of the Keras guides: integer words, padded to the longest sentence."""

    name = "plain Keras, padded to the longest"

    def __init__(self, train):
        texts = [text.split() for text in train["text"]]
        numbers = {word: number for number, word in enumerate(sorted({w for text in texts for w in text}), 2)}
        self.x = keras.utils.pad_sequences([[numbers[word] for word in text] for text in texts], padding="post")
        self.y = np.array([label == "positive" for label in train["label"]], dtype="int32")
        self.steps = self.x.size
        layers = [
            keras.layers.Embedding(len(numbers) + 2, 128),
            keras.layers.Bidirectional(keras.layers.LSTM(64)),
            keras.layers.Dense(2, activation="softmax"),
        ]
        self.model = keras.Sequential(layers)
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def epoch(self, number):
        """One epoch; returns its logs."""
        return self.model.fit(self.x, self.y, batch_size=32, epochs=1, verbose=0).history


class Rnnkit:
    """`SentimentClassifier()` as shipped, by default with `LazyAdam`."""

    def __init__(self, train, optimizer=None):
        self.name = "rnnkit" if optimizer is None else "rnnkit, dense Adam"
        self.train = train
        self.model = rnnkit.SentimentClassifier()
        self.model.adapt(train)
        self.model.compile(**({} if optimizer is None else {"optimizer": optimizer}))
        encoded = self.model.encode(train)
        batches = Batches(**encoded, batch_size=32, shuffle=True)
        self.steps = sum(batches[index][0]["tokens"].size for index in range(batches.num_batches))

    def epoch(self, number):
        """One epoch from raw texts, encoding included; returns its logs."""
        return self.model.fit(self.train, batch_size=32, epochs=number + 1, initial_epoch=number, verbose=0).history


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    train = datasets.load("sst2").train
    rows = []
    for optimizer in (None, "adam"):
        results = compare([PlainKeras(train), Rnnkit(train, optimizer)], len(train), arguments.repeats)
        show(results)
        rows.append(results)
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
