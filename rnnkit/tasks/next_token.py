"""How well each next subword is predicted. Legend: `B` batch, `U` steps of the target, `V` subwords."""

import math

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.layers.sequence import padded_labels
from rnnkit.optimizers.replicas import sum_over_replicas


@keras.saving.register_keras_serializable(package="rnnkit")
class SubwordLoss(keras.losses.Loss):
    """Negative log likelihood of subwords (B, U) under logits (B, U, V): a batch's mean over its subwords, in nats.

    Steps with the number -1 are padding and do not count. Sample weights multiply each sentence's part of the mean. The
    log probabilities (B, U) of the targets may stand in the place of logits.

    Args:
        label_smoothing: fraction of the target's probability that is spread evenly over the vocabulary, in [0, 1)
            (Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016). It needs logits.
    """

    def __init__(self, label_smoothing=0.0, name="subword_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        labels, valid = padded_labels(y_true)
        losses = _losses(labels, y_pred)
        if self.label_smoothing:
            if len(y_pred.shape) < 3:
                raise ArgumentError("label_smoothing: needs logits, got log probabilities. Leave it out.")
            own = ops.take_along_axis(y_pred, labels[:, :, None], axis=-1)[:, :, 0]
            losses = losses + self.label_smoothing * (own - ops.mean(y_pred, axis=-1))
        sums = ops.sum(ops.where(valid, losses, 0.0), axis=-1)
        counts = ops.stack([ops.cast(ops.shape(sums)[0], sums.dtype), ops.sum(ops.cast(valid, sums.dtype))])
        sentences, subwords = ops.unstack(sum_over_replicas(counts))
        return sums * sentences / ops.maximum(subwords, 1.0)

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def _losses(labels, y_pred):
    """-log p of labels (B, U), from logits (B, U, V) or from their own log probabilities (B, U)."""
    if len(y_pred.shape) < 3:
        return -y_pred
    return ops.sparse_categorical_crossentropy(labels, y_pred, from_logits=True)


@keras.saving.register_keras_serializable(package="rnnkit")
class TokenNLL(keras.metrics.Metric):
    """The mean negative log likelihood over all tokens of the data set, as `SubwordLoss` without smoothing, in nats.

    Sum and count are kept apart, so that it does not matter how the data are cut into batches.
    """

    def __init__(self, name="nll", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.nats = self.add_variable((), "zeros", dtype="float32", name="nats")
        self.tokens = self.add_variable((), "zeros", dtype="float32", name="tokens")

    def update_state(self, y_true, y_pred, sample_weight=None):
        labels, valid = padded_labels(y_true)
        losses = _losses(labels, ops.cast(y_pred, "float32"))
        counts = ops.cast(valid, "float32")
        if sample_weight is not None:
            counts = counts * ops.cast(sample_weight, "float32")[:, None]
        self.nats.assign_add(ops.sum(losses * counts))
        self.tokens.assign_add(ops.sum(counts))

    def result(self):
        return ops.divide_no_nan(self.nats, self.tokens)


@keras.saving.register_keras_serializable(package="rnnkit")
class TokenBits(TokenNLL):
    """The same in bits."""

    def __init__(self, name="bits", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def result(self):
        return super().result() / math.log(2)


@keras.saving.register_keras_serializable(package="rnnkit")
class Perplexity(TokenNLL):
    """exp of the same: among how many equally probable tokens one would be as undecided."""

    def __init__(self, name="perplexity", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def result(self):
        return ops.exp(super().result())
