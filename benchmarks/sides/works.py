"""The work on each data set: rnnkit's model, and the examples. All other sides take their sizes from that model.

Dropout and what else only one side would have is off, so that all sides train one network.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

import rnnkit
from rnnkit import datasets
from rnnkit.tasks.batches import Batches


class Work(NamedTuple):
    """One data set, and the network for it.

    Attributes:
        model: a rnnkit task, adapted, not compiled.
        train, test: raw examples.
        kind: what the network says: `"class"`, `"tags"`, `"keys"` or `"subwords"`.
        rate: learning rate.
        batch: examples per step.
        embeddings: layers of the model's network that embed a column of numbers, by column; the translators name
            their own.
    """

    model: Any
    train: datasets.Dataset
    test: datasets.Dataset
    kind: str
    rate: float
    batch: int
    embeddings: dict[str, str]

    def encoded(self, part="train"):
        """The arguments of `Batches` for one part of the data."""
        return self.model.encode(getattr(self, part))

    def start(self):
        """The weights of our network, in the order of its layers."""
        return self.model.network.get_weights()

    def start_by_part(self):
        """The weights of our translator, as a list for each part."""
        model, decoder, [encoder] = self.model, self.model.decoder, self.model.stack.blocks
        write, answer = model.network.get_layer("target_embedding").get_weights()
        layers = {
            "read": model.network.get_layer("source_embedding"),
            **encoder,
            "bridge": decoder.bridge.dense,
            "decoder": decoder.stack.blocks[0]["forward"],
            "readout": decoder.readout,
        }
        own = {"write": [write], "answer": [answer, np.zeros(answer.shape[1], "float32")]}
        return {**{part: layer.get_weights() for part, layer in layers.items()}, **own}

    def chance(self):
        """The loss of the best answer that does not look at the input, in the unit of all losses."""
        y = self.encoded()["y"]
        if self.kind == "keys":
            share = np.concatenate(y).mean(axis=0).clip(1e-9, 1 - 1e-9)
            return float(-(share * np.log(share) + (1 - share) * np.log1p(-share)).sum())
        counts = np.bincount(y if self.kind == "class" else np.concatenate(y))
        share = counts[counts > 0] / counts.sum()
        entropy = float(-(share * np.log(share)).sum())
        return entropy * counts.sum() / len(y) if self.kind == "tags" else entropy


@keras.saving.register_keras_serializable(package="benchmarks")
class PlainHead(rnnkit.MusicGenerator):
    """Keys that depend on the recurrent layer alone, as in the field's baselines."""

    def make_network(self, learned):
        super().make_network(learned)
        share = (np.array(learned["sounding"]) + 0.5) / (learned["frames"] + 1)
        start = keras.initializers.Constant(np.log(share / (1 - share)).tolist())
        roll = keras.Input((None, share.size), dtype="int8", name="roll")
        lengths = keras.Input((), dtype="int32", name="lengths")
        before = ops.pad(ops.cast(roll, "float32"), ((0, 0), (1, 0), (0, 0)))[:, :-1]
        hidden = self.stack(keras.layers.Dense(self.embedding_dim, name="embedding")(before), lengths)
        odds = keras.layers.Dense(share.size, bias_initializer=start, name="odds")(hidden)
        return keras.Model({"roll": roll, "lengths": lengths}, odds)


class Share(NamedTuple):
    """Which examples are taken.

    Attributes:
        examples: maximum size of the training and of the test set, drawn at random; None takes the usual size.
        folder: with IMDB's reviews as `train.jsonl.gz` and `test.jsonl.gz`; None downloads its archive.
    """

    examples: int | None = None
    folder: Path | None = None


def sst2(share):
    return _sentiment(*_parts("sst2", share), bidirectional=True)


def imdb(share):
    return _sentiment(*_parts("imdb", share, usual=2000), bidirectional=False)


def _sentiment(train, test, bidirectional):
    model = rnnkit.SentimentClassifier(bidirectional=bidirectional, pooling="mean", dropout=0, word_dropout=0)
    return _work(model, train, test, "class", 1e-3, 32, {"tokens": "embedding"})


def wnut17(share):
    model = rnnkit.EntityRecognizer(crf=False, chars=None, dropout=0, word_dropout=0)
    embeddings = {"tokens": "embedding", "shapes": "shape"}
    return _work(model, *_parts("wnut17", share), "tags", 1e-3, 32, embeddings)


def jsb(share):
    return _work(PlainHead(dropout=0), *_parts("jsb", share), "keys", 2e-3, 8, {})


def multi30k(share):
    model = rnnkit.Translator(attention="dot", tied_embeddings=False, dropout=0, label_smoothing=0)
    train, test = _parts("multi30k-de-en", share, usual=3000)
    return _work(model, train, test.take(range(min(500, len(test)))), "subwords", 1e-3, 64, {})


WORKS: dict[str, Callable] = {"sst2": sst2, "wnut17": wnut17, "jsb": jsb, "multi30k": multi30k, "imdb": imdb}
SEEN = 128  # examples a step of `predict`, which is the tasks' own default
SPARSE = ("sst2", "wnut17", "imdb")  # where an embedding is so large that sparse updates matter


def _parts(data, share, usual=None):
    """Training and test set."""
    if data == "imdb" and share.folder:
        parts = [datasets.read_jsonl(share.folder / f"{part}.jsonl.gz") for part in ("train", "test")]
    else:
        parts = datasets.load(data)[::2]
    count = share.examples or usual
    return [part.take(np.random.default_rng(0).permutation(len(part))[:count]) for part in parts]


def _work(model, train, test, *rest):
    model.adapt(train)
    return Work(model, train, test, *rest)


class RandomBatches(Batches):
    """Batches of examples of any length, as most people make them; each is padded to its own longest."""

    def _cut(self, rng):
        rows = self._usual if rng is None else rng.permutation(self._usual)
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]


def all_in_one(encoded):
    """All examples in one batch, padded to the longest of them."""
    return Batches(**{**encoded, "batch_size": len(encoded["lengths"]), "max_steps": 2**62})[0]
