"""From a sequence of steps to one vector. Legend: `B` batch, `T` steps, `F` features."""

from typing import Any

import keras
from keras import ops

from rnnkit.checks import one_of
from rnnkit.layers.sequence import last_step, valid_steps, zero_padding

POOLINGS = ("last", "max", "mean", "attention")


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
        if self.pooling == "attention":
            features = inputs_shape[-1]
            self.projection = keras.layers.Dense(
                features, activation="tanh", name="projection", dtype=self.dtype_policy
            )
            self.projection.build(inputs_shape)
            self.score = keras.layers.Dense(1, use_bias=False, name="score", dtype=self.dtype_policy)
            self.score.build((*inputs_shape[:-1], features))
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

    def compute_output_shape(self, inputs_shape: Any, lengths_shape: Any = None):
        return (inputs_shape[0], inputs_shape[-1])

    def get_config(self):
        return {**super().get_config(), "pooling": self.pooling}


def _wide(values):
    """In float32 at least: many steps do not add up in half precision."""
    return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))


def _masked(values, valid):
    """Padding gets the lowest number that mixed precision can hold."""
    return ops.where(valid, values, ops.cast(-6e4, values.dtype))
