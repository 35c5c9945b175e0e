"""What the cells share that have a way through a whole sequence which is not step by step.

They are Keras cells like any other, and `rnnkit.recurrent.parallel_rnn` runs them over time.

Legend: `B` batch, `T` steps, `F` features, `H` units, `S` numbers of the state, `R` rows.
"""

from typing import Any

import keras
from keras import ops

from rnnkit.errors.checks import whole
from rnnkit.recurrent.linear_scan import hold, scan_terms
from rnnkit.recurrent.scan_blocks import from_blocks, plus, step_range, times, to_blocks


class SequenceCell(keras.layers.Layer):
    """The base of such cells: `call` is one step, and `sequence` all steps of a sequence."""

    reads_masks = False  # whether `sequence` takes one

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**{"name": "parallel_cell", **kwargs})
        self.units = self.output_size = whole("units", units)
        self.state_size: Any = self.units

    def sequence(self, inputs: Any, mask: Any, *states: Any) -> list:
        """The outputs (B, T, H) for inputs (B, T, F), and the states after the last step, in float32 at least.

        Args:
            inputs: shape (B, T, F).
            mask: shape (B, T, 1), which steps count; None stands for all of them.
            states: those before the first step, each (B, S).
        """
        raise NotImplementedError

    def wide(self, values: Any):
        """In float32, or in a wider type that they have."""
        return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))

    def product(self, inputs: Any, kernel: Any, bias: Any = None):
        """(..., F) times (F, S), as one product over all rows, plus (S,)."""
        rows = ops.matmul(ops.reshape(inputs, (-1, inputs.shape[-1])), ops.cast(kernel, inputs.dtype))
        rows = rows if bias is None else ops.add(rows, bias)
        return ops.reshape(rows, (*ops.shape(inputs)[:-1], kernel.shape[-1]))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class ScanCell(SequenceCell):
    """A cell whose state goes through time by an elementwise linear recurrence.

        h_t = a(x_t) h_(t-1) + b(x_t),    y_t = readout(h_t, x_t)

    It says what a, b and the readout are, once: for one step and for all steps of a sequence, which run as a scan.
    `terms(inputs)` gives a and b, each a tuple of one tensor (..., S), or of two where the state is complex; an `a` of
    shape (S,) is the same at all steps. `readout(state, inputs)` gives the outputs (..., H). Both take rows of any
    leading shape. The state is summed in float32 at least.
    """

    reads_masks = True

    def terms(self, inputs: Any) -> tuple[tuple, tuple]:
        """The factors of the state and what is added to it."""
        raise NotImplementedError

    def readout(self, state: tuple, inputs: Any):
        """The outputs, from the state after the step: that itself."""
        return ops.cast(state[0], self.compute_dtype)

    def scan(self, inputs: Any, states: Any, counts: Any = None) -> tuple:
        """The state after each step, for inputs in blocks (N, K, B, F); steps that do not count keep the one before."""
        factors, added = self.terms(inputs)
        if counts is not None:
            factors, added = hold(factors, added, counts)
        return scan_terms(factors, added, [self.wide(each) for each in states])

    def call(self, inputs: Any, states: Any):
        """One step: inputs (B, F) and the states, each (B, S) -> outputs (B, H) and the states."""
        states = states if isinstance(states, (list, tuple)) else [states]
        factors, added = self.terms(inputs)
        after = plus(times(factors, [self.wide(each) for each in states]), added)
        return self.readout(after, inputs), [ops.cast(each, self.compute_dtype) for each in after]

    def sequence(self, inputs: Any, mask: Any, *states: Any) -> list:
        steps, blocks = ops.shape(inputs)[1], to_blocks(inputs)
        counts = None if mask is None else ops.cast(to_blocks(ops.cast(mask, "int32")), "bool")
        after = self.scan(blocks, states, counts)
        outputs = self.readout(after, blocks)
        if counts is not None:  # steps that do not count repeat the last output, from zero on, as Keras has it
            shown = ops.cast(ops.broadcast_to(counts, ops.shape(outputs)), outputs.dtype)
            (outputs,) = scan_terms((1 - shown,), (ops.where(counts, outputs, 0.0),), (ops.zeros_like(outputs[0, 0]),))
        last = [ops.squeeze(step_range(each, steps - 1, 1), axis=0) for each in after]
        return [from_blocks(outputs, steps), *last]

    def factors(self, inputs: Any, states: Any) -> tuple:
        """What is left of each number of the state after a step, as `terms` has it, for inputs (R, F) and states."""
        return self.terms(inputs)[0]
