"""Where the steps of a recurrence are in a layer's tensors. Legend: `B` batch, `T` steps, `O` outputs."""

import numpy as np

from rnnkit.diagnosis.recorder import Call


class Order:
    """Where in a call's tensors the steps of the recurrence are.

    A mask passes over steps wherever they are, and the state waits; so the steps that count come first here, in the
    order in which the recurrence meets them, and padding after them.

    Attributes:
        source: index of each step on the time axis of the layer's inputs, shape (B, T).
        shown: index of each step on the time axis of its outputs, shape (B, T).
        valid: bool along the outputs' time axis, shape (B, T).
        lengths: shape (B,).
        counted: bool along the recurrence, shape (B, T).
        places: index of each step in the text, shape (B, T).
    """

    def __init__(self, call: Call):
        B, T = call.inputs.shape[:2]
        axis = np.arange(T)[::-1] if call.layer.go_backwards else np.arange(T)
        if call.mask is not None:
            valid = np.asarray(call.mask, bool).reshape(B, T)
        else:
            valid = np.arange(T) < (np.full(B, T) if call.lengths is None else np.asarray(call.lengths))[:, None]
        self.valid = valid[:, axis]
        self.shown = np.argsort(~self.valid, axis=1, kind="stable")
        self.source = axis[self.shown]
        self.lengths = self.valid.sum(axis=1)
        self.counted = np.arange(T) < self.lengths[:, None]
        by_stack = call.backward and not call.layer.go_backwards
        self.places = np.maximum(self.lengths[:, None] - 1 - np.arange(T), 0) if by_stack else self.source

    def errors(self, call: Call, errors: np.ndarray) -> np.ndarray:
        """Errors at the outputs (B, T, O), or at the last one (B, O), brought to the steps that made these outputs."""
        if not call.layer.return_sequences:
            at_end = np.zeros((*self.valid.shape, errors.shape[-1]), errors.dtype)
            at_end[:, -1] = errors
            errors = at_end
        owner = np.cumsum(self.valid, axis=1) - 1
        # Without lengths or zeroing, Keras repeats the last valid output over the masked steps after it.
        repeated = call.lengths is None and not (call.layer.zero_output_for_mask and call.layer.return_sequences)
        rows, steps = np.nonzero((self.valid | repeated) & (owner >= 0))
        moved = np.zeros_like(errors)
        np.add.at(moved, (rows, owner[rows, steps]), errors[rows, steps])
        return moved
