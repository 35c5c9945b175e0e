"""What every recurrent layer saw, and the errors that came down to it, recorded once. For TensorFlow.

Legend: `B` batch, `n` sequences that are long enough to be measured, `T` steps, `F` features, `O` outputs, `S` size of
the full state (h, or h and c). Steps are counted along the layer's own recurrence: step 0 of a layer that reads
backwards is the last word of the text. Sequences are right-padded, whatever they were in the model.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.calls import Call, Order, Recorder
from rnnkit.diagnosis.probe import Task, preserved
from rnnkit.errors import ArgumentError, DataError

MAX_LAG = 200
MIN_LAG = 4


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
    """One recurrent layer on the probe, in NumPy.

    Attributes:
        name: the layer's path; a layer that is called again gets a number.
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


def capture(model: keras.Model, x, y, *, seed: int = 0) -> list[Recording]:
    """Runs the model once without dropout and records its recurrent layers, in the order in which they were called.

    A layer that sees only short sequences, such as the characters of words, is left out.

    Args:
        model: a compiled model.
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
        losses = Losses(model, x, y, predictions)
        orders = [(call, Order(call)) for call in recorder.calls]
        lags = [max_lag(order.lengths) for _, order in orders]
        if max(lags) < MIN_LAG:
            raise DataError(
                f"x: half of the sequences are shorter than {MIN_LAG + 1} steps, too short to measure anything through "
                "time. Give longer ones."
            )
        return [
            _record(call, order, losses, tape, np.random.default_rng(seed), lag)
            for (call, order), lag in zip(orders, lags, strict=True)
            if lag >= MIN_LAG
        ]


def max_lag(lengths: np.ndarray) -> int:
    """So many steps back that at least half of the sequences reach that far; empty ones do not count."""
    lengths = lengths[lengths > 0]
    return min(MAX_LAG, int(np.median(lengths)) - 1) if len(lengths) else 0


def _record(call: Call, order: Order, losses: "Losses", tape, rng, max_lag: int) -> Recording:
    positions = rng.integers(max_lag, np.maximum(order.lengths, max_lag + 1))
    errors = _errors(tape, losses.total, call, order)
    focus, focus_errors = order.lengths - 1, errors
    if losses.by_step(call.layer, call.inputs):
        place = np.take_along_axis(order.places, positions[:, None], axis=1)[:, 0]
        focus, focus_errors = positions, _errors(tape, losses.at(place), call, order)
    long_enough = order.lengths > max_lag

    def kept(values):
        return keras.tree.map_structure(lambda array: _array(array)[long_enough], values, none_is_leaf=False)

    outputs = _array(call.outputs[0])
    return Recording(
        name=call.name,
        direction="backward" if call.backward else "forward",
        layer=call.layer,
        inputs=kept(np.where(order.counted[:, :, None], _steps(call.inputs, order.source), 0)),
        outputs=kept(_steps(outputs, order.shown) if call.layer.return_sequences else outputs[:, None]),
        lengths=order.lengths[long_enough],
        initial=kept(call.initial),
        errors=kept(errors),
        positions=positions[long_enough],
        focus_errors=kept(focus_errors),
        focus=focus[long_enough],
        max_lag=max_lag,
        median_length=float(np.median(order.lengths[order.lengths > 0])),
    )


def _errors(tape, loss, call: Call, order: Order) -> Errors:
    with tape.stop_recording():
        gradients = tape.gradient(loss, call.outputs, unconnected_gradients="zero")
    output, *states = map(_array, gradients)
    return Errors(order.errors(call, output), np.concatenate(states, axis=-1) if states else None)


def _steps(tensor, index: np.ndarray) -> np.ndarray:
    return np.take_along_axis(_array(tensor), index[:, :, None], axis=1)


def _array(tensor) -> np.ndarray:
    return np.asarray(tensor, dtype="float32")


class Losses:
    """The model's own loss on the probe: of everything, or of one position a sequence."""

    def __init__(self, model, x, y, predictions):
        self._model, self._x, self._y, self._predictions = model, x, y, predictions
        self._known: dict[bytes, tf.Tensor] = {}
        self.total = self._loss(predictions)

    def by_step(self, layer, inputs) -> bool:
        """Whether there is a prediction, and so a loss, for each step of a layer's inputs (B, T, F)."""
        if isinstance(self._model, Task) and not self._model.predicts_each_step_of(layer):
            return False
        shape = tuple(getattr(self._predictions, "shape", ()))
        return len(shape) >= 3 and shape[:2] == tuple(inputs.shape[:2])

    def at(self, places: np.ndarray) -> tf.Tensor:
        """The loss with all predictions held fixed but those at `places`, shape (B,)."""
        key = places.tobytes()
        if key not in self._known:
            steps, rest = self._predictions.shape[1], len(self._predictions.shape) - 2
            here = (np.arange(steps) == places[:, None]).reshape(len(places), steps, *[1] * rest)
            held = tf.where(here, self._predictions, tf.stop_gradient(self._predictions))
            self._known[key] = self._loss(held)
        return self._known[key]

    def _loss(self, predictions):
        return self._model.compute_loss(x=self._x, y=self._y, y_pred=predictions, training=False)
