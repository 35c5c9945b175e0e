"""The loss of taggers that score each step by itself. Legend: `B` batch, `T` steps, `K` labels."""

import keras
from keras import ops

from rnnkit.layers.sequence import padded_labels


@keras.saving.register_keras_serializable(package="rnnkit")
class TokenLoss(keras.losses.Loss):
    """Negative log likelihood of label numbers (B, T) under logits (B, T, K), summed over a sequence's steps, in nats.

    Steps with the label -1 do not count. `CRFLoss` is in the same unit.
    """

    def call(self, y_true, y_pred):
        labels, valid = padded_labels(y_true)
        losses = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=True)
        return ops.sum(ops.where(valid, losses, ops.zeros_like(losses)), axis=-1)
