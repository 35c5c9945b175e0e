"""Speed of `Translator` on Multi30k, German to English, against what one writes by hand.

    python benchmarks/translation_speed.py --repeats 4

Training: a plain Keras recipe of the same layers and sizes, with all sentences padded to the longest, and ours; one
`fit` each, an epoch in turn, on a random share of the pairs. (A share has a shorter longest sentence, which is good for
the recipe.) Decoding, greedily, the test sentences: the loop of the Keras seq2seq example, one `predict` a subword, for
one sentence at a time and for batches of 64; PyTorch with the same layers in a batched loop, if it is installed; and
ours. No model is trained for this, and each writes exactly as many subwords as the reference translation has.
"""

import argparse
import importlib.util
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers, ops
from side_by_side import in_turns

import rnnkit
from rnnkit import datasets
from rnnkit.text.tokenization import BEGIN
from rnnkit.translation.decoder import Search

DATA = "multi30k-de-en"
BATCH = 64


def padded(rows):
    return keras.utils.pad_sequences(rows, padding="post")


class PlainKeras:
    """The recipe: bidirectional GRU, GRU with attention, softmax; masks from the embedding, no buckets."""

    def __init__(self, sizes, units, dim, dropout):
        reader, self.writer = (layers.Embedding(size, dim, mask_zero=True) for size in sizes)
        source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
        self.encoder = layers.Bidirectional(layers.GRU(units, return_sequences=True, return_state=True))
        self.gru = layers.GRU(2 * units, return_sequences=True, return_state=True)
        self.attention = layers.Attention()
        self.readout, self.softmax = layers.Dense(dim, "tanh"), layers.Dense(sizes[1], "softmax")
        self.drop = layers.Dropout(dropout)
        memory, *states = self.encoder(self.drop(reader(source)))
        start, mask = layers.Concatenate()(states), ops.not_equal(source, 0)
        hidden, _ = self.gru(self.drop(self.writer(target)), initial_state=start)
        self.model = keras.Model([source, target], self.softmax(self.drop(self._read(hidden, memory, mask))))
        self.model.compile("adam", "sparse_categorical_crossentropy")
        self.read_source = keras.Model(source, [memory, start])
        state = keras.Input((2 * units,))
        seen, known = keras.Input((None, 2 * units)), keras.Input((None,), dtype="bool")
        hidden, after = self.gru(self.writer(target), initial_state=state)
        answer = self.softmax(self._read(hidden, seen, known))
        self.next = keras.Model([target, state, seen, known], [answer, after])

    def _read(self, hidden, memory, mask):
        context = self.attention([hidden, memory], mask=[None, mask])
        return self.readout(layers.Concatenate()([context, hidden]))

    def fit(self, x, y, weights):
        """A `fit` for `in_turns`; the weights leave the padding out of the loss."""

        def run(epochs, callbacks):
            options = {"batch_size": BATCH, "sample_weight": weights, "verbose": 0}
            self.model.fit(x, y, epochs=epochs, callbacks=callbacks, **options)

        return run

    def translate(self, sources, sizes):
        """One `predict` a subword, as long as the longest of the batch needs."""
        source = padded(sources)
        memory, state = self.read_source.predict(source, verbose=0)
        token = np.full((len(sources), 1), BEGIN)
        for _ in range(max(sizes)):
            answer, state = self.next.predict([token, state, memory, source != 0], verbose=0)
            token = answer.argmax(axis=-1)


class Torch:
    """The same layers in PyTorch: a packed encoder, and a loop of GRU, attention and output layer."""

    def __init__(self, sizes, units, dim):
        import torch

        self.torch = torch
        torch.manual_seed(0)
        self.reader, self.writer = (torch.nn.Embedding(size, dim) for size in sizes)
        self.encoder = torch.nn.GRU(dim, units, batch_first=True, bidirectional=True)
        self.start = torch.nn.Linear(2 * units, 2 * units)
        self.cell = torch.nn.GRUCell(dim, 2 * units)
        self.keys = torch.nn.Linear(2 * units, 2 * units, bias=False)
        self.readout = torch.nn.Linear(4 * units, dim)

    def translate(self, sources, sizes):
        torch, rnn = self.torch, self.torch.nn.utils.rnn
        with torch.inference_mode():
            source = torch.from_numpy(padded(sources)).long()
            lengths = torch.tensor([len(each) for each in sources])
            packed = rnn.pack_padded_sequence(self.reader(source), lengths, batch_first=True, enforce_sorted=False)
            outputs, last = self.encoder(packed)
            memory, _ = rnn.pad_packed_sequence(outputs, batch_first=True)
            padding = (source == 0)[:, : memory.shape[1]]
            keys, state = self.keys(memory), torch.tanh(self.start(torch.cat([*last], dim=-1)))
            token = torch.full((len(sources),), BEGIN)
            for _ in range(max(sizes)):
                state = self.cell(self.writer(token), state)
                scores = torch.einsum("bh,bth->bt", state, keys).masked_fill(padding, -1e9)
                context = torch.einsum("bt,bth->bh", scores.softmax(-1), memory)
                readout = torch.tanh(self.readout(torch.cat([context, state], dim=-1)))
                token = (readout @ self.writer.weight.T).argmax(-1)


