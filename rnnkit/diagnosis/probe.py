"""The probe of a diagnosis: what a user gives as one batch, on a model that is left as it was. For TensorFlow."""

import contextlib
from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from rnnkit.compat import layers_of
from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.kernel_choice import recurrent_layers


@runtime_checkable
class Task(Protocol):
    """What a model may say about itself to its diagnosis; one that says nothing is a Keras model on arrays."""

    def probe_batch(self, x, y) -> tuple[Any, Any]:
        """Raw data as one batch of what the model and its loss take."""

    def known_lag(self, median_length: float) -> tuple[float, str] | None:
        """The steps back that the task needs, and what that is taken from, in words; None where it is not known."""

    def predicts_each_step_of(self, layer: keras.Layer) -> bool:
        """Whether a recurrent layer's steps are those of the predictions, wherever their numbers agree."""


def probe_arrays(model, x, y):
    """The probe as tensors; `y` is None for a model that needs no targets, as its layers add its loss.

    Raises:
        ArgumentError: the model is not built, or has no recurrent layers.
        DataError: data that cannot be used.
    """
    _check(model)
    if isinstance(model, Task):
        x, y = model.probe_batch(x, y)
    elif y is None and isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(_first_batch(x))
    if y is None and model.loss is not None:
        raise DataError("y: expected the targets of x, since gradients are those of the model's loss, got None.")
    return keras.tree.map_structure(tf.convert_to_tensor, (x, y), none_is_leaf=False)


@contextlib.contextmanager
def preserved(model: keras.Model):
    """Puts back, also after an exception, every attribute of every layer and the value of every state variable.

    State variables are those that calling a model can change: seeds, carried recurrent states, metric sums.
    """
    layers = layers_of(model)
    attributes = [dict(vars(layer)) for layer in layers]
    states = [variable for variable in [*model.variables, *model.metrics_variables] if not variable.trainable]
    for layer in recurrent_layers(model):
        states += keras.tree.flatten(layer.states) if layer.stateful else []
    values = [np.array(variable) for variable in states]
    try:
        yield
    finally:
        for layer, before in zip(layers, attributes, strict=True):
            _restore(vars(layer), before)
        for variable, value in zip(states, values, strict=True):
            if not np.array_equal(np.array(variable), value):
                variable.assign(value)


def _first_batch(batches: Iterable):
    return batches[0] if isinstance(batches, keras.utils.PyDataset) else next(iter(batches))


def _check(model) -> None:
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"model: expected a keras.Model, got {type(model).__name__}.")
    if not model.built:
        raise ArgumentError("model: expected a model that is built, got one without weights. Call it or fit it first.")
    if not recurrent_layers(model):
        raise ArgumentError(
            f"model: {model.name} has no recurrent layers (keras.layers.RNN and its subclasses, such as LSTM)."
        )


def _restore(attributes: dict, before: dict) -> None:
    for name in attributes.keys() - before.keys():
        del attributes[name]
    attributes.update(before)
