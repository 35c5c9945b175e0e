"""A recurrent layer's cell, stepped once more over what the layer saw; all else is products with its Jacobians.

Whatever kernel the layer ran on, its cell says what one step does: `output_t, s_t = cell(x_t, s_(t-1))`. With
`J_t = ds_t/ds_(t-1)`, `L` the loss and `e_t` the error that enters `s_t` from above, backpropagation through time is
`g_t = dL/ds_t = e_t + J_(t+1)' g_(t+1)` (Werbos, "Backpropagation through time: what it does and how to do it", 1990).
For TensorFlow, in eager float32, without dropout.

Legend: `n` sequences, `T` steps, `F` features, `O` outputs, `S` size of the full state, `R` rows.
"""

import dataclasses
import inspect
import math

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.capture import MIN_LAG, Errors, Recording
from rnnkit.diagnosis.probe import cells_of
from rnnkit.errors import ArgumentError


class Replay:
    """The states of one recording, and products with their Jacobians.

    Args:
        recording: of one layer.

    Attributes:
        recording: the same, cut off where the states are no longer finite.
        inputs: shape (T, n, F).
        states: shape (T + 1, n, S), the parts of the state side by side; `states[t]` is what step t starts from.
        back: `back(inputs, states, errors)` gives `J' errors`: errors at the states after a step, (R, S), taken to the
            states before it, for inputs (R, F) and states (R, S).
        sizes: sizes of the parts, which add up to S.
        paths: their names.

    Raises:
        ArgumentError: the cell's steps do not give the layer's outputs, so that the layer does more than to run it;
            or the states are not finite almost from the start.
    """

    def __init__(self, recording: Recording):
        self._cell = recording.layer.cell
        (self._input_shape, *self._state_shapes) = recording.shapes
        self._options = {"training": False} if "training" in inspect.signature(self._cell.call).parameters else {}
        self._structure = recording.initial
        first = keras.tree.flatten(recording.initial)
        self.sizes = [state.shape[-1] for state in first]
        self.paths = path_names(recording.layer, len(self.sizes))
        self.inputs = tf.constant(np.swapaxes(recording.inputs, 0, 1))
        self.states = self._run(tf.concat(first, axis=-1), recording.lengths)
        output, parts = self._cell_step(self.inputs[0], self.states[0])
        # An error enters through the part of the state that is the output; else through the step that made the output.
        self._entrance = next((index for index, part in enumerate(parts) if part is output), None)
        self.recording = self._measurable(recording)
        self._check(_rows(output))
        rows = [tf.TensorSpec((None, width)) for width in (self.inputs.shape[-1], sum(self.sizes), sum(self.sizes))]
        self.back = tf.function(self._back, input_signature=rows, autograph=False).get_concrete_function()

    @property
    def steps(self) -> int:
        """T."""
        return self.inputs.shape[0]

    @property
    def output_is_state(self) -> bool:
        """Whether the cell's output is a part of its state, as in all stock cells."""
        return self._entrance is not None

    def step(self, inputs, states):
        """One step of the cell on any rows: inputs (R, F), states (R, S) -> output (R, O), new states (R, S)."""
        output, parts = self._cell_step(inputs, states)
        return _rows(output), tf.concat([_rows(part) for part in parts], axis=-1)

    def _cell_step(self, inputs, states):
        shaped = zip(tf.split(states, self.sizes, axis=-1), self._state_shapes, strict=True)
        parts = keras.tree.pack_sequence_as(self._structure, [tf.reshape(part, (-1, *shape)) for part, shape in shaped])
        inputs = tf.reshape(inputs, (-1, *self._input_shape))
        output, new = self._cell.call(inputs, parts, **self._options)  # `call` itself: no autocast, all in float32
        return output, keras.tree.flatten(new)

    def _back(self, inputs, states, errors):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(states)
            _, new = self.step(inputs, states)
        return tape.gradient(new, states, errors, unconnected_gradients="zero")

    def at(self, steps):
        """Inputs (n, F) and states before the step (n, S), for one step of each sequence: steps of shape (n,)."""
        index = np.stack([steps, np.arange(len(steps))], axis=1)
        return tf.gather_nd(self.inputs, index), tf.gather_nd(self.states, index)

    def entering(self, errors: Errors) -> np.ndarray:
        """`e_t`, shape (T, n, S), from the errors at what the layer returned."""
        at_outputs = np.swapaxes(errors.outputs, 0, 1)
        T, n, outputs = at_outputs.shape
        entering = np.zeros((T, n, sum(self.sizes)), "float32")
        if self._entrance is None:
            entering[:-1] = self._through_outputs(at_outputs)[1:]
        else:
            start = sum(self.sizes[: self._entrance])
            entering[:, :, start : start + outputs] = at_outputs
        if errors.states is not None:
            entering[self.recording.lengths - 1, np.arange(n)] += errors.states
        return entering

    def gradients(self, entering: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`g_t` for every step, from `e_t` of shape (T, n, S); n may be the first few sequences only.

        Each `g_t` is rescaled with its log kept, since 0.5^150 is zero in float32.

        Returns:
            `log |g_t|`, float64, shape (T, n), -inf for zero; and `g_t / |g_t|`, shape (T, n, S).
        """
        logs = np.empty(entering.shape[:2])
        directions = np.empty_like(entering)
        n = entering.shape[1]
        directions[-1], logs[-1] = unit(entering[-1])
        for t in range(self.steps - 1, 0, -1):
            back, change = unit(self.back(self.inputs[t, :n], self.states[t, :n], directions[t]).numpy())
            directions[t - 1], logs[t - 1] = add(back, logs[t] + change, *unit(entering[t - 1]))
        return logs, directions

    def _run(self, state, lengths):
        """All states; in the padding they stay as they are, so that nothing can overflow there."""
        states = [state]
        for t, inputs in enumerate(self.inputs):
            _, new = self.step(inputs, states[-1])
            states.append(tf.where((t < lengths)[:, None], new, states[-1]))
        return tf.stack(states)

    def _through_outputs(self, errors):
        """The errors at outputs (T, n, O) taken to the states that each step started from, (T, n, S)."""
        inputs, states = flat(self.inputs), flat(self.states[:-1])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(states)
            output, _ = self.step(inputs, states)
        back = tape.gradient(output, states, flat(errors), unconnected_gradients="zero")
        return np.reshape(back, (self.steps, -1, states.shape[-1]))

    def _measurable(self, seen: Recording) -> Recording:
        """The recording up to where its states overflow float32, if they do: what explodes is measured before.

        If the output is no part of the state, the last state that it tells of is that of the step before.
        """
        finite = np.isfinite(self.states[1:]).all(axis=-1).cumprod(axis=0).sum(axis=0)
        if finite.min() <= MIN_LAG:
            raise ArgumentError(
                f"model: the states of {seen.layer.path} are not finite after {finite.min()} steps, too few to measure "
                "anything. Its weights have exploded; take those from earlier in the training."
            )
        late = 0 if self.output_is_state else 1
        positions = np.minimum(seen.positions, finite - 1) - late
        return dataclasses.replace(
            seen,
            lengths=np.minimum(seen.lengths, finite),
            positions=positions,
            focus=np.minimum(seen.focus, finite - 1) - late,
            max_lag=min(seen.max_lag, int(positions.min())),
        )

    def _check(self, output) -> None:
        layer, seen = self.recording.layer, self.recording.outputs[:, 0]
        comparable = layer.return_sequences and layer.compute_dtype == "float32"
        if comparable and not np.allclose(output, seen, rtol=1e-3, atol=1e-3):
            raise ArgumentError(
                f"model: stepping the cell of {layer.path} does not give the layer's outputs, so its recurrence cannot "
                "be replayed. A layer must do no more than run its cell over time."
            )


def states_of(cell) -> int:
    """How many states a cell has."""
    return len(keras.tree.flatten(cell.state_size))


def path_names(layer, states: int) -> list[str]:
    """A name for each part of a recurrent layer's state: h and c for an LSTM, else a number."""
    cells = cells_of(layer)
    if len(cells) == 1:
        return _state_names(layer.cell, states)
    return [f"{name} {state}".strip() for name, cell in cells.items() for state in _state_names(cell, states_of(cell))]


def _state_names(cell, states: int) -> list[str]:
    if states == 2 and "LSTM" in type(cell).__name__:
        return ["h", "c"]
    return [f"state {number + 1}" for number in range(states)] if states > 1 else [""]


def _rows(values):
    """Each sequence's numbers as one row."""
    return values if len(values.shape) == 2 else tf.reshape(values, (-1, math.prod(values.shape[1:])))


def flat(values):
    """Steps and sequences as rows: (T, n, ...) -> (T * n, ...)."""
    return tf.reshape(values, (-1, values.shape[-1]))


def unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (..., S) over their norms, and the norms' logs (...) in float64; zero stays zero, with log -inf."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True)  # squares of float32 overflow long before the vector does
    safe = np.where(largest > 0, largest, 1)
    scaled = vectors / safe
    norms = np.linalg.norm(scaled, axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs = np.log(norms.astype("float64")) + np.log(safe.astype("float64"))
    return scaled / np.where(norms > 0, norms, 1), logs[..., 0]


def add(first, first_log, second, second_log):
    """The sum of two scaled vectors, scaled again."""
    top = np.maximum(first_log, second_log)
    top = np.where(np.isneginf(top), 0, top)
    weights = [np.exp(log - top)[:, None].astype("float32") for log in (first_log, second_log)]
    direction, log = unit(weights[0] * first + weights[1] * second)
    return direction, log + top
