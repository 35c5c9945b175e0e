"""What a user gives, as one batch of what the model and its loss take. For TensorFlow."""

import keras
import tensorflow as tf

from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.kernel_choice import recurrent_layers
from rnnkit.tasks.batches import Batches
from rnnkit.tasks.task import Task


def probe_arrays(model, x, y):
    """The probe as tensors.

    Raises:
        ArgumentError: the model is not built, not compiled, or has no recurrent layers.
        DataError: data that cannot be used.
    """
    _check(model)
    if isinstance(model, Task):
        data = model.read(x, y)
        batches = Batches(**model.encode(data), batch_size=len(data))
        if batches.num_batches > 1:
            raise DataError(f"x: {len(data)} sequences of this length are too much for one probe. Give fewer.")
        x, y = batches[0]
    if y is None:
        raise DataError("y: expected the targets of x, since gradients are those of the model's loss, got None.")
    return keras.tree.map_structure(tf.convert_to_tensor, (x, y))


def _check(model) -> None:
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"model: expected a keras.Model, got {type(model).__name__}.")
    if not model.built:
        raise ArgumentError("model: expected a model that is built, got one without weights. Call it or fit it first.")
    if not recurrent_layers(model):
        raise ArgumentError(
            f"model: {model.name} has no recurrent layers (keras.layers.RNN and its subclasses, such as LSTM)."
        )
    if not model.compiled:
        raise ArgumentError("model: expected a compiled model, since its loss is what is differentiated. Compile it.")
