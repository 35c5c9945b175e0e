"""What seeing and clipping gradients costs a training, against the ways in which it is done by hand.

    python benchmarks/gradient_overhead.py --rounds 24

Trains `SentimentClassifier()` as shipped (Embedding 128, bidirectional LSTM 64, batch 32) on SST-2 where
`RNNKIT_DATA_DIR` has it, otherwise on random sentences of its size, in one process. Every variant has one `fit` in a
thread of its own, and the fits take turns, an epoch each, so that all variants meet the same noise. The first epoch
of a `fit` compiles and is not counted; of all others the best one counts for the variant, since a busy machine only
ever adds time. Prints each variant's best epoch and its ratio to the plain `fit`, the same of the CPU time that the
process used, which other programs disturb less, and the medians over the rounds of both ratios.
"""

import argparse
import json
import os
import statistics
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from side_by_side import in_turns

import rnnkit
from rnnkit import callbacks, datasets

WORDS, SENTENCES, MEAN_LENGTH, LONGEST = 14_000, 6920, 18, 51


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


def measure(texts, labels, rounds):
    """Variant -> wall and CPU seconds of each counted epoch."""
    fits = {}
    for name, (kind, make) in VARIANTS.items():
        keras.utils.set_random_seed(0)
        model = kind()
        model.adapt(texts, labels)
        fits[name] = partial(fit, model, texts, labels, make())
    return {name: turn.seconds for name, turn in in_turns(fits, rounds).items()}


def fit(model, texts, labels, watching, epochs, callbacks):
    model.fit(texts, labels, epochs=epochs, callbacks=[*watching, *callbacks], verbose=0)


def show(seconds, steps):
    """Prints a row a variant."""
    plain = next(iter(seconds.values()))
    print(f"{'':<50} {'ms/step':>8} {'ratio':>7} {'median':>7} {'CPU ms':>8} {'ratio':>7} {'median':>7}")
    for name, rounds in seconds.items():
        row = f"{name:<50}"
        for clock in (0, 1):
            mine, bare = ([each[clock] for each in values] for values in (rounds, plain))
            middle = statistics.median(value / other for value, other in zip(mine, bare, strict=True))
            row += f" {1000 * min(mine) / steps:>8.2f} {min(mine) / min(bare):>6.3f}x {middle:>6.3f}x"
        print(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=24, help="counted epochs of each variant")
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--out", help="JSON file for all counted epochs")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least one round is needed")
    texts, labels, data = sentences(arguments.sentences)
    print(f"{data}: {len(texts)} sentences")
    seconds = measure(texts, labels, arguments.rounds)
    show(seconds, steps=-(-len(texts) // 32))
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(seconds, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
