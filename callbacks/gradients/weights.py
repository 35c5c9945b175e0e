"""Weight norms and the true size of updates, measured now and then (TensorFlow)."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.gradients.measure import Meter
from rnnkit.callbacks.gradients.ring import Ring, local_variable
from rnnkit.callbacks.gradients.rows import pack


class WeightWatch:
    """Compares the weights before and after one step in `every`, by way of a copy of all weights.

    Args:
        weights: the variables.
        meter: measures them.
        ring: its last row gets `weight_norm` (before the step) and `update_norm`.
        every: steps from one measured step to the next.
    """

    def __init__(self, weights: list, meter: Meter, ring: Ring, every: int):
        self.weights, self.meter, self.ring, self.every = weights, meter, ring, every
        self.copies = [local_variable(tf.zeros(weight.shape, weight.dtype)) for weight in weights]
        self.next_step = local_variable(np.int64(0))

    def around(self, step: Callable[[], None]) -> None:
        """Runs the step; a step that leaves no row (gradients are being accumulated) is measured with the next."""
        first = tf.identity(self.ring.count)
        due = first >= self.next_step
        when(due, self._copy)
        step()
        when(due & (self.ring.count > first), self._measure)

    def _copy(self) -> None:
        for copy, weight in zip(self.copies, self.weights, strict=True):
            copy.assign(tf.convert_to_tensor(weight))

    def _measure(self) -> None:
        pairs = zip(self.weights, self.copies, strict=True)
        moved = [tf.convert_to_tensor(weight) - copy for weight, copy in pairs]
        weight_norm, _ = self.meter.norms([tf.convert_to_tensor(copy) for copy in self.copies])
        update_norm, _ = self.meter.norms(moved)
        self.ring.rewrite_last(pack(len(self.meter.sizes), weight_norm=weight_norm, update_norm=update_norm))
        self.next_step.assign(self.ring.count - 1 + self.every)


def when(condition, action: Callable[[], object]) -> None:
    """Runs `action` for its effects where the condition holds, inside the compiled step."""

    def act():
        action()
        return tf.constant(0)

    tf.cond(condition, act, lambda: tf.constant(0))
