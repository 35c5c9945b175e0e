"""Recurrent layers alone, forward and backward: rnnkit's against those of Keras, and of PyTorch where it is installed.

    python benchmarks/layer_speed.py --repeats 20

All sides of a row get the same inputs and give the gradients of inputs and weights, a pass in turn each, in one
process. Prints for each side the milliseconds of a pass, by the median, and its ratios to the stock Keras layer, of
wall and of CPU time: the median over the rounds, and the range that half of them fall into. `difference` is the largest
to the stock layer's gradients, relative to the largest entry. The last side of a row is the limit: the matrix products
of the stock layer and nothing else, each as one where the steps do not need each other.
"""

import argparse
import importlib.util
import json
import os
import resource
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from rnnkit import layers
from rnnkit.recurrent.cells import find_cell

SCANS = ("lru", "rg_lru", "mamba", "mlstm")
LONG = (16, 1024, 128, 128)
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
TORCH = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}


class Work:
    """One row: its sizes, and its sides as functions that take one pass and return its gradients.

    Args:
        name: what it is called.
        sizes: batch, steps, features and units.
        stock, ours: functions of the units that make a Keras layer, stock and rnnkit's.
        kind: the class of the stock layer, which PyTorch has as well.
        both: whether they read in both directions.
    """

    def __init__(self, name, sizes, stock, ours, kind="LSTM", both=False):
        batch, steps, features, units = sizes
        self.name = f"{name}, B={batch} T={steps} {features} -> {units}"
        random = np.random.default_rng(0)
        self.x = random.normal(size=(batch, steps, features)).astype("float32")
        self.upstream = random.normal(size=(batch, steps, units * (2 if both else 1))).astype("float32")
        made = [stock(units), ours(units)]
        for layer in made:
            layer.build(self.x.shape)
        self.comparable = [w.shape for w in made[0].weights] == [w.shape for w in made[1].weights]
        if self.comparable:
            made[1].set_weights(made[0].get_weights())
        self.sides = {"Keras": self._keras(made[0]), "rnnkit": self._keras(made[1])}
        if importlib.util.find_spec("torch"):
            self.sides["PyTorch"] = self._torch(TORCH[kind], features, units, both)
        self.sides["products alone"] = self._products(GATES[kind], units, 2 if both else 1)

    def _keras(self, layer):
        weights = [weight.value for weight in layer.trainable_weights]
        steps = tf.TensorSpec((None, None, self.x.shape[-1])), tf.TensorSpec((None, None, self.upstream.shape[-1]))

        @tf.function(input_signature=steps)
        def gradients(x, upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = layer(x, training=True)
            return tape.gradient(outputs, [x, *weights], output_gradients=upstream)

        return self._called(gradients, tf.constant(self.x), tf.constant(self.upstream))

    def _torch(self, kind, features, units, both):
        import torch

        layer = getattr(torch.nn, kind)(features, units, batch_first=True, bidirectional=both)
        x, upstream = torch.tensor(self.x, requires_grad=True), torch.tensor(self.upstream)

        def gradients():
            x.grad = None
            layer.zero_grad()
            layer(x)[0].backward(upstream)

        return gradients

    def _products(self, gates, units, directions):
        steps, features = self.x.shape[1:]
        rows, size = self.x.shape[0], gates * units
        kernel, recurrent = tf.random.normal((features, size)), tf.random.normal((units, size))
        transposed = tf.transpose(recurrent)

        @tf.function
        def products(x, states, errors):
            def step(t, *_):
                return t + 1, tf.matmul(states[t], recurrent), tf.matmul(errors[t], transposed)

            inputs, before, back = (tf.reshape(each, (-1, each.shape[-1])) for each in (x, states, errors))
            start = (0, tf.zeros((rows, size)), tf.zeros((rows, units)))
            return (
                tf.matmul(inputs, kernel)[0],
                *tf.while_loop(lambda t, *_: t < steps, step, start)[1:],
                *[tf.matmul(each, back, transpose_a=True) for each in (inputs, before)],
                tf.matmul(back, kernel, transpose_b=True)[0],
            )

        shapes = [(steps, rows, width) for width in (features, units, size)]
        once = self._called(products, *[tf.random.normal(shape) for shape in shapes])
        return lambda: [once() for _ in range(directions)]

    @staticmethod
    def _called(function, *arguments):
        return lambda: function(*arguments)

    def difference(self) -> float | None:
        """Of our gradients from the stock layer's, relative to the largest entry; None where the cells differ."""
        if not self.comparable:
            return None
        pairs = zip(self.sides["Keras"](), self.sides["rnnkit"](), strict=True)
        return max(float(tf.reduce_max(abs(a - b)) / tf.reduce_max(abs(a))) for a, b in pairs)

    def measure(self, repeats):
        """Side -> wall and CPU seconds of each pass."""
        for side in [*self.sides.values()] * 2:
            side()
        seconds = {name: [] for name in self.sides}
        for _ in range(repeats):
            for name, side in self.sides.items():
                start = time.perf_counter(), time.process_time()
                side()
                seconds[name].append([time.perf_counter() - start[0], time.process_time() - start[1]])
        return seconds


def works(only):
    """The rows whose name has `only` in it, one after the other: name, sizes, and what is measured."""
    stock = _whole(keras.layers.LSTM)
    rows = [
        (kind, (64, 200, 128, 128), _whole(getattr(keras.layers, kind)), _whole(getattr(layers, kind)), kind)
        for kind in GATES
    ]
    rows += [("bidirectional LSTM", (32, steps, 128, 64), _both_ways, _stack, "LSTM", True) for steps in (20, 50)]
    rows += [("MinGRU for LSTM", sizes, stock, _whole(layers.MinGRU)) for sizes in ((64, 200, 128, 128), LONG)]
    rows.append(("SLSTM for its own step", (64, 200, 128, 128), _stepwise, _whole(layers.SLSTM)))
    rows += [(f"{cell} for LSTM", LONG, stock, _scan(cell)) for cell in SCANS]
    for row in rows:
        if only in row[0]:
            yield Work(*row)


def growth(cell, repeats):
    """Prints the CPU time of a step in a sequence of 16,384 steps and in one of 1,024, and what memory both need."""
    spent = {}
    for steps in (1024, 16384):
        work = Work(cell, (16, steps, 128, 128), _scan(cell), _scan(cell))
        work.sides = {"Keras": work.sides["rnnkit"]}
        spent[steps] = statistics.median(cpu for _, cpu in work.measure(repeats)["Keras"]) / steps
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{cell:<8} T={steps:<6} {1e6 * spent[steps]:6.1f} us a step, peak {peak:6.0f} MB", flush=True)
    print(f"{cell:<8} a step costs {spent[16384] / spent[1024]:.2f} times as much")


def _scan(cell):
    return lambda units: find_cell(cell).layer(units)


def _whole(kind):
    return lambda units: kind(units, return_sequences=True)


def _stepwise(units):
    return keras.layers.RNN(layers.SLSTMCell(units), return_sequences=True)


def _both_ways(units):
    return keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))


