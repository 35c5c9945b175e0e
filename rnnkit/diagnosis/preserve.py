"""A model looked at, and left as it was. For TensorFlow."""

import contextlib

import keras
import numpy as np

from rnnkit.recurrent.kernel_choice import recurrent_layers


@contextlib.contextmanager
def preserved(model: keras.Model):
    """Puts back, also after an exception, every attribute of every layer and the value of every state variable.

    State variables are those that calling a model can change: seeds, carried recurrent states, metric sums.
    """
    layers = model._flatten_layers()
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


def _restore(attributes: dict, before: dict) -> None:
    for name in attributes.keys() - before.keys():
        del attributes[name]
    attributes.update(before)
