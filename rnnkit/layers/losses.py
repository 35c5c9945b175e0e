"""The losses of taggers. Legend: `B` batch, `T` steps, `K` labels."""

from typing import Any

import keras
from keras import ops

from rnnkit.layers.crf_paths import log_partition, path_score
from rnnkit.layers.sequence import padded_labels


@keras.saving.register_keras_serializable(package="rnnkit")
class CRFLoss(keras.losses.Loss):
    """The negative log likelihood of the true path, `log_partition - path_score`, in nats per sequence.

    Called with true labels (B, T), int, and the potentials (B, T, K, K) of a `CRF` layer, which know what is padding:
    labels there never count. Weights are one per sequence, (B,). Under a constraint the likelihood is among allowed
    paths only, so the loss of a validation set and that of unconstrained training do not compare.
    """

    def call(self, y_true: Any, y_pred: Any):
        return log_partition(y_pred) - path_score(y_pred, ops.cast(y_true, "int32"))


@keras.saving.register_keras_serializable(package="rnnkit")
class TokenLoss(keras.losses.Loss):
    """Negative log likelihood of label numbers (B, T) under logits (B, T, K), summed over a sequence's steps, in nats.

    Steps with the label -1 do not count. `CRFLoss` is in the same unit.
    """

    def call(self, y_true: Any, y_pred: Any):
        labels, valid = padded_labels(y_true)
        losses = ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=True)
        return ops.sum(ops.where(valid, losses, ops.zeros_like(losses)), axis=-1)
