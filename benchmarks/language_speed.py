"""Tokens per second in training: `LanguageModel`, and the same model in plain Keras and in PyTorch.

    python benchmarks/language_speed.py
    python benchmarks/language_speed.py --work words-adaptive

Each side has the same sizes, the same cut (strips with carried state), dropout, tied embeddings, clipped Adam and the
full softmax (`words-adaptive` sets rnnkit's adaptive one against the full one of the others). Each takes STEPS steps in
turn, ROUNDS times; PyTorch does so in a process of its own, and is left out where it is not installed. Seconds are of
the processor, all threads, so that other work on the machine does not show. Ratios are medians over the rounds.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

BATCH, BPTT, WIDTH, DROPOUT, RATE, STEPS, ROUNDS = 32, 64, 128, 0.2, 3e-3, 5, 3
WORKS = {  # units, words or characters of the vocabulary
    "characters": (512, 65, {}),
    "words": (256, 10_000, {"tokenization": "words"}),
    "words-adaptive": (256, 30_000, {"tokenization": "words", "softmax": "adaptive"}),
}


def stream(size):
    """Token numbers from 4 on, as frequent as words are."""
    probability = 1 / np.arange(1, size - 3)
    return np.random.default_rng(0).choice(size - 4, STEPS * BATCH * BPTT + 1, p=probability / probability.sum()) + 4


def chunks(tokens):
    """Inputs and targets (STEPS, BATCH, BPTT) of strips."""
    return [part.reshape(BATCH, STEPS, BPTT).swapaxes(0, 1) for part in (tokens[:-1], tokens[1:])]


def rnnkit_side(units, size, options):
    import rnnkit

    names = [f"w{number}" for number in range(size - 4)] if options else [chr(0x4E00 + n) for n in range(size - 4)]
    between = " " if options else ""
    model = rnnkit.LanguageModel(units=units, embedding_dim=WIDTH, dropout=DROPOUT, bptt_steps=BPTT, **options)
    model.adapt([between.join(names)] * 2)
    text = [between.join(names[number - 4] for number in stream(size)[:-1])]
    data = model.read(text)
    return lambda: model.fit(data, batch_size=BATCH, epochs=1, steps_per_epoch=STEPS, verbose=0)


def keras_side(units, size, _):
    import keras

    tokens = keras.Input((BPTT,), batch_size=BATCH, dtype="int32")
    embedding = keras.layers.ReversibleEmbedding(size, WIDTH)
    x = keras.layers.Dropout(DROPOUT)(embedding(tokens))
    x = keras.layers.LSTM(units, return_sequences=True, stateful=True)(x)
    x = keras.layers.Dense(WIDTH)(keras.layers.Dropout(DROPOUT)(x))
    model = keras.Model(tokens, embedding(x, reverse=True))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE, global_clipnorm=1.0), loss)
    x, y = (part.reshape(-1, BPTT) for part in chunks(stream(size)))
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)


def torch_side(units, size, _):
    import torch

    embed, out = torch.nn.Embedding(size, WIDTH), torch.nn.Linear(units, WIDTH)
    recurrent, bias = torch.nn.LSTM(WIDTH, units, batch_first=True), torch.zeros(size, requires_grad=True)
    weights = [*embed.parameters(), *recurrent.parameters(), *out.parameters(), bias]
    optimizer = torch.optim.Adam(weights, RATE)
    drop, (x, y) = torch.nn.Dropout(DROPOUT), (torch.tensor(part.copy()).long() for part in chunks(stream(size)))

    def train():
        states = None
        for inputs, targets in zip(x, y, strict=True):
            outputs, states = recurrent(drop(embed(inputs)), states)
            states = tuple(state.detach() for state in states)
            logits = torch.nn.functional.linear(out(drop(outputs)), embed.weight, bias)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()

    return train


SIDES = {"rnnkit": rnnkit_side, "plain Keras": keras_side, "PyTorch": torch_side}


class Process:
    """A side that trains in a process of its own, whenever it is asked to."""

    def __init__(self, side, work):
        line = [sys.executable, __file__, "--work", work, "--serve", side]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def serve(side, work):
    """Trains for each line that comes, and answers with the seconds."""
    train = SIDES[side](*WORKS[work])
    for _ in sys.stdin:
        start = time.process_time()
        train()
        print(time.process_time() - start, flush=True)


def compare(work):
    names = [name for name in SIDES if name != "PyTorch" or importlib.util.find_spec("torch")]
    sides = {name: Process(name, work) for name in names}
    rounds = [{name: side.seconds() for name, side in sides.items()} for _ in range(1 + ROUNDS)][1:]  # the first traces
    for side in sides.values():
        side.process.communicate()
    for name in names:
        speed = STEPS * BATCH * BPTT / statistics.median(each[name] for each in rounds)
        ratio = statistics.median(each[name] / each["rnnkit"] for each in rounds)
        print(f"{work:<15} {name:<12} {speed:>8,.0f} tokens per processor second; rnnkit {ratio:.2f} times as fast")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORKS, default="words")
    parser.add_argument("--serve", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    serve(arguments.serve, arguments.work) if arguments.serve else compare(arguments.work)
