"""The independently recurrent network: a unit sees its own state only. Legend: `B` batch, `F` features, `H` units."""

from typing import Any

import keras
from keras import ops

from rnnkit.errors.checks import positive
from rnnkit.recurrent.own_rnn import OwnCell, OwnRNN


@keras.saving.register_keras_serializable(package="rnnkit")
class IndRNNCell(OwnCell):
    """One step of an IndRNN: `IndRNN` has the equation and the arguments.

    Weights: kernel (F, H), recurrent_kernel (H,), bias (H,).
    """

    def __init__(
        self,
        units: int,
        activation: Any = "relu",
        recurrent_initializer: Any = None,
        recurrent_limit: float = 1.0,
        **kwargs: Any,
    ):
        self.recurrent_limit = float(positive("recurrent_limit", recurrent_limit))
        start = keras.initializers.RandomUniform(0.0, self.recurrent_limit)
        super().__init__(units, activation, recurrent_initializer=recurrent_initializer or start, **kwargs)

    def make_recurrent_kernel(self):
        return self._weight(
            *("recurrent_kernel", "recurrent", (self.units,)),
            initializer=lambda shape, dtype: ops.reshape(self.recurrent_initializer((1, *shape), dtype=dtype), shape),
            regularizer=self.recurrent_regularizer and (lambda kernel: self.recurrent_regularizer(kernel[None])),
            constraint=self._limited,
        )

    def _limited(self, kernel):
        """What initializers, regularizers and constraints see of it is a row (1, H): a block (1, 1) for each unit."""
        if self.recurrent_constraint is not None:
            kernel = ops.reshape(self.recurrent_constraint(kernel[None]), (self.units,))
        return ops.clip(kernel, -self.recurrent_limit, self.recurrent_limit)

    def call(self, inputs: Any, states: Any):
        """One step: inputs (B, F) and [h] with h (B, H) -> h and [h]."""
        (hidden,) = states if isinstance(states, (list, tuple)) else [states]
        hidden = self.activation(self.project(inputs) + self.recurrent_kernel * hidden)
        return hidden, [hidden]

    def preactivations(self, inputs: Any, hidden: Any):
        """As `rnnkit.recurrent.gates.preactivations`."""
        return {"h": (self.activation, self.project(inputs) + self.recurrent_kernel * hidden)}

    def get_config(self):
        return {**super().get_config(), "recurrent_limit": self.recurrent_limit}


@keras.saving.register_keras_serializable(package="rnnkit")
class IndRNN(OwnRNN):
    """The IndRNN of Li et al., "Independently recurrent neural network (IndRNN): building a longer and deeper RNN",
    2018.

        h_t = relu(W x_t + u * h_(t-1) + b)

    u is a vector: units meet in the layer above, so the paper stacks two or more. The gradient through T steps has the
    factor u^T where the unit is active, so |u| is kept at or below a limit, after every optimizer step: the paper takes
    gamma^(1 / T) with gamma = 2 for sequences of T steps, which goes to 1. u starts uniform in [0, limit], as there.

    Args:
        units: int, H.
        activation: of the state; relu, as in the paper.
        recurrent_limit: the largest |u|.
        recurrent_initializer: of u; None is uniform in [0, `recurrent_limit`].
        kwargs: `use_bias` and the other initializers, regularizers and constraints as in `keras.layers.SimpleRNN`, and
            the arguments of `keras.layers.RNN`: `return_sequences`, `return_state`, `go_backwards`, `stateful`, ...

    Raises:
        ArgumentError: `units` or `recurrent_limit` is not positive.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import IndRNN
        >>> tuple(IndRNN(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    cell_class = IndRNNCell
    steps = "IndRNNSteps"
