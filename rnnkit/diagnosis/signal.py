"""Whether there is a loss, whether it is finite, and whether its gradient arrives at the recurrent layers.

For TensorFlow. Legend: `B` batch.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.probe import Passage, Recorder, Task


@dataclass(frozen=True)
class Signal:
    """What became of the loss on its way to the recurrent layers.

    Attributes:
        loss: its value on the probe; NaN too where it is not known.
        known: whether the model has a loss that can be computed outside of `fit`.
        explained: see `explained`.
        weights: names of the variables that are not finite.
        broken_at: the first layer that turns finite numbers into others; empty if none does.
        finite: whether the gradients are, at the predictions and at the recurrent layers.
        ends_at: the layer, or `"the loss"`, through which no gradient comes; empty if it comes through or the place is
            not known.
        ends_how: `"dead"` (all units of its activation are at zero), `"zero kernel"`, `"flat"` (its derivative is zero
            or not defined), `"solved"` (the loss is exactly zero), or `"unread"` (predictions do not depend on what the
            recurrent layers return); empty if a gradient arrives.
        reached: names of the recurrent layers at which a gradient arrives.
    """

    loss: float = float("nan")
    known: bool = True
    explained: float = float("nan")
    weights: tuple[str, ...] = ()
    broken_at: str = ""
    finite: bool = True
    ends_at: str = ""
    ends_how: str = ""
    reached: tuple[str, ...] = ()

    @property
    def is_intact(self) -> bool:
        """Whether weights, loss and gradients are finite."""
        return self.finite and not self.weights and (not self.known or bool(np.isfinite(self.loss)))


class Losses:
    """The model's own loss on the probe: of everything, or of one position a sequence.

    A model without a loss, since its `train_step` has one of its own, gets a random projection of its predictions in
    place of it: how gradients travel through time hardly depends on which they are.

    Args:
        model, x, y, predictions: of the probe.
        added: whether layers add losses to the model that depend on what goes through it.

    Attributes:
        known: whether it is the model's own.
    """

    def __init__(self, model, x, y, predictions, *, added: bool = False):
        self._model, self.x, self._y, self.predictions = model, x, y, predictions
        self._by_places: dict[bytes, tf.Tensor] = {}
        own = type(model).compute_loss is not keras.Model.compute_loss and not isinstance(model, Task)
        self.known = model.loss is not None or own or added
        self.total = self.of(predictions)

    def by_step(self, layer, inputs) -> bool:
        """Whether there is a prediction, and so a loss, for each step of a layer's inputs (B, T, F)."""
        if isinstance(self._model, Task) and not self._model.predicts_each_step_of(layer):
            return False
        shape = tuple(getattr(self.predictions, "shape", ()))
        return len(shape) >= 3 and shape[:2] == tuple(inputs.shape[:2])

    def at(self, places: np.ndarray) -> tf.Tensor:
        """The loss with all predictions held fixed but those at `places`, shape (B,)."""
        key = places.tobytes()
        if key not in self._by_places:
            steps, rest = self.predictions.shape[1], len(self.predictions.shape) - 2
            here = (np.arange(steps) == places[:, None]).reshape(len(places), steps, *[1] * rest)
            held = tf.where(here, self.predictions, tf.stop_gradient(self.predictions))
            self._by_places[key] = self.of(held)
        return self._by_places[key]

    def compares(self) -> bool:
        """Whether the loss depends on the targets."""
        if not self.known or self._y is None:
            return False
        other = keras.tree.map_structure(_another, self._y)
        unlike = any(np.any(a != b) for a, b in zip(*map(keras.tree.flatten, (other, self._y)), strict=True))
        return not unlike or float(self.of(self.predictions, other)) != float(self.of(self.predictions))

    def of(self, predictions, y=None) -> tf.Tensor:
        """The loss of any predictions, against the probe's targets or others."""
        if self.known:
            y = self._y if y is None else y
            return self._model.compute_loss(x=self.x, y=y, y_pred=predictions, training=False)
        noise = [tf.random.stateless_normal(each.shape, (0, 0)) for each in _floats(predictions)]
        return tf.add_n([tf.reduce_sum(n * p) for n, p in zip(noise, _floats(predictions), strict=True)])