def training(model, share, repeats):
    """Target subwords a second, side by side."""
    encoded = model.encode(share)
    x, labels = [padded(encoded["x"][side]) for side in ("source", "target")], padded(encoded["y"])
    stack = model.get_config()
    sizes = (len(model.source_subwords), len(model.target_subwords))
    plain = PlainKeras(sizes, stack["units"][0], model.embedding_dim, stack["dropout"])

    def ours(epochs, callbacks):
        model.fit(share, batch_size=BATCH, epochs=epochs, callbacks=callbacks, verbose=0)

    fits = {"plain Keras, padded to the longest": plain.fit(x, labels, (labels > 0).astype("float32")), "rnnkit": ours}
    turns = in_turns(fits, repeats)
    subwords = sum(map(len, encoded["y"]))
    first, *_ = wall = [[seconds for seconds, _ in turn.seconds] for turn in turns.values()]
    print(f"training, {len(share)} pairs, {subwords} target subwords, the longest {x[1].shape[1]}")
    for name, seconds in zip(turns, wall, strict=True):
        ratios = sorted(theirs / ours for theirs, ours in zip(first, seconds, strict=True))
        rate, best = subwords / statistics.median(seconds), min(first) / min(seconds)
        spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{name:<36} {rate:7.0f} subwords/s  ratio {spread}, of the best epochs {best:.2f}", flush=True)
    return plain, dict(zip(turns, wall, strict=True))


def batches_of(size, sources, lengths):
    return [(sources[start : start + size], lengths[start : start + size]) for start in range(0, len(sources), size)]


def decoding(model, plain, test, alone, repeats):
    """Sentences a second of greedy decoding."""
    sources = [row[row > 0] for row in model.encode(test, target=False)["x"]["source"]]
    lengths = [len(each) for each in model.encode(test)["y"]]
    sizes = (len(model.source_subwords), len(model.target_subwords))
    sides = {
        f"plain Keras, one by one, {alone} sentences": (plain.translate, batches_of(1, sources[:alone], lengths)),
        f"plain Keras, batches of {BATCH}": (plain.translate, batches_of(BATCH, sources, lengths)),
    }
    if importlib.util.find_spec("torch"):
        torch = Torch(sizes, model.stack.units[0], model.embedding_dim)
        sides[f"PyTorch, batches of {BATCH}"] = (torch.translate, batches_of(BATCH, sources, lengths))

    def ours(sources, lengths):
        model._decoders.translate(sources, lengths, Search(), batch_size=BATCH)

    sides["rnnkit"] = (ours, [(sources, lengths)])
    rates = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, (translate, batches) in sides.items():
            start = time.perf_counter()
            for batch in batches:
                translate(*batch)
            if turn:  # the first one compiles
                rates[name].append(sum(len(each) for each, _ in batches) / (time.perf_counter() - start))
    best = statistics.median(rates["rnnkit"])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(
            f"{name:<44} {rate:8.2f} sentences/s ({min(found):.2f} to {max(found):.2f}), rnnkit is {best / rate:.2f}x"
        )
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=3000, help="training pairs, drawn at random")
    parser.add_argument("--sentences", type=int, default=1000, help="test sentences")
    parser.add_argument("--alone", type=int, default=5, help="test sentences that are decoded one by one")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    train, _, test = datasets.load(DATA)
    model = rnnkit.Translator()
    model.adapt(train)
    share = datasets.Dataset(dict(zip(train.columns, train.sample(arguments.pairs), strict=True)))
    plain, seconds = training(model, share, arguments.repeats)
    rates = decoding(model, plain, test[: arguments.sentences], arguments.alone, arguments.repeats)
    if arguments.out:
        arguments.out.write_text(json.dumps({"training": seconds, "decoding": rates}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
