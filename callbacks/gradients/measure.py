"""Norms, zeros and non-finite values of gradients, and the size of updates, inside the compiled step (TensorFlow).

Written for speed: the usual step pays one fused reduction a gradient for its norm and one for its zeros; what only
matters when float32 squares have left their range is behind a condition.
U: number of units, that is of variables, or of gates where they are measured apart.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.gradients.rows import OF_STEP, TAKEN, Ring, Seen, local_variable, pack
from rnnkit.optimizers.sparse import is_sparse

SMALLEST_EXACT = 1e-18  # below this norm, squares in float32 lose digits


class Measurement(NamedTuple):
    """What is known of the gradients of one step: vectors (U,) and the total norm (), all float32.

    `zeros` and `nonfinite` are numbers of elements; a non-finite element spoils the number of zeros.
    """

    norms: tf.Tensor
    total: tf.Tensor
    zeros: tf.Tensor
    nonfinite: tf.Tensor


class Meter:
    """Measures lists of gradients that belong, one to one, to a list of variables.

    Args:
        gates: for each variable the number of equal column blocks that are measured apart (1: the whole variable).
        sizes: the number of elements of each unit.
    """

    def __init__(self, gates: list[int], sizes: list[int]):
        self.gates = gates
        self.sizes = sizes

    def measure(self, gradients) -> Measurement:
        """Everything. A variable without gradient (None) has norm NaN and no part in the total."""
        norms, total, nonfinite = self._norms(gradients)
        nonzero = self._squares([tf.sign(values) for values in _values(gradients)])
        return Measurement(norms, total, self.sizes - nonzero, nonfinite)

    def norms(self, gradients) -> tuple[tf.Tensor, tf.Tensor]:
        """Norms (U,) and total norm () only."""
        return self._norms(gradients)[:2]

    def by_variable(self, norms) -> list[tf.Tensor]:
        """Norms (U,) -> one norm a variable: the gates of a variable are put together again."""
        return [total_norm(part) for part in tf.split(norms, self.gates)]

    def _squares(self, values: list) -> tf.Tensor:
        """Sums of squares (U,); those of gates by way of all columns, which is one pass for all gates."""
        pairs = zip(values, self.gates, strict=True)
        return tf.concat([_column_squares(v, count) if count > 1 else 2 * _l2_loss(v) for v, count in pairs], axis=0)

    def _norms(self, gradients):
        values, absent = _values(gradients), self._absent(gradients)
        norms = tf.sqrt(self._squares(values))
        usual = tf.reduce_all(tf.math.is_finite(norms) & (norms > SMALLEST_EXACT) | absent)
        norms, nonfinite = tf.cond(usual, lambda: (norms, tf.zeros_like(norms)), lambda: _exact(self._parts(values)))
        return tf.where(absent, float("nan"), norms), total_norm(norms), nonfinite

    def parts(self, gradients) -> list:
        """The gradient of each unit, or the rows that there are of it; zero for None."""
        return self._parts(_values(gradients))

    def _parts(self, values: list) -> list:
        pairs = zip(values, self.gates, strict=True)
        return [part for v, count in pairs for part in (tf.split(v, count, axis=-1) if v.shape.rank else [v] * count)]

    def _absent(self, gradients) -> list[bool]:
        pairs = zip(gradients, self.gates, strict=True)
        return [gradient is None for gradient, count in pairs for _ in range(count)]


class WeightWatch:
    """Compares the weights before and after one taken step in `every`, by way of a copy of all weights.

    Args:
        weights: the variables.
        meter: measures them.
        ring: its last row gets `weight_norm` (before the step) and `update_norm`.
        every: steps from one measured step to the next.
        start: the first step that is measured.
    """

    def __init__(self, weights: list, meter: Meter, ring: Ring, every: int, start: int):
        self.weights, self.meter, self.ring, self.every = weights, meter, ring, every
        self.copies = [local_variable(tf.zeros(weight.shape, weight.dtype)) for weight in weights]
        self.next_step = local_variable(np.int64(start))

    def around(self, step: Callable[[], None], tolerate: Callable) -> None:
        """Runs the step; where none is taken (refused, or gradients are being accumulated) the next one is measured.

        Args:
            step: the update.
            tolerate: runs what is measured around it.
        """
        first = tf.identity(self.ring.count)
        due = first >= self.next_step
        tolerate(lambda: when(due, self._copy))
        step()
        tolerate(lambda: when(due & (self.ring.count > first) & self._was_taken(), self._measure))

    def _was_taken(self) -> tf.Tensor:
        return tf.equal(self.ring.last()[OF_STEP.index("status") - len(OF_STEP)], TAKEN)

    def _copy(self) -> None:
        for copy, weight in zip(self.copies, self.weights, strict=True):
            copy.assign(tf.convert_to_tensor(weight))

    def _measure(self) -> None:
        pairs = zip(self.weights, self.copies, strict=True)
        moved = [tf.convert_to_tensor(weight) - copy for weight, copy in pairs]
        weights, _ = self.meter.norms([tf.convert_to_tensor(copy) for copy in self.copies])
        updates, _ = self.meter.norms(moved)
        self.ring.rewrite_last(pack(len(self.ring.units), Seen(weights=weights, updates=updates)))
        self.next_step.assign(self.ring.count - 1 + self.every)


def when(condition, action: Callable[[], object]) -> None:
    """Runs `action` for its effects where the condition holds, inside the compiled step."""

    def act():
        action()
        return tf.constant(0)

    tf.cond(condition, act, lambda: tf.constant(0))


def total_norm(norms) -> tf.Tensor:
    """Euclidean norm of a vector of norms, without overflow or underflow."""
    largest = tf.reduce_max(norms)
    return largest * tf.norm(tf.math.divide_no_nan(norms, largest))


def _values(gradients) -> list:
    """Dense or row-sparse gradients as float32 tensors, zero for None."""
    values = [gradient.values if is_sparse(gradient) else gradient for gradient in gradients]
    return [tf.zeros(()) if v is None else tf.cast(v, tf.float32) for v in values]


def _l2_loss(values) -> tf.Tensor:
    return tf.expand_dims(tf.nn.l2_loss(values), 0)


def _column_squares(values, count: int) -> tf.Tensor:
    """The sums of squares of `count` equal blocks of columns (count,)."""
    if not values.shape.rank:
        return tf.zeros((count,))
    columns = tf.reduce_sum(tf.square(tf.reshape(values, (-1, values.shape[-1]))), axis=0)
    return tf.reduce_sum(tf.reshape(columns, (count, -1)), axis=1)


def _exact(parts):
    """Norms by way of float64, and the number of non-finite elements."""
    norms = [tf.norm(tf.cast(part, tf.float64)) for part in parts]
    nonfinite = [tf.math.count_nonzero(~tf.math.is_finite(part), dtype=tf.float32) for part in parts]
    return tf.cast(tf.stack(norms), tf.float32), tf.stack(nonfinite)
