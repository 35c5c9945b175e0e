"""What seeing and clipping gradients costs a training, against the ways in which it is done by hand.

    python benchmarks/gradient_overhead.py --rounds 8

Trains `SentimentClassifier()` as shipped (Embedding 128, bidirectional LSTM 64, batch 32) on SST-2 where
`RNNKIT_DATA_DIR` has it, otherwise on random sentences of its size, in one process. Every variant gets one `fit` a
round, the variants in turns. Each `fit` compiles anew, so its first epoch is not counted; of all others the best one
counts for the variant, since a busy machine only ever adds time. Prints each variant's best epoch, its ratio to the
plain `fit`, and the ratio of the medians, which shows how busy the machine was.
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
import tensorflow as tf

import rnnkit
from rnnkit import callbacks, datasets

WORDS, SENTENCES, MEAN_LENGTH, LONGEST = 14_000, 6920, 18, 51


class EpochTimes(keras.callbacks.Callback):
    """Seconds from one epoch's start to the next one's; last in the list, so that all others' work is in it."""

    def __init__(self):
        super().__init__()
        self.moments = []

    def on_epoch_begin(self, epoch, logs=None):
        self.moments.append(time.perf_counter())

    def on_train_end(self, logs=None):
        self.moments.append(time.perf_counter())

    @property
    def seconds(self):
        """One number an epoch, without the first epoch."""
        return list(np.diff(self.moments))[1:]


class OwnTrainStep(rnnkit.SentimentClassifier):
    """By hand, way one: a `train_step` that returns the norms of its gradients."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted, weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        logs = self.compute_metrics(x, y, predicted, weight)
        return {**logs, **_norms(gradients)}


class SecondPass(rnnkit.SentimentClassifier):
    """By hand, way two: every batch goes through a second tape for its gradients, here even inside the train step."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True), weight)
        norms = _norms(tape.gradient(loss, self.trainable_variables))
        return {**super().train_step(data), **norms}


def _norms(gradients):
    return {f"norm_{number}": tf.norm(tf.convert_to_tensor(g)) for number, g in enumerate(gradients)}


VARIANTS = {
    "plain fit": (rnnkit.SentimentClassifier, list),
    "GradientHealth, by variable": (
        rnnkit.SentimentClassifier,
        lambda: [callbacks.GradientHealth(every=1, level="variable")],
    ),
    "GradientHealth, by gate, and percentile clipping": (
        rnnkit.SentimentClassifier,
        lambda: [callbacks.GradientHealth(every=1, level="gate"), callbacks.GradientClipping("percentile")],
    ),
    "by hand: train_step that returns norms": (OwnTrainStep, list),
    "by hand: a second tape pass": (SecondPass, list),
}


def sentences(limit):
    """Texts and labels: SST-2's, or random words of the same number, length and vocabulary."""
    if os.environ.get("RNNKIT_DATA_DIR"):
        train = datasets.load("sst2").train
        return train["text"][:limit], train["label"][:limit], "SST-2"
    random = np.random.default_rng(0)
    lengths = np.clip(random.gamma(4, MEAN_LENGTH / 4, SENTENCES), 1, LONGEST).astype(int)
    lengths[0] = LONGEST
    everything = random.permutation(np.resize(np.arange(WORDS), lengths.sum()))  # every word occurs
    rows = np.split(everything, np.cumsum(lengths)[:-1])
    texts = [" ".join(f"w{word}" for word in row) for row in rows]
    return texts[:limit], random.choice(["negative", "positive"], SENTENCES).tolist()[:limit], "random sentences"


def measure(texts, labels, rounds, epochs):
    """Variant -> seconds of each counted epoch."""
    models = {}
    for name, (kind, _) in VARIANTS.items():
        keras.utils.set_random_seed(0)
        models[name] = kind()
        models[name].adapt(texts, labels)
    seconds = {name: [] for name in VARIANTS}
    for number in range(rounds):
        for name, (_, make) in VARIANTS.items():
            times = EpochTimes()
            models[name].fit(texts, labels, epochs=epochs, callbacks=[*make(), times], verbose=0)
            seconds[name] += times.seconds
        print(f"round {number + 1} of {rounds}", flush=True)
    return seconds


def show(seconds, steps):
    """Prints a row a variant."""
    plain = next(iter(seconds.values()))
    print(f"{'':<50} {'ms/step':>8} {'ratio':>7} {'(medians)':>10}")
    for name, values in seconds.items():
        ratio, middle = min(values) / min(plain), statistics.median(values) / statistics.median(plain)
        print(f"{name:<50} {1000 * min(values) / steps:>8.2f} {ratio:>6.3f}x {middle:>9.3f}x")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8, help="fits of each variant")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each fit; the first is not counted")
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--out", help="JSON file for all counted epochs")
    arguments = parser.parse_args()
    if arguments.epochs < 2 or arguments.rounds < 1:
        parser.error("at least one round of two epochs is needed")
    texts, labels, data = sentences(arguments.sentences)
    print(f"{data}: {len(texts)} sentences")
    seconds = measure(texts, labels, arguments.rounds, arguments.epochs)
    show(seconds, steps=-(-len(texts) // 32))
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(seconds, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
