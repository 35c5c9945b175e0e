"""The scalar LSTM of xLSTM. Legend: `B` batch, `F` features, `H` units, `K` heads, `D` units of a head, H / K."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.recurrent.cell_arguments import heads_of
from rnnkit.recurrent.own_rnn import OwnCell, OwnRNN

FORGET_BIASES = (3.0, 6.0)  # where the forget gates start, from the first unit to the last


@keras.saving.register_keras_serializable(package="rnnkit")
class ForgetRange(keras.initializers.Initializer):
    """The bias of an sLSTM at its start, (4 * H,): forget gates evenly spread over [3, 6], the rest zero."""

    def __call__(self, shape, dtype=None):
        units = shape[0] // 4
        forget = ops.linspace(*FORGET_BIASES, units, dtype=dtype)
        return ops.concatenate([ops.zeros((units,), dtype), forget, ops.zeros((2 * units,), dtype)])


@keras.saving.register_keras_serializable(package="rnnkit")
class SLSTMCell(OwnCell):
    """One step of an sLSTM: `SLSTM` has the equations and the arguments.

    Weights: kernel (F, 4 * H), recurrent_kernel (D, 4 * H), bias (4 * H,), columns in the order i, f, z, o. A column of
    the recurrent kernel reads the D units of its own head.
    """

    gates = 4

    def __init__(self, units: int, heads: int | None = None, bias_initializer: Any = None, **kwargs: Any):
        super().__init__(units, bias_initializer=bias_initializer or ForgetRange(), **kwargs)
        self.heads = heads_of(self.units, heads)
        self.state_size = [self.units] * 4

    def make_recurrent_kernel(self):
        return self._weight("recurrent_kernel", "recurrent", (self.units // self.heads, 4 * self.units))

    def head_kernels(self):
        """The recurrent kernel of each head, (K, D, 4 * D)."""
        size = self.units // self.heads
        blocks = ops.reshape(self.recurrent_kernel, (size, 4, self.heads, size))
        return ops.reshape(ops.transpose(blocks, (2, 0, 1, 3)), (self.heads, size, 4 * size))

    def _gates(self, inputs, hidden):
        return ops.split(self.project(inputs) + self._by_head(hidden), 4, axis=-1)

    def _by_head(self, hidden):
        """The product of each head with its own kernel, (B, H) -> (B, 4 * H)."""
        size = self.units // self.heads
        own = ops.transpose(ops.reshape(hidden, (-1, self.heads, size)), (1, 0, 2))
        product = ops.reshape(ops.matmul(own, self.head_kernels()), (self.heads, -1, 4, size))
        return ops.reshape(ops.transpose(product, (1, 2, 0, 3)), (-1, 4 * self.units))

    def call(self, inputs: Any, states: Any):
        """One step: inputs (B, F) and [h, c, n, m], each (B, H) -> h and the states after it."""
        hidden, cell, normalizer, maximum = states
        i, f, z, o = self._gates(inputs, hidden)
        carried = ops.where(normalizer == 0, -math.inf, maximum - ops.softplus(-f))  # nothing is kept before a start
        maximum = ops.maximum(carried, i)
        i, f = ops.exp(i - maximum), ops.exp(carried - maximum)
        cell, normalizer = f * cell + i * self.activation(z), f * normalizer + i
        hidden = ops.sigmoid(o) * cell / normalizer
        return hidden, [hidden, cell, normalizer, maximum]

    def preactivations(self, inputs: Any, hidden: Any):
        """As `rnnkit.recurrent.gates.preactivations`; c is the paper's z."""
        i, f, z, o = self._gates(inputs, hidden)
        sigmoid = keras.activations.sigmoid
        exponential, activation = keras.activations.exponential, self.activation
        return {"i": (exponential, i), "f": (sigmoid, f), "c": (activation, z), "o": (sigmoid, o)}

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable(package="rnnkit")
class SLSTM(OwnRNN):
    """The sLSTM of Beck et al., "xLSTM: extended long short-term memory", 2024, section 2.2: an LSTM whose input gate
    is an exponential, which can revise what it stored before.

        i_t = exp(W_i x_t + R_i h_(t-1) + b_i)
        f_t = sigmoid(W_f x_t + R_f h_(t-1) + b_f)
        z_t = tanh(W_z x_t + R_z h_(t-1) + b_z)
        o_t = sigmoid(W_o x_t + R_o h_(t-1) + b_o)
        c_t = f_t * c_(t-1) + i_t * z_t
        n_t = f_t * n_(t-1) + i_t
        h_t = o_t * c_t / n_t

    c and n are kept as multiples of exp(m), with m_t = max(log f_t + m_(t-1), log i_t), so that nothing overflows; h is
    the same. Each R has a block for each head, and units of different heads meet in the layer above. The states are h,
    c, n and m; zeros mean that nothing has been stored. The paper leaves the choice between sigmoid and exp for f_t.
    The biases of the forget gates start spread over [3, 6], as those of the paper's mLSTM, and R starts orthogonal, as
    in `keras.layers.LSTM`.

    Args:
        units: int, H.
        heads: int, K, a divisor of H; None takes the greatest common divisor of H and 4.
        kwargs: `activation`, of z; `use_bias`, initializers, regularizers and constraints as in `keras.layers.LSTM`,
            those of the recurrent kernel for its blocks (D, D); and the arguments of `keras.layers.RNN`:
            `return_sequences`, `return_state`, `go_backwards`, `stateful`, ...

    Raises:
        ArgumentError: `units` is not positive, or `heads` does not divide it.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import SLSTM
        >>> tuple(SLSTM(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    cell_class = SLSTMCell
    steps = "SLSTMSteps"

    def first_states(self, states: Any):
        hidden, cell, normalizer, maximum = states
        return [hidden, cell, normalizer, ops.where(normalizer == 0, -math.inf, maximum)]

    def recurrent_kernel(self):
        """With zeros between the heads: up to 256 units one product takes less time than one for each of 4 heads."""
        head = np.repeat(np.arange(self.cell.heads), self.units // self.cell.heads)
        tiled = ops.tile(self.cell.recurrent_kernel, (self.cell.heads, 1))
        return ops.where(head[:, None] == np.tile(head, self.cell.gates), tiled, 0.0)