def signal(model, recorder: Recorder, losses: Losses, tape, predictions) -> Signal:
    """Follows the loss back to the recurrent layers; inside the tape's block, on a model that `Recorder` watches."""
    with tape.stop_recording():
        at = [_size(gradient) for gradient in tape.gradient(losses.total, _floats(predictions))]
        gradients = [_size(tape.gradient(losses.total, call.outputs)) for call in recorder.calls]
        reached = {call.layer.path for call, size in zip(recorder.calls, gradients, strict=True) if size != 0}
        ends = ("", "") if reached else _end(model, recorder, losses, tape, max(at, default=0.0))
        return Signal(
            loss=float(losses.total) if losses.known else float("nan"),
            known=losses.known,
            explained=explained(model, losses, predictions),
            weights=tuple(v.path for v in model.weights if not np.isfinite(np.array(v, "float64")).all()),
            broken_at=_broken(recorder.passages),
            finite=bool(np.isfinite([*at, *gradients]).all()),
            ends_at=ends[0],
            ends_how=ends[1],
            reached=tuple(sorted(reached)),
        )


def explained(model, losses: Losses, predictions) -> float:
    """The share of the loss that the inputs explain: 1 - (loss on the probe) / (loss of the mean answer).

    The mean answer is the mean of the model's predictions over the probe's sequences, given to all of them. The share
    is about 0, or negative, for a model whose answers depend on its inputs not at all or at random, and 1 for one that
    is always right; for a squared error it is much like R^2. Penalties on weights are left out.

    Returns:
        NaN where the losses are not positive numbers, or do not compare the predictions with the targets: a model can
        compute its loss by itself.
    """
    if not losses.compares():
        return float("nan")
    penalties = sum(float(penalty) for penalty in model.losses)
    batch = _floats(predictions)[0].shape[0]
    same = keras.tree.map_structure(lambda values: _mean(values, batch), predictions)
    own, mean = (float(losses.of(answers)) - penalties for answers in (predictions, same))
    return 1 - own / mean if np.isfinite(own) and np.isfinite(mean) and mean > 0 else float("nan")


def _another(targets: tf.Tensor) -> tf.Tensor:
    """Other targets of the same kind: numbers that are larger, or classes of the sequence before."""
    return targets + 1 if targets.dtype.is_floating else tf.roll(targets, 1, axis=0)


def _mean(values: tf.Tensor, batch: int) -> tf.Tensor:
    """The mean over the sequences for each of them; what is no prediction of a sequence stays as it is."""
    if not values.dtype.is_floating or not values.shape.rank or values.shape[0] != batch:
        return values
    return tf.broadcast_to(tf.reduce_mean(values, axis=0, keepdims=True), tf.shape(values))


def _end(model, recorder: Recorder, losses: Losses, tape, at_predictions: float) -> tuple[str, str]:
    """Where the gradient ends that arrives at no recurrent layer, and how."""
    if at_predictions == 0:
        return "the loss", "solved" if losses.known and float(losses.total) == 0 else "flat"
    for passage in reversed(recorder.passages):
        inputs = [each for each in passage.inputs if recorder.is_derived(each)]
        if inputs and _size(tape.gradient(losses.total, passage.outputs)) != 0:
            back = tape.gradient(losses.total, inputs)
            if _size(back) == 0:
                return passage.layer.path or passage.layer.name, _how(passage, back)
    return "", "flat" if _is_read(model, losses, tape) else "unread"


def _how(passage: Passage, back: list) -> str:
    kernels = [np.array(weight) for weight in passage.layer.trainable_weights if len(weight.shape) > 1]
    if kernels and not any(kernel.any() for kernel in kernels):
        return "zero kernel"
    cut = all(gradient is None for gradient in back)
    return "flat" if cut or any(np.any(output) for output in passage.outputs) else "dead"


def _is_read(model, losses: Losses, tape) -> bool:
    """Whether the predictions change with what the recurrent layers return."""
    Recorder(model, tape, lambda values: values + 1 if values.dtype.is_floating else values)
    changed = _floats(model(losses.x, training=False))
    return any(not np.array_equal(a, b) for a, b in zip(changed, _floats(losses.predictions), strict=True))


def _broken(passages: list[Passage]) -> str:
    """The first layer that makes numbers that are not finite of finite ones."""
    for passage in passages:
        inputs, outputs = (all(map(_finite, each)) for each in (passage.inputs, passage.outputs))
        if inputs and not outputs:
            return passage.layer.path or passage.layer.name
    return ""


def _finite(values: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(values)))


def _floats(nested) -> list[tf.Tensor]:
    return [values for values in keras.tree.flatten(nested) if values.dtype.is_floating]


def _size(gradients) -> float:
    """The largest element of some gradients; NaN if any is NaN, 0 if there is none."""
    found = [np.abs(tf.convert_to_tensor(each)).max() for each in keras.tree.flatten(gradients) if each is not None]
    return float(np.max(found, initial=0.0))
