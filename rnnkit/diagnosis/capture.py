"""What every recurrent layer saw, and the errors that came down to it, recorded once. For TensorFlow.

Legend: `B` batch, `n` sequences that are long enough to be measured, `T` steps, `F` features, `O` outputs, `S` size of
the full state (h, or h and c). Steps are counted along the layer's own recurrence: step 0 of a layer that reads
backwards is the last word of the text. Sequences are right-padded, whatever they were in the model. Inputs, outputs and
states that are no vectors, such as those of `ConvLSTM2D`, are flattened.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.probe import Call, Order, Recorder, cells_of, preserved
from rnnkit.diagnosis.signal import Losses, Signal, signal
from rnnkit.errors import ArgumentError, DataError

MAX_LAG = 200
MIN_LAG = 4
MOST = 64  # sequences of a layer that are followed; what else the probe has is for its loss and its data


class Errors(NamedTuple):
    """A loss' gradients at what a layer returned.

    Attributes:
        outputs: dL/d(output) at every step, shape (n, T, O), zero in the padding.
        states: dL/d(state) of the last states, shape (n, S), where the layer returned them, else None.
    """

    outputs: np.ndarray
    states: np.ndarray | None


@dataclass
class Recording:
    """One recurrent layer on the probe, in NumPy; where it was called several times, its calls one after the other.

    Attributes:
        name: the layer's path.
        direction: `"forward"` or `"backward"`.
        layer: the layer itself.
        inputs: shape (n, T, F), zero in the padding.
        outputs: shape (n, T, O), or the last one, (n, 1, O), where the layer returns no more.
        lengths: shape (n,), steps that are not padding.
        initial: the first states, each (n, H), in the cell's own structure.
        errors: of the whole loss.
        positions: one step tau of each sequence, shape (n,), at least `max_lag`.
        focus_errors: of `l`, the loss of one position; of each sequence's loss if the model has one prediction each.
        focus: the step that `l` belongs to, shape (n,): tau; or each sequence's last step.
        max_lag: how many steps back are measured.
        median_length: of all sequences of the probe.
        shapes: of one step's input, and of each state.
        rows: the probe's sequences that these are, shape (n,).
    """

    name: str
    direction: str
    layer: keras.layers.RNN
    inputs: np.ndarray
    outputs: np.ndarray
    lengths: np.ndarray
    initial: Any
    errors: Errors
    positions: np.ndarray
    focus_errors: Errors
    focus: np.ndarray
    max_lag: int
    median_length: float
    shapes: tuple[tuple[int, ...], ...]
    rows: np.ndarray


@dataclass
class Capture:
    """One forward pass of a model on a probe, and the gradients of its loss.

    Attributes:
        predictions: of the model.
        signal: whether the loss and its gradients are there, finite, and arrive.
        recordings: of the recurrent layers, in the order in which they were first called.
        depth: recurrent layers on the longest way through the model.
        calls: of the recurrent layers.
        masks: whether a layer made a mask.
    """

    predictions: Any
    signal: Signal
    recordings: list[Recording]
    depth: int
    calls: list[Call]
    masks: bool


def capture(model: keras.Model, x, y, *, seed: int = 0) -> Capture:
    """Runs the model once without dropout and records its recurrent layers.

    A layer that sees only short sequences, such as the characters of words, is left out.

    Args:
        model: a built model.
        x, y: one batch of what the model and its loss take.
        seed: of the choice of positions.

    Raises:
        ArgumentError: no recurrent layer took part, or only inside a `tf.function`.
        DataError: all sequences are too short.
    """
    with (
        preserved(model),
        tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape,
    ):
        recorder = Recorder(model, tape)
        predictions = model(x, training=False)
        if not recorder.calls:
            raise ArgumentError(
                "model: none of its recurrent layers was seen at work in model(x). If one of them is called inside a "
                "tf.function, call tf.config.run_functions_eagerly(True) first."
            )
        tape.watch([each for each in keras.tree.flatten(predictions) if each.dtype.is_floating])
        losses = Losses(model, x, y, predictions, added=_adds_losses(model, recorder.calls, tape))
        layers = {id(call.layer): call.layer for call in recorder.calls}.values()
        recorded = [
            _record([call for call in recorder.calls if call.layer is layer], losses, tape, seed) for layer in layers
        ]
        if not any(recorded):
            raise DataError(
                f"x: of half of the sequences the recurrent layers read fewer than {MIN_LAG + 1} steps, too few to "
                "measure anything through time. Give longer ones, or join fewer steps in front of the layers."
            )
        found = signal(model, recorder, losses, tape, predictions)
        recordings = [recording for recording in recorded if recording is not None]
        return Capture(predictions, found, recordings, _depth(recorder.calls, tape), recorder.calls, _masks(recorder))


def max_lag(lengths: np.ndarray) -> int:
    """The number of steps back that at least half of the sequences reach; empty ones do not count."""
    lengths = lengths[lengths > 0]
    return min(MAX_LAG, int(np.median(lengths)) - 1) if len(lengths) else 0


def _record(calls: list[Call], losses: Losses, tape, seed: int) -> Recording | None:
    """All calls of one layer; None where the sequences are too short."""
    orders = [Order(call) for call in calls]
    lengths = np.concatenate([order.lengths for order in orders])
    lag, rng = max_lag(lengths), np.random.default_rng(seed)
    if lag < MIN_LAG:
        return None
    positions = rng.integers(lag, np.maximum(lengths, lag + 1))
    kept = np.flatnonzero(lengths > lag)
    kept = kept if len(kept) <= MOST else np.sort(rng.permutation(kept)[:MOST])
    parts, first = [], 0
    for call, order in zip(calls, orders, strict=True):
        parts.append(_part(call, order, losses, tape, positions[first : first + len(order.lengths)]))
        first += len(order.lengths)
    steps = max(part["inputs"].shape[1] for part in parts)
    joined = {name: _joined([part[name] for part in parts], steps, kept) for name in parts[0]}
    call = calls[0]
    return Recording(
        name=call.layer.path,
        direction="backward" if call.backward else "forward",
        layer=call.layer,
        lengths=lengths[kept],
        positions=positions[kept],
        max_lag=lag,
        median_length=float(np.median(lengths[lengths > 0])),
        shapes=(tuple(call.inputs.shape[2:]), *(tuple(s.shape[1:]) for s in keras.tree.flatten(call.initial))),
        **joined,
    )


def _part(call: Call, order: Order, losses: Losses, tape, positions: np.ndarray) -> dict[str, Any]:
    """What one call adds to a `Recording`, for all sequences."""
    errors = _errors(tape, losses.total, call, order)
    focus, focus_errors = order.lengths - 1, errors
    if losses.by_step(call.layer, call.inputs):
        place = np.take_along_axis(order.places, positions[:, None], axis=1)[:, 0]
        focus, focus_errors = positions, _errors(tape, losses.at(place), call, order)
    outputs = _array(call.outputs[0])
    if call.layer.return_sequences:
        outputs = np.take_along_axis(_flat(outputs, 2), order.shown[:, :, None], axis=1)
    else:
        outputs = _flat(outputs, 1)[:, None]
    inputs = np.take_along_axis(_flat(_array(call.inputs), 2), order.source[:, :, None], axis=1)
    return {
        "inputs": np.where(order.counted[:, :, None], inputs, 0),
        "outputs": outputs,
        "initial": keras.tree.map_structure(lambda state: _flat(_array(state), 1), call.initial),
        "errors": errors,
        "focus_errors": focus_errors,
        "focus": focus,
        "rows": np.arange(len(focus)),
    }


def _joined(parts: list, steps: int, kept: np.ndarray):
    """Arrays of several calls one after the other, padded to the same number of steps."""

    def joined(*arrays):
        pads = [
            [(0, 0), (0, steps - a.shape[1] if a.shape[1] > 1 else 0), (0, 0)] if a.ndim == 3 else 0 for a in arrays
        ]
        padded = [np.pad(a, pad) if pad else a for a, pad in zip(arrays, pads, strict=True)]
        return np.concatenate(padded)[kept]

    return keras.tree.map_structure(joined, *parts, none_is_leaf=False)


def _errors(tape, loss, call: Call, order: Order) -> Errors:
    with tape.stop_recording():
        gradients = tape.gradient(loss, call.outputs, unconnected_gradients="zero")
    output, *states = map(_array, gradients)
    at_outputs = _flat(output, 2 if call.layer.return_sequences else 1)
    states = [_flat(state, 1) for state in states]
    return Errors(order.errors(call, at_outputs), np.concatenate(states, axis=-1) if states else None)


def _adds_losses(model, calls: list[Call], tape) -> bool:
    """Whether layers add losses that depend on a recurrent layer; penalties on weights do not."""
    outputs = [call.outputs[0] for call in calls]
    with tape.stop_recording():
        return any(g is not None for loss in model.losses for g in tape.gradient(loss, outputs))


def _depth(calls: list[Call], tape) -> int:
    """The longest chain of recurrent layers, or cells of one, in which each reads what the one before returned."""
    first = list({id(call.layer): call for call in reversed(calls)}.values())[::-1]
    depths: list[int] = []
    for number, call in enumerate(first):
        before = [each.outputs[0] for each in first[:number]]
        with tape.stop_recording():
            reached = tape.gradient(call.inputs, before) if before else []
        depths.append(
            len(cells_of(call.layer))
            + max((d for d, g in zip(depths, reached, strict=True) if g is not None), default=0)
        )
    return max(depths)


def _masks(recorder: Recorder) -> bool:
    layers = [passage.layer for passage in recorder.passages]
    return any(isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False) for layer in layers)


def _flat(array: np.ndarray, axes: int) -> np.ndarray:
    """All axes after the first ones as one."""
    return array.reshape(*array.shape[:axes], math.prod(array.shape[axes:]))


def _array(tensor) -> np.ndarray:
    return np.asarray(tensor, dtype="float32")
