"""The loop of the cells that train in parallel. Legend: `B` batch, `T` steps, `F` features, `H` units."""

from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.recurrent.execution import in_parallel_halves, is_portable


@keras.saving.register_keras_serializable(package="rnnkit")
class ParallelRNN(compat.OpenRNN, keras.layers.RNN):
    """`keras.layers.RNN` over a parallel cell: its outputs, states and gradients, without its loop.

    Masks, `go_backwards`, `return_state`, `initial_state` and `stateful` mean what they mean there. In half precision
    the state is summed in float32, where the cell's own steps round it every time.

    Args:
        cell: a parallel cell, such as `LRUCell(64)`.
        kwargs: as for `keras.layers.RNN`: `return_sequences`, `return_state`, `go_backwards`, `stateful`, ...

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import LRUCell, ParallelRNN
        >>> tuple(ParallelRNN(LRUCell(8))(np.ones((2, 5, 3), "float32")).shape)
        (2, 8)
    """

    directions = 1  # layers that run at the same time as this one, itself among them

    def through_time(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        if is_portable() or (mask is not None and not self.cell.reads_masks):
            return super().through_time(sequences, initial_state, mask, training)
        steps = ops.shape(sequences)[1]
        if mask is not None:
            mask = ops.reshape(ops.cast(mask, "bool"), (-1, steps, 1))
        if self.go_backwards:
            sequences, mask = (each if each is None else ops.flip(each, axis=1) for each in (sequences, mask))
        outputs, *states = in_parallel_halves(self.cell.sequence, self.directions, sequences, mask, *initial_state)
        if mask is not None and self.zero_output_for_mask:
            outputs = ops.where(mask, outputs, 0.0)
        return outputs[:, -1], outputs, states
