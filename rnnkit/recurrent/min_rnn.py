"""The layers of the cells that train in parallel, minGRU and minLSTM.

Legend: `B` batch, `T` steps, `F` features, `H` units.
"""

from typing import Any

import keras

from rnnkit.recurrent.cell_arguments import CellArguments
from rnnkit.recurrent.min_cells import MinGRUCell, MinLSTMCell, ParallelCell
from rnnkit.recurrent.parallel_rnn import ParallelRNN


class MinRNN(CellArguments, ParallelRNN):
    """A layer that makes its own parallel cell; `unroll` changes nothing."""

    cell_class: type[ParallelCell]

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        cell = self.cell_class(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="parallel_cell",
        )
        super().__init__(cell, **kwargs)


@keras.saving.register_keras_serializable(package="rnnkit")
class MinGRU(MinRNN):
    """The minGRU of Feng et al., "Were RNNs all we needed?", 2024, section 3.1: a GRU whose gate sees the input only.

        z_t = sigmoid(W_z x_t + b_z)
        c_t = activation(W_h x_t + b_h)
        h_t = z_t * h_(t-1) + (1 - z_t) * c_t

    As in `keras.layers.GRU`, z is what is kept; the paper writes 1 - z for it, which is the same up to the sign of the
    weights. The state is a running mean of the candidates, so it stays within their range at any length.

    Args:
        units: int, H.
        activation: of the candidates; None, as in the paper, is the identity.
        use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: as in `keras.layers.GRU`; `rnnkit.initializers.Chrono("zh")` is a bias initializer for it.
        kwargs: as for `keras.layers.RNN`: `return_sequences`, `return_state`, `go_backwards`, `stateful`, ...

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import MinGRU
        >>> tuple(MinGRU(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    cell_class = MinGRUCell


@keras.saving.register_keras_serializable(package="rnnkit")
class MinLSTM(MinRNN):
    """The minLSTM of Feng et al., "Were RNNs all we needed?", 2024, section 3.2: two gates, which share out one whole.

        f_t = sigmoid(W_f x_t + b_f)
        i_t = sigmoid(W_i x_t + b_i)
        c_t = activation(W_h x_t + b_h)
        h_t = f_t / (f_t + i_t) * h_(t-1) + i_t / (f_t + i_t) * c_t

    There is no output gate and one state only.

    Args:
        units: int, H.
        activation: of the candidates; None, as in the paper, is the identity.
        use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: as in `keras.layers.LSTM`; `rnnkit.initializers.Chrono("fih")` is a bias initializer for
            it.
        kwargs: as for `keras.layers.RNN`: `return_sequences`, `return_state`, `go_backwards`, `stateful`, ...

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import MinLSTM
        >>> tuple(MinLSTM(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    cell_class = MinLSTMCell
