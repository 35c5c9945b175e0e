"""The matrix LSTM of xLSTM.

Legend: `B` batch, `T` steps, `F` features, `H` units, `K` heads, `D` units of a head, H / K, `L` steps of a chunk, `N`
chunks.
"""

import math
from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.recurrent.cell_arguments import heads_of
from rnnkit.recurrent.scan_cells import SequenceCell
from rnnkit.recurrent.slstm import FORGET_BIASES

CHUNK = 32
LARGEST = 80.0  # of which float32 has the exponential


@keras.saving.register_keras_serializable(package="rnnkit")
class MLSTMCell(SequenceCell):
    """One step of the mLSTM of Beck et al., "xLSTM: extended long short-term memory", 2024, section 2.3: an LSTM whose
    cell is a matrix, which stores values under keys, and whose gates do not read the state.

        q_t = W_q x_t + b_q,   k_t = (W_k x_t + b_k) / sqrt(D),   v_t = W_v x_t + b_v
        i_t = exp(w_i x_t + b_i),   f_t = sigmoid(w_f x_t + b_f)                       one number each for a head
        C_t = f_t C_(t-1) + i_t v_t k_t'
        n_t = f_t n_(t-1) + i_t k_t
        h_t = sigmoid(W_o x_t + b_o) * C_t q_t / max(|n_t' q_t|, 1)

    C and n are kept as multiples of exp(m), with m_t = max(log f_t + m_(t-1), log i_t), so that nothing overflows; h is
    the same. A sequence goes through time in chunks of 32 steps, and inside a chunk each step reads from all before it
    by matrix products, as attention does. The biases of the forget gates start spread over [3, 6], those of the input
    gates normal with a deviation of 0.1, and w_i and w_f at zero, as in the authors' code; the rest as in
    `keras.layers.LSTM`. In the paper's block, `block="pre_up"` of `RecurrentStack`, q, k and v are made outside of it,
    and so is the output gate: that is `projected`.

    States: the transpose of C, shape (B, H * D), n, shape (B, H), and m, shape (B, K).
    Weights: kernel (F, 4 * H) and bias (4 * H,), columns in the order q, k, v, o, unless `projected`; gate_kernel
    (F, 2 * K) and gate_bias (2 * K,), in the order i, f.

    Args:
        units: int, H.
        heads: int, K, a divisor of H; None takes the greatest common divisor of H and 4.
        projected: whether the inputs are q, k (before its division) and v already, F = 3 * H; there is no output gate
            then.
        kwargs: as for `keras.layers.Layer`.

    Raises:
        ArgumentError: `heads` does not divide `units`, or `projected` inputs have not 3 * H features.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import MLSTMCell, ParallelRNN
        >>> tuple(ParallelRNN(MLSTMCell(8), return_sequences=True)(np.ones((2, 5, 3), "float32")).shape)
        (2, 5, 8)
    """

    def __init__(self, units: int, heads: int | None = None, projected: bool = False, **kwargs: Any):
        super().__init__(units, **kwargs)
        self.projected = projected
        self.heads = heads_of(self.units, heads)
        self.head_units = self.units // self.heads
        self.state_size = [self.units * self.head_units, self.units, self.heads]

    def build(self, input_shape: Any):
        def gate_biases(shape, dtype):
            normal = keras.initializers.RandomNormal(stddev=0.1)((self.heads,), dtype)
            return ops.concatenate([normal, ops.linspace(*FORGET_BIASES, self.heads, dtype=dtype)])

        features, width = input_shape[-1], 4 * self.units
        if not self.projected:
            self.kernel = self.add_weight((features, width), "glorot_uniform", name="kernel")
            self.bias = self.add_weight((width,), "zeros", name="bias")
        elif features != 3 * self.units:
            raise ArgumentError(
                f"projected: expected inputs of {3 * self.units} features, queries, keys and values of {self.units} "
                f"units, got {features}. Change units, or leave it out."
            )
        self.gate_kernel = self.add_weight((features, 2 * self.heads), "zeros", name="gate_kernel")
        self.gate_bias = self.add_weight((2 * self.heads,), gate_biases, name="gate_bias")
        self.built = True

    def call(self, inputs: Any, states: Any):
        """One step: inputs (B, F) and the states -> outputs (B, H) and the states."""
        memory, normalizer, maximum = self._by_head(states)
        (q, k, v, o), (i, f) = self._projected(inputs)
        carried = maximum - ops.softplus(-f)
        maximum = ops.maximum(carried, i)
        kept, written = ops.exp(carried - maximum)[..., None], ops.exp(i - maximum)[..., None] * k
        memory = kept[..., None] * memory + written[..., None] * v[..., None, :]
        normalizer = kept * normalizer + written
        found = ops.squeeze(ops.matmul(q[..., None, :], memory), axis=-2)
        hidden = found / self._size(ops.sum(q * normalizer, axis=-1), maximum)
        states = self._flat(memory, normalizer, maximum)
        return self._opened(o, self._joined(hidden)), [ops.cast(each, self.compute_dtype) for each in states]

    def sequence(self, inputs: Any, mask: Any, *states: Any) -> list:
        (q, k, v, o), (i, f) = self._projected(inputs)
        vectors = ops.concatenate([q, k, v], axis=-1)
        given = self._chunks(vectors, 0.0), self._chunks(i, -math.inf), self._chunks(-ops.softplus(-f), 0.0)
        chunks = ops.concatenate([given[0], *(each[..., None] for each in given[1:])], axis=-1)  # the loop takes one
        _, hidden, after = compat.recurrent_loop(self._chunk, chunks, self._by_head(states), return_all_outputs=True)
        hidden = ops.reshape(hidden, (-1, ops.shape(hidden)[1] * CHUNK, self.units))[:, : ops.shape(inputs)[1]]
        return [self._opened(o, hidden), *self._flat(*after)]

    def _chunk(self, given, states):
        """The hidden states (B, L, K, D) of a chunk, and the states after it.

        `now` is the log of what a step reads of each one of its chunk, shape (B, K, L, L), and `past` of what was
        before it, (B, K, L), both without the keys; `top` is m.
        """
        given = ops.swapaxes(given, 1, 2)  # (B, K, L, 3 * D + 2)
        q, k, v = ops.split(given[..., :-2], 3, axis=-1)
        log_i, log_f = given[..., -2], given[..., -1]
        memory, normalizer, maximum = states
        decayed = ops.cumsum(log_f, axis=-1)
        now = decayed[..., None] - decayed[..., None, :] + log_i[..., None, :]
        now = ops.where(ops.tri(CHUNK, dtype="bool"), now, -math.inf)
        past = decayed + maximum[..., None]
        top = ops.maximum(past, ops.max(now, axis=-1, initial=-math.inf))  # a half of a batch can be empty
        weights = ops.exp(now - top[..., None]) * ops.matmul(q, ops.swapaxes(k, -1, -2))
        carried = ops.exp(past - top)[..., None]
        found = ops.matmul(weights, v) + carried * ops.matmul(q, memory)
        sums = ops.sum(weights, axis=-1) + ops.squeeze(carried * ops.matmul(q, normalizer[..., None]), axis=-1)
        last = ops.exp(now[..., -1, :] - top[..., -1:])[..., None] * k
        memory = carried[..., -1:, :] * memory + ops.matmul(ops.swapaxes(last, -1, -2), v)
        normalizer = carried[..., -1, :] * normalizer + ops.sum(last, axis=-2)
        return ops.swapaxes(found / self._size(sums, top), 1, 2), [memory, normalizer, top[..., -1]]

    def _chunks(self, values, rest):
        """(B, T, ...) -> (B, N, L, ...), with `rest` after the end: the state stays as it is there."""
        shape, steps = values.shape[2:], ops.shape(values)[1]
        padding = [(0, 0), (0, -steps % CHUNK), *[(0, 0)] * len(shape)]
        values = ops.pad(values, padding, constant_values=rest)
        return ops.reshape(values, (ops.shape(values)[0], -1, CHUNK, *shape))

    def _size(self, sums, maximum):
        """max(|n' q|, 1) as a multiple of exp(m)."""
        one = ops.exp(ops.minimum(-maximum, LARGEST))  # else infinite, and its gradient NaN, after long without writing
        return ops.maximum(ops.absolute(sums), one)[..., None]

    def _projected(self, inputs):
        """q, k and v, (..., K, D), o, (..., H), or None, and the logits of i and f, (..., K)."""
        if self.projected:
            vectors, o = ops.split(inputs, 3, axis=-1), None
        else:
            *vectors, o = ops.split(self.product(inputs, self.kernel, ops.cast(self.bias, inputs.dtype)), 4, axis=-1)
        shape = (*ops.shape(inputs)[:-1], self.heads, self.head_units)
        q, k, v = (ops.reshape(self.wide(each), shape) for each in vectors)
        gates = self.wide(self.product(inputs, self.gate_kernel, ops.cast(self.gate_bias, inputs.dtype)))
        return (q, k / math.sqrt(self.head_units), v, o), ops.split(gates, 2, axis=-1)

    def _opened(self, o, hidden):
        """The outputs, behind the output gate if there is one."""
        hidden = ops.cast(hidden, self.compute_dtype)
        return hidden if o is None else ops.sigmoid(o) * hidden

    def _by_head(self, states):
        shapes = (self.heads, self.head_units, self.head_units), (self.heads, self.head_units), (self.heads,)
        return [ops.reshape(self.wide(each), (-1, *shape)) for each, shape in zip(states, shapes, strict=True)]

    def _flat(self, memory, normalizer, maximum):
        memory = ops.reshape(memory, (-1, self.units * self.head_units))
        return [memory, self._joined(normalizer), ops.reshape(maximum, (-1, self.heads))]

    def _joined(self, values):
        return ops.reshape(values, (-1, self.units))

    def factors(self, inputs: Any, states: Any):
        """As `ScanCell.factors`, one for each head: that of C and n, whatever multiple of exp(m) they are kept as."""
        return (ops.sigmoid(self._projected(inputs)[1][1]),)

    def preactivations(self, inputs: Any, hidden: Any):
        """As `rnnkit.recurrent.gates.preactivations`; those of i and f have a number for each head, (R, K)."""
        (*_, o), (i, f) = self._projected(inputs)
        sigmoid = keras.activations.sigmoid
        of_heads = {"i": (keras.activations.exponential, i), "f": (sigmoid, f)}
        return of_heads if o is None else {**of_heads, "o": (sigmoid, o)}

    def get_config(self):
        return {**super().get_config(), "heads": self.heads, "projected": self.projected}
