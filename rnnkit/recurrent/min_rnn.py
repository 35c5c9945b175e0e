"""The layers of the cells that train in parallel, minGRU and minLSTM.

Legend: `B` batch, `T` steps, `F` features, `H` units.
"""

from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.recurrent.devices import gpu_in_use
from rnnkit.recurrent.execution import in_parallel_halves, is_portable
from rnnkit.recurrent.linear_scan import gated_scan
from rnnkit.recurrent.min_cells import MinGRUCell, MinLSTMCell, ParallelCell
from rnnkit.recurrent.scan_blocks import from_blocks, step_range, to_blocks


class ParallelRNN(compat.OpenRNN, keras.layers.RNN):
    """`keras.layers.RNN` over a parallel cell: its outputs, states and gradients, without its loop.

    Masks, `go_backwards`, `return_state`, `initial_state` and `stateful` mean what they mean there; `unroll` changes
    nothing. In half precision the state is summed in float32, where the cell's own steps round it every time.
    """

    cell_class: type[ParallelCell]
    directions = 1  # layers that run at the same time as this one, itself among them

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

    def through_time(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        if is_portable():
            return super().through_time(sequences, initial_state, mask, training)
        steps = ops.shape(sequences)[1]
        if mask is not None:
            mask = ops.reshape(ops.cast(mask, "bool"), (-1, steps, 1))
        if self.go_backwards:
            sequences, mask = (each if each is None else ops.flip(each, axis=1) for each in (sequences, mask))
        outputs, state = in_parallel_halves(self._scan, self.directions, sequences, initial_state[0], mask)
        if mask is None:
            return state, outputs, [state]
        outputs = ops.where(self._shown(mask), outputs, 0.0)
        return outputs[:, -1], outputs, [state]

    def _scan(self, sequences, initial, mask):
        """The states after every step, (B, T, H), and after the last one, (B, H)."""
        logits, candidates = self.cell.gated(self.cell.project(to_blocks(sequences)))
        if mask is not None:  # steps that do not count keep all of the state, whatever stands in them
            counts = ops.cast(to_blocks(ops.cast(mask, "int32")), "bool")
            logits, candidates = ops.where(counts, logits, float("inf")), ops.where(counts, candidates, 0.0)
        wide = keras.backend.result_type(logits.dtype, "float32")
        given = [ops.cast(each, wide) for each in (logits, candidates, initial)]
        states = gated_scan(*given, side_by_side=gpu_in_use())
        steps = ops.shape(sequences)[1]
        return [from_blocks(states, steps), ops.squeeze(step_range(states, steps - 1, 1), axis=0)]

    def _shown(self, mask):
        """Steps with an output other than zero: Keras, on TensorFlow, repeats its last one and starts from zero."""
        return mask if self.zero_output_for_mask else ops.cumsum(ops.cast(mask, "int32"), axis=1) > 0

    @property
    def units(self):
        """H."""
        return self.cell.units

    @property
    def activation(self):
        """The candidates' activation function."""
        return self.cell.activation

    def get_config(self):
        config = {**self.cell.get_config(), **super().get_config()}
        return {key: value for key, value in config.items() if key != "cell"}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        return cls(**config)


@keras.saving.register_keras_serializable(package="rnnkit")
class MinGRU(ParallelRNN):
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
class MinLSTM(ParallelRNN):
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
