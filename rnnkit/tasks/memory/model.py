"""Memory problems: a sequence in, and what is to be remembered of it out.

Legend: `B` batch, `T` steps, `F` features of a step, `V` symbols, `K` classes.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.errors import DataError
from rnnkit.errors.checks import one_of
from rnnkit.layers.sequence import padded_labels
from rnnkit.tasks.batches import by_example
from rnnkit.tasks.memory.spec import step_crossentropy
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task

FLOOR_MARGIN = 0.95
TARGETS = {
    "number": "a number in every row",
    "class": "a class in every row, an integer from 0 (of one-hot rows y.argmax(axis=1))",
    "symbols": "a list of symbols in every row, integers from 0",
}


@keras.saving.register_keras_serializable(package="rnnkit")
class StepLoss(keras.losses.Loss):
    """Cross-entropy of symbols (B, T) under probabilities (B, T, V): the mean over a sequence's steps, in nats.

    Steps with the symbol -1, which is padding, do not count.
    """

    def call(self, y_true, y_pred):
        symbols, valid = padded_labels(y_true)
        return _mean_where(valid, ops.sparse_categorical_crossentropy(symbols, y_pred))


@keras.saving.register_keras_serializable(package="rnnkit")
class StepCrossentropy(keras.metrics.MeanMetricWrapper):
    """`StepLoss` as a metric: without the penalties on weights that Keras adds to the loss."""

    def __init__(self, name="crossentropy", dtype=None):
        super().__init__(StepLoss(reduction=None), name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="rnnkit")
class RecallAccuracy(keras.metrics.MeanMetricWrapper):
    """Fraction of right symbols at the steps whose target is not blank (0): those that are to be recalled."""

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(_recalled, name=name, dtype=dtype)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype}


def _recalled(y_true, y_pred):
    right = ops.cast(ops.equal(ops.cast(y_true, "int32"), ops.argmax(y_pred, axis=-1)), y_pred.dtype)
    return _mean_where(ops.cast(y_true, "int32") > 0, right)


def _mean_where(keep, values):
    """The mean over T of values (B, T) where `keep` is true; 0 where it never is."""
    keep = ops.cast(keep, values.dtype)
    return ops.sum(values * keep, axis=-1) / ops.maximum(ops.sum(keep, axis=-1), 1.0)


@keras.saving.register_keras_serializable(package="rnnkit")
class MemoryModel(Task):
    """Recurrent stack over numbers or symbols, read off at the last step or at each step.

        train, valid, test = datasets.memory("temporal-order", length=200)
        model = rnnkit.MemoryModel("class", cell="gru")
        model.fit(train, validation_data=valid)
        model.evaluate(test, return_dict=True)

    A sequence is a list of symbols, integers from 0, which enter as one-hot vectors; or a list of steps with F numbers
    each. (A `tf.data.Dataset` can hold symbols only.) For a number, `loss` and `mse` are the mean squared error; for a
    class, `loss` is cross-entropy in nats; for symbols `loss` and `crossentropy` are its mean over all steps, and
    `accuracy` counts the steps whose symbol is not 0. Penalties on weights are part of `loss` only.

    Args:
        target: what is asked for: `"number"` or `"class"`, an integer from 0, after the last step; or `"symbols"`, one
            at each step.
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width of each direction, or a list with one width a layer.
        layers: how many recurrent layers.
        options: any other argument of `RecurrentStack`, such as `activation`, `residual`, `layer_norm` and
            `recurrent_initializer`; and `name` and `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.

    Examples:
        >>> from rnnkit import MemoryModel, datasets
        >>> train, valid, test = datasets.memory("temporal-order", length=10, train=64, valid=16, test=16)
        >>> model = MemoryModel("class", cell="min_gru", units=8)
        >>> history = model.fit(train, validation_data=valid, epochs=1, verbose=0)
        >>> sorted(model.evaluate(test, return_dict=True, verbose=0))
        ['accuracy', 'loss']
    """

    columns = ("sequence", "target")
    rank = 1
    monitor = ("val_loss", "min")
    patience = 5  # the loss stands still for long before a network begins to remember

    def __init__(
        self,
        target: str = "number",
        cell: Any = "lstm",
        units: int | Sequence[int] = 128,
        layers: int = 1,
        **options: Any,
    ):
        super().__init__(cell, units, layers, return_sequences=target == "symbols", **options)
        self.target = one_of("target", target, TARGETS)
        self.unclassed = "" if target == "class" else f"a target of {target}"

    def score_floor(self, valid: Any):
        """The loss of the best answer that remembers nothing, less a margin for what a loss varies by."""
        y = valid["target"]
        return FLOOR_MARGIN * (float(np.var(y)) if self.target == "number" else step_crossentropy(y, y))

    def learn(self, data: Any):
        x, y = check_sequences(data["sequence"]), check_targets(data["target"], self.target)
        symbols = x[0].ndim == 1
        return {
            "symbols": symbols,
            "features": _count("x", x) if symbols else x[0].shape[1],
            "outputs": 1 if self.target == "number" else _count("y", y),
        }

    def make_network(self, learned: dict[str, Any]):
        self.symbols, self.features, self.outputs = (learned[name] for name in ("symbols", "features", "outputs"))
        lengths = keras.Input((), dtype="int32", name="lengths")
        if self.symbols:
            sequence = keras.Input((None,), dtype="int32", name="sequence")
            steps = ops.one_hot(sequence, self.features)
        else:
            sequence = steps = keras.Input((None, self.features), name="sequence")
        activation = None if self.target == "number" else "softmax"
        read_off = keras.layers.Dense(self.outputs, activation, dtype="float32", name="answer")
        answer = read_off(self.stack(steps, lengths))
        return keras.Model({"sequence": sequence, "lengths": lengths}, answer, name="network")

    def encode(self, data: Any, *, target: bool = True):
        x = check_sequences(data["sequence"])
        self._check_known(x)
        lengths = np.array([len(row) for row in x], "int32")
        y = self._known_targets(data["target"], lengths) if target else None
        return {"x": {"sequence": x, "lengths": lengths}, "y": y, "lengths": lengths}

    def known_lag(self, median_length: float):
        return median_length - 1, "the length of the sequences, as what is asked for may come first"

    def default_compile(self):
        loss, metrics = {
            "number": ("mse", [keras.metrics.MeanSquaredError("mse")]),
            "class": ("sparse_categorical_crossentropy", [keras.metrics.SparseCategoricalAccuracy("accuracy")]),
            "symbols": (StepLoss(), [StepCrossentropy(), RecallAccuracy()]),
        }[self.target]
        return {"optimizer": keras.optimizers.Adam(1e-3), "loss": loss, "metrics": metrics}

    def predict(
        self, x: Any, batch_size: int = 128, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """As `keras.Model.predict`, on raw data.

        Returns:
            Numbers of shape (N, 1), or probabilities of shape (N, K); for a symbol at each step a list with an array
            (T_i, V) for each sequence, where nothing is printed.
        """
        self._need_network()
        if self.target != "symbols":
            return super().predict(x, batch_size=batch_size, verbose=verbose, steps=steps, **kwargs)

        def answer(own):
            found = by_example(self._answer, encoded := self.encode(own, target=False), batch_size)
            return [row[:length] for row, length in zip(found, encoded["lengths"], strict=True)]

        return answered_by_all(self._strategy, self.inputs(x, batch_size, steps), answer)

    def answer(self, sequences: Any, batch_size: int = 128) -> list:
        """What the model says to each of a list of sequences: a float, a class number, or a list of symbols."""
        found = self.predict(sequences, batch_size=batch_size, verbose=0)
        return [float(row[0]) if self.target == "number" else row.argmax(axis=-1).tolist() for row in found]

    def preview(self, data: Any, rows: int = 6):
        import pandas as pd

        sequences, targets = data.sample(rows, seed=0)
        columns = {"sequence": sequences, "target": targets, "predicted": self.answer(sequences)}
        return pd.DataFrame({name: [_short(value) for value in values] for name, values in columns.items()})

    def get_config(self):
        return {**super().get_config(), "target": self.target}

    def _check_known(self, x) -> None:
        if (x[0].ndim == 1) != self.symbols or (not self.symbols and x[0].shape[1] != self.features):
            known = "symbols" if self.symbols else f"steps of {self.features} numbers"
            raise DataError(f"x: expected {known} as in training, got a sequence of shape {x[0].shape} in row 0.")
        if self.symbols and _count("x", x) > self.features:
            raise DataError(
                f"x: the symbol {_count('x', x) - 1} was not seen in training; the model knows 0 to "
                f"{self.features - 1}. Leave such rows out."
            )

    def _known_targets(self, values, lengths):
        y = check_targets(values, self.target)
        if self.target == "number":
            return np.array(y, "float32")
        if _count("y", y) > self.outputs:
            seen = f"the model knows 0 to {self.outputs - 1}. Leave such rows out."
            raise DataError(f"y: {_count('y', y) - 1} was not seen in training; {seen}")
        if self.target == "class":
            return np.array(y, "int32")
        for row, (symbols, length) in enumerate(zip(y, lengths, strict=True)):
            if len(symbols) != length:
                raise DataError(f"y: expected a symbol for each of {length} steps in row {row}, got {len(symbols)}.")
        return y


def check_sequences(rows) -> list[np.ndarray]:
    """Sequences as arrays: all of symbols, shape (T,), or all of numbers, float32, shape (T, F)."""
    x = _arrays("x", rows)
    for row, values in enumerate(x):
        is_sequence = values.ndim == 2 or (values.ndim == 1 and values.dtype.kind in "iu")
        if not is_sequence or not values.size or values.shape[1:] != x[0].shape[1:]:
            raise DataError(
                f"x: expected lists of symbols (integers), or of steps with equally many numbers each; row {row} is an "
                f"array of {values.dtype} of shape {values.shape}."
            )
    return x if x[0].ndim == 1 else [values.astype("float32", copy=False) for values in x]


def _arrays(name: str, rows) -> list[np.ndarray]:
    """Each row as an array; one that does not consist of finite numbers is named by its place."""
    arrays = []
    for row, values in enumerate(rows):
        try:
            arrays.append(np.asarray(values))
        except ValueError:  # lists of different lengths in one row
            arrays.append(np.asarray(None))
        if arrays[-1].dtype.kind == "b":
            arrays[-1] = arrays[-1].astype("int8")
        if arrays[-1].dtype.kind not in "iuf" or not np.isfinite(arrays[-1]).all():
            raise DataError(f"{name}: expected finite numbers in every row, got {values!r:.60} in row {row}.")
    return arrays


def check_targets(rows, target: str) -> list[np.ndarray]:
    """Targets as arrays: numbers or classes, shape (), or symbols, shape (T,)."""
    y = _arrays("y", rows)
    rank, kinds = (1 if target == "symbols" else 0), ("iuf" if target == "number" else "iu")
    for row, values in enumerate(y):
        if values.ndim != rank or values.dtype.kind not in kinds:
            raise DataError(
                f"y: expected {TARGETS[target]}, got {rows[row]!r:.60} in row {row}. {_advice(values, rank)}"
            )
    return y


def _advice(values: np.ndarray, rank: int) -> str:
    """What to do about a target of the wrong form."""
    if values.ndim == rank + 1 and (values.sum(axis=-1) == 1).all():
        return "One-hot targets: give their argmax(axis=-1)."
    if values.ndim == rank:
        return "Give whole numbers as int, or ask for target='number'."
    return "See the argument target of MemoryModel."


def _count(name: str, arrays) -> int:
    """How many symbols or classes there are, if they are numbered from 0."""
    if any((values < 0).any() for values in arrays):
        raise DataError(f"{name}: expected symbols and classes that are numbered from 0, got a negative number.")
    return 1 + max(int(values.max()) for values in arrays)


def _short(value) -> str:
    """A value in a line; of a long list the first and last ten entries."""
    text = np.array2string(np.asarray(value), threshold=20, edgeitems=10, precision=3, max_line_width=10**6)
    return " ".join(text.split())
