"""The loop of the cells that train in parallel. Legend: `B` batch, `T` steps, `F` features, `H` units."""

from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.recurrent.execution import in_parallel_halves, is_portable
from rnnkit.recurrent.linear_scan import scan_terms
from rnnkit.recurrent.scan_blocks import from_blocks, step_range, to_blocks


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
        if is_portable():
            return super().through_time(sequences, initial_state, mask, training)
        steps = ops.shape(sequences)[1]
        if mask is not None:
            mask = ops.reshape(ops.cast(mask, "bool"), (-1, steps, 1))
        if self.go_backwards:
            sequences, mask = (each if each is None else ops.flip(each, axis=1) for each in (sequences, mask))
        outputs, *states = in_parallel_halves(self._scan, self.directions, sequences, mask, *initial_state)
        if mask is not None and self.zero_output_for_mask:
            outputs = ops.where(mask, outputs, 0.0)
        return outputs[:, -1], outputs, states

    def _scan(self, sequences, mask, *initial):
        """The outputs, (B, T, H), and the states after the last step, each (B, S)."""
        steps, blocks = ops.shape(sequences)[1], to_blocks(sequences)
        counts = None if mask is None else ops.cast(to_blocks(ops.cast(mask, "int32")), "bool")
        states = self.cell.scan(blocks, initial, counts)
        outputs = self.cell.readout(states, blocks)
        if counts is not None:  # steps that do not count repeat the last output, from zero on, as Keras has it
            shown = ops.cast(ops.broadcast_to(counts, ops.shape(outputs)), outputs.dtype)
            (outputs,) = scan_terms((1 - shown,), (ops.where(counts, outputs, 0.0),), (ops.zeros_like(outputs[0, 0]),))
        last = [ops.squeeze(step_range(each, steps - 1, 1), axis=0) for each in states]
        return [from_blocks(outputs, steps), *last]
