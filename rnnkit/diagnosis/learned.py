"""Whether a model has learned anything from its inputs. For TensorFlow. Legend: `B` batch."""

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.preserve import preserved


def explained(model: keras.Model, x, y) -> float:
    """The share of the loss that the inputs explain: 1 - (loss on the probe) / (loss of the mean answer).

    The mean answer is the mean of the model's predictions over the probe's sequences, given to all of them. The share
    is about 0, or negative, for a model whose answers depend on its inputs not at all or at random, and 1 for one that
    is always right; for a squared error it is much like R^2. Penalties on weights are left out.

    Args:
        model: a compiled model, which is left as it was.
        x, y: one batch, as tensors.

    Returns:
        NaN where the losses are not positive numbers, so that they have no shares.
    """
    with preserved(model):
        predictions = model(x, training=False)
        penalties = sum(float(penalty) for penalty in model.losses)
        batch = keras.tree.flatten(x)[0].shape[0]
        same = keras.tree.map_structure(lambda values: _mean(values, batch), predictions)
        own, mean = (
            float(model.compute_loss(x=x, y=y, y_pred=answers, training=False)) - penalties
            for answers in (predictions, same)
        )
    return 1 - own / mean if np.isfinite(own) and np.isfinite(mean) and mean > 0 else float("nan")


def _mean(values: tf.Tensor, batch: int) -> tf.Tensor:
    """The mean over the sequences for each of them; what is no prediction of a sequence stays as it is."""
    if not values.dtype.is_floating or not values.shape.rank or values.shape[0] != batch:
        return values
    return tf.broadcast_to(tf.reduce_mean(values, axis=0, keepdims=True), tf.shape(values))
