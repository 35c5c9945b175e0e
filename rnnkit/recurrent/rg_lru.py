"""The real-gated linear recurrent unit. Legend: `F` features, `H` units."""

from typing import Any

import keras
from keras import ops

from rnnkit.recurrent.devices import gpu_in_use
from rnnkit.recurrent.scan_blocks import Recurrence, scan_blocks, summed
from rnnkit.recurrent.scan_cells import ScanCell

SHARPNESS = 8.0  # c of the paper


@keras.saving.register_keras_serializable(package="rnnkit")
class RGLRUCell(ScanCell):
    """One step of the real-gated linear recurrent unit of De et al., "Griffin: Mixing gated linear recurrences with
    local attention for efficient language models", 2024, section 2.4.

        r_t = sigmoid(W_a x_t + b_a)                    recurrence gate
        i_t = sigmoid(W_x x_t + b_x)                    input gate
        u_t = W_h x_t + b_h
        a_t = sigmoid(Lambda)^(8 r_t)
        h_t = a_t * h_(t-1) + sqrt(1 - a_t^2) * (i_t * u_t)

    The paper's unit is as wide as its input, and has no W_h: with the identity for it, and no b_h, this is that unit.
    The recurrence gate can hold the whole state (r = 0), so that it outlives inputs without news, and a step keeps
    sigmoid(Lambda)^8 of it at least. That starts uniformly between 0.9 and 0.999: memories of 10 to 1,000 steps.

    Weights: kernel (F, 3 * H) and bias (3 * H,), columns in the order a, i, h; `recurrence` (H,), Lambda.

    Args:
        units: int, H.
        kernel_initializer, bias_initializer, kernel_regularizer: as in `keras.layers.GRU`.
        kwargs: as for `keras.layers.Layer`.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import ParallelRNN, RGLRUCell
        >>> tuple(ParallelRNN(RGLRUCell(8), return_sequences=True)(np.ones((2, 5, 3), "float32")).shape)
        (2, 5, 8)
    """

    def __init__(
        self,
        units: int,
        kernel_initializer: Any = "lecun_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(units, **kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Any):
        def memories(shape, dtype):
            power = keras.initializers.RandomUniform(0.9, 0.999)(shape, dtype) ** (1 / SHARPNESS)
            return ops.log(power) - ops.log1p(-power)

        width = 3 * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width), self.kernel_initializer, name="kernel", regularizer=self.kernel_regularizer
        )
        self.bias = self.add_weight((width,), self.bias_initializer, name="bias")
        self.recurrence = self.add_weight((self.units,), memories, name="recurrence", autocast=False)
        self.built = True

    def terms(self, inputs: Any):
        return _terms((self._projected(inputs),), (self._log_floor(),))

    def scan(self, inputs: Any, states: Any, counts: Any = None):
        if counts is not None:
            return super().scan(inputs, states, counts)
        given, initial = (self._projected(inputs),), (self.wide(states[0]),)
        return scan_blocks(RG_LRU, given, (self._log_floor(),), initial, side_by_side=gpu_in_use())

    def _log_floor(self):
        """The log of the least that a step keeps, (H,)."""
        return -SHARPNESS * ops.softplus(-ops.convert_to_tensor(self.recurrence))

    def _projected(self, inputs):
        """What goes into both gates, and u, side by side: (..., 3 * H). It is split in the scan, block by block."""
        return self.wide(self.product(inputs, self.kernel, self.bias))

    def preactivations(self, inputs: Any, hidden: Any):
        """As `rnnkit.recurrent.gates.preactivations`."""
        gate, input_gate, _ = ops.split(self._projected(inputs), 3, axis=-1)
        return {"a": (keras.activations.sigmoid, gate), "i": (keras.activations.sigmoid, input_gate)}

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def _terms(given, constant):
    gate, input_gate, candidate = ops.split(given[0], 3, axis=-1)
    keep, size = _sizes(constant[0] * ops.sigmoid(gate))
    return (keep,), (size * ops.sigmoid(input_gate) * candidate,)


def _sizes(log):
    """a and sqrt(1 - a^2) of log a, exact where a is nearly 1; the root is never 0, where its slope is infinite."""
    keep = ops.exp(log)
    return keep, (1 + keep) * ops.sqrt(ops.maximum(-ops.tanh(log / 2), 1e-12))


def _gradients(given, constant, before, dstates):
    """Computed again block by block, in the cache: nothing but what is given is kept for it."""
    gate, input_gate, candidate = ops.split(given[0], 3, axis=-1)
    opened, written = ops.sigmoid(gate), ops.sigmoid(input_gate)
    log = constant[0] * opened
    keep, size = _sizes(log)
    to_candidate = dstates[0] * size * written
    to_log = keep * dstates[0] * (before[0] - written * candidate * keep / size)
    to_gates = to_log * log * (1 - opened), to_candidate * candidate * (1 - written)
    found = ops.concatenate([*to_gates, to_candidate], axis=-1)
    return (found,), [summed(to_log * opened)]


RG_LRU = Recurrence(_terms, _gradients)
