"""Sentences per second of `fit` on SST-2: rnnkit's defaults against what one writes by hand in plain Keras.

    python benchmarks/sentiment_speed.py --repeats 10

All sides train the same sizes (Embedding 128, bidirectional LSTM 64, batch 32, Adam) on the same sentences, one `fit`
each, an epoch in turn. Prints for each side the sentences per second, the steps of padding and text that go through its
recurrent layer per epoch, its last training loss (ours with dropout on), and the ratios to plain Keras. The third side
is ours with Keras' dense Adam in place of `LazyAdam`.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from side_by_side import in_turns, show_rates

import rnnkit
from rnnkit import datasets
from rnnkit.batches import Batches


class PlainKeras:
    """The recipe of the Keras guides: integer words, padded to the longest sentence."""

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

    def fit(self, epochs, callbacks):
        self.model.fit(self.x, self.y, batch_size=32, epochs=epochs, callbacks=callbacks, verbose=0)


class Rnnkit:
    """`SentimentClassifier()` as shipped, by default with `LazyAdam`."""

    def __init__(self, train, optimizer=None):
        self.train = train
        self.model = rnnkit.SentimentClassifier()
        self.model.adapt(train)
        self.model.compile(**({} if optimizer is None else {"optimizer": optimizer}))
        encoded = self.model.encode(train)
        batches = Batches(**encoded, batch_size=32, shuffle=True)
        self.steps = sum(batches[index][0]["tokens"].size for index in range(batches.num_batches))

    def fit(self, epochs, callbacks):
        self.model.fit(self.train, batch_size=32, epochs=epochs, callbacks=callbacks, verbose=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    train = datasets.load("sst2").train
    sides = {
        "plain Keras, padded to the longest": PlainKeras(train),
        "rnnkit": Rnnkit(train),
        "rnnkit, dense Adam": Rnnkit(train, "adam"),
    }
    turns = in_turns({name: side.fit for name, side in sides.items()}, arguments.repeats)
    show_rates(turns, len(train), {name: side.steps for name, side in sides.items()})
    if arguments.out:
        seconds = {name: turn.seconds for name, turn in turns.items()}
        Path(arguments.out).write_text(json.dumps(seconds, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
