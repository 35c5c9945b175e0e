"""The form of a gradient clipping rule, and the few operations that rules use.

A rule is a small class without TensorFlow objects of its own: `initial_state` gives NumPy arrays, and `clip` is a pure
function of tensors that returns the clipped gradients, the threshold in force and the next state. So a rule can be
copied and pickled, and its state saved, at any time. Norms are Euclidean.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from rnnkit.optimizers.sparse import is_sparse, with_values


@dataclass(frozen=True)
class GradientStep:
    """The gradients of one optimizer step, as a rule sees them.

    Attributes:
        gradients: tensors, or `tf.IndexedSlices` whose rows are named once; float.
        weights: the variables they belong to.
        norms: their norms, one scalar each.
        total: the norm of all of them together, scalar.
        step: number of the step, int64 scalar.
    """

    gradients: list
    weights: list
    norms: list
    total: Any
    step: Any


class ClippingRule:
    """Base of all rules; make your own by overriding `clip`, and `initial_state` if it has a memory.

    Attributes:
        searched: the range in which `rnnkit.tune` searches the first argument; None keeps its default.
    """

    searched: ClassVar[tuple[float, float] | None] = None

    def initial_state(self) -> dict[str, np.ndarray]:
        """The memory of the rule before the first step: arrays of fixed shape by name."""
        return {}

    def clip(self, step: GradientStep, state: dict) -> tuple[list, Any, dict]:
        """Clips one step, with tensors only: it runs inside the compiled train step.

        Args:
            step: the gradients and what is known of them.
            state: tensors, in the shapes of `initial_state`.

        Returns:
            The gradients in the same order and form, the threshold in force (scalar), and the next state.
        """
        raise NotImplementedError(f"{type(self).__name__} must override `clip(step, state)`.")

    def get_config(self) -> dict:
        """The constructor's arguments."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: _serialized(getattr(self, name)) for name in names if name != "self"}

    @classmethod
    def from_config(cls, config: dict) -> "ClippingRule":
        """The rule that `get_config` describes."""
        return cls(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})


class JointRule(ClippingRule):
    """Base of the rules that scale all gradients by one factor, down to the joint norm that `limit` gives."""

    def limit(self, step: GradientStep, state: dict) -> tuple[Any, dict]:
        """The largest joint norm of this step (scalar) and the next state, with tensors only, as `clip`."""
        raise NotImplementedError(f"{type(self).__name__} must override `limit(step, state)`.")

    def clip(self, step: Any, state: Any):
        limit, state = self.limit(step, state)
        factor = shrink(limit, step.total)
        return [scaled(gradient, factor) for gradient in step.gradients], limit, state


def now(threshold: float | Callable, step) -> tf.Tensor:
    """The value of a number or schedule at a step, a float32 scalar."""
    return tf.cast(threshold(step) if callable(threshold) else threshold, tf.float32)


def shrink(limit, norm) -> tf.Tensor:
    """The factor that brings a norm down to the limit: 1 where it is not longer."""
    return tf.where(norm > limit, limit / norm, tf.ones_like(norm))


def mapped(function: Callable, gradient):
    """`function` applied to the values of a dense or row-sparse gradient."""
    if not is_sparse(gradient):
        return function(gradient)
    return with_values(gradient, function(gradient.values))


def scaled(gradient, factor):
    """A gradient times a factor (scalar, or one that broadcasts)."""
    return mapped(lambda values: values * tf.cast(factor, values.dtype), gradient)


def _serialized(value):
    return keras.saving.serialize_keras_object(value) if callable(value) else value