def _stack(units):
    return layers.RecurrentStack("lstm", units, bidirectional=True)


def show(name, seconds, difference):
    """Prints a row a side."""
    print(name if difference is None else f"{name}    difference {difference:.0e}")
    for side, passes in seconds.items():
        row = f"  {side:<16}"
        for clock, label in enumerate(("wall", "CPU")):
            ratios = [first[clock] / own[clock] for first, own in zip(seconds["Keras"], passes, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            spent = 1000 * statistics.median(each[clock] for each in passes)
            row += f" {label} {spent:8.2f} ms  ratio {middle:5.2f} ({low:.2f} to {high:.2f})  "
        print(row, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="counted passes of each side")
    parser.add_argument("--only", default="", help="rows whose name has this in it")
    parser.add_argument("--growth", choices=SCANS, help="16,384 steps of this cell against 1,024 in place of the rows")
    parser.add_argument("--threads", type=int, help="of TensorFlow and PyTorch; all cores by default")
    parser.add_argument("--out", help="JSON file for the seconds of all passes")
    arguments = parser.parse_args()
    if arguments.repeats < 2:
        parser.error("--repeats: at least two are needed")
    if arguments.threads:
        tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
        tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
        if importlib.util.find_spec("torch"):
            import torch

            torch.set_num_threads(arguments.threads)
    keras.utils.set_random_seed(0)
    if arguments.growth:
        growth(arguments.growth, arguments.repeats)
        return
    found = {}
    for work in works(arguments.only):
        difference = work.difference()
        found[work.name] = work.measure(arguments.repeats)
        show(work.name, found[work.name], difference)
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
