"""From a sequence of steps to one vector. Legend: `B` batch, `T` steps, `F` features."""

from typing import Any

import keras
from keras import ops

from rnnkit.errors.checks import one_of
from rnnkit.layers.sequence import last_step, valid_steps, zero_padding

POOLINGS = ("last", "max", "mean", "attention")
LOWEST = -6e4  # that mixed precision can hold


@keras.saving.register_keras_serializable(package="rnnkit")
class SequencePooling(keras.layers.Layer):
    """Joins the valid steps of right-padded sequences, (B, T, F) with lengths (B,), into (B, F); padding never counts.

    A sequence without a step gives zeros, and for `"last"` its first padding.

    Args:
        pooling: `"last"`, the step at length - 1; `"max"`, the largest value of each feature; `"mean"`; or
            `"attention"`, a learned weight per step (Yang et al., "Hierarchical attention networks for document
            classification", 2016).

    Raises:
        ArgumentError: `pooling` is none of these.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import SequencePooling
        >>> tuple(SequencePooling("mean")(np.ones((2, 5, 3)), np.array([5, 2], "int32")).shape)
        (2, 3)
    """

    def __init__(self, pooling: str = "max", **kwargs: Any):
        super().__init__(**kwargs)
        self.pooling = one_of("pooling", pooling, POOLINGS)

    def build(self, inputs_shape: Any, lengths_shape: Any = None):
        self.features = inputs_shape[-1]
        if self.pooling == "attention":
            options = {"activation": "tanh", "name": "projection", "dtype": self.dtype_policy}
            self.projection = keras.layers.Dense(self.features, **options)
            self.projection.build(inputs_shape)
            self.score = keras.layers.Dense(1, use_bias=False, name="score", dtype=self.dtype_policy)
            self.score.build((*inputs_shape[:-1], self.features))
        self.built = True

    def call(self, inputs: Any, lengths: Any):
        if self.pooling == "last":
            return last_step(inputs, lengths)
        if self.pooling == "mean":
            steps = _wide(zero_padding(inputs, lengths))
            count = ops.cast(ops.maximum(lengths, 1), steps.dtype)
            return ops.cast(ops.sum(steps, axis=1) / count[:, None], inputs.dtype)
        valid = valid_steps(lengths, ops.shape(inputs)[1])[:, :, None]
        if self.pooling == "max":
            return ops.where(lengths[:, None] > 0, ops.max(_masked(inputs, valid), axis=1), 0)
        weights = ops.softmax(_masked(_wide(self.score(self.projection(inputs))), valid), axis=1)
        return ops.cast(ops.sum(weights * _wide(zero_padding(inputs, lengths)), axis=1), inputs.dtype)

    def initial_state(self, batch_size: int) -> list:
        """The state before the first step, for `carry`: a list with a tensor (B, S), or nothing for `"last"`."""
        if self.pooling == "last":
            return []
        if self.pooling == "max":
            return [ops.full((batch_size, self.features), LOWEST, self.compute_dtype)]
        rest = ops.concatenate([ops.full((batch_size, 1), LOWEST), ops.zeros((batch_size, 1))], axis=1)
        return [ops.concatenate([ops.zeros((batch_size, self.features)), rest], axis=1)]

    def carry(self, inputs: Any, state: Any):
        """What is joined so far, after each step of a piece of a sequence: exact for each `pooling`.

        Args:
            inputs: shape (B, T, F), without padding.
            state: as `initial_state` gives it, or as the piece before gave it.

        Returns:
            For each step what `call` gives for all steps up to it, shape (B, T, F), and the state after the last.
        """
        if self.pooling == "last":
            return inputs, state
        steps = inputs
        if self.pooling != "max":
            scores = self.score(self.projection(inputs)) if self.pooling == "attention" else inputs[..., :1] * 0
            steps = ops.concatenate([_wide(inputs), _wide(scores)], axis=-1)
        extend = ops.maximum if self.pooling == "max" else _weighted_further

        def step(state, step):
            state = extend(state, step)
            return state, state

        last, states = ops.scan(step, state[0], ops.swapaxes(steps, 0, 1))
        return ops.cast(ops.swapaxes(states, 0, 1)[..., : self.features], inputs.dtype), [last]

    def compute_output_shape(self, inputs_shape: Any, lengths_shape: Any = None):
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        return {**super().get_config(), "pooling": self.pooling}


def _wide(values):
    """In float32 at least: many steps do not add up in half precision."""
    return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))


def _weighted_further(state, step):
    """A mean weighted by exp(score) with one step more: (B, F) of the mean, (B, 1) of the largest score, and of the sum
    of weights relative to the largest, all in one tensor (B, F + 2); a step (B, F + 1) has its score last.
    """
    mean, largest, total = state[:, :-2], state[:, -2:-1], state[:, -1:]
    value, score = step[:, :-1], step[:, -1:]
    top = ops.maximum(largest, score)
    weight, before = ops.exp(score - top), total * ops.exp(largest - top)
    mean = mean + (value - mean) * weight / (before + weight)
    return ops.concatenate([mean, top, before + weight], axis=1)


def _masked(values, valid):
    """Padding gets the lowest number."""
    return ops.where(valid, values, ops.cast(LOWEST, values.dtype))
