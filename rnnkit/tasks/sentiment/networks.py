"""Text classifiers without recurrence, on the words, batches and metrics of `SentimentClassifier`."""

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.layers import SequencePooling
from rnnkit.layers.sequence import zero_padding
from rnnkit.tasks import SentimentClassifier
from rnnkit.text.vocabulary import Vocabulary

WIDTHS, FILTERS = (3, 4, 5), 100


class _WordClassifier(SentimentClassifier):
    """A classifier whose network is between the words' numbers and the classes' probabilities; `read_off` makes it."""

    def read_off(self, tokens, lengths):
        """Probabilities (B, C) of texts given as word numbers (B, T) and lengths (B,)."""
        raise NotImplementedError

    def stream(self, batch_size: int = 1):
        raise ArgumentError(f"stream: {type(self).__name__} has no recurrent layer. Take a SentimentClassifier.")

    def make_network(self, learned):
        self._take_labels(learned)
        self.vocabulary = Vocabulary(learned["words"])
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        lengths = keras.Input((), dtype="int32", name="lengths")
        return keras.Model({"tokens": tokens, "lengths": lengths}, self.read_off(tokens, lengths), name="network")


@keras.saving.register_keras_serializable(package="rnnkit")
class BagOfWords(_WordClassifier):
    """Logistic regression on how often each word occurs: a weight for each word and class, and no order."""

    def read_off(self, tokens, lengths):
        weights = keras.layers.Embedding(len(self.vocabulary), len(self.labels), "zeros", name="weights")(tokens)
        return keras.layers.Softmax(name="scores")(BiasedSum(name="sum")(weights, lengths))


@keras.saving.register_keras_serializable(package="rnnkit")
class WordConvolution(_WordClassifier):
    """The largest value of each of some filters over three to five words (Kim, "Convolutional neural networks for
    sentence classification", 2014, with word vectors learned from scratch).
    """

    def read_off(self, tokens, lengths):
        start = keras.initializers.RandomUniform(-0.5, 0.5)  # as in `SentimentClassifier`
        embedding = keras.layers.Embedding(len(self.vocabulary), self.embedding_dim, start, name="embedding")
        words = ZeroPadding(name="words")(embedding(tokens), lengths)
        filters = [keras.layers.Conv1D(FILTERS, width, padding="same", activation="relu")(words) for width in WIDTHS]
        features = SequencePooling("max", name="pooling")(keras.layers.Concatenate()(filters), lengths)
        features = keras.layers.Dropout(0.5, name="dropout")(features)
        return keras.layers.Dense(len(self.labels), activation="softmax", name="scores")(features)


@keras.saving.register_keras_serializable(package="rnnkit")
class ZeroPadding(keras.layers.Layer):
    """`zero_padding` as a layer: sequences (B, T, F) and lengths (B,)."""

    def call(self, sequences, lengths):
        return zero_padding(sequences, lengths)


@keras.saving.register_keras_serializable(package="rnnkit")
class BiasedSum(keras.layers.Layer):
    """The sum over the valid steps of (B, T, F), plus a learned number for each feature: (B, F)."""

    def build(self, sequences_shape, lengths_shape=None):
        self.bias = self.add_weight(shape=(sequences_shape[-1],), initializer="zeros", name="bias")

    def call(self, sequences, lengths):
        return ops.sum(zero_padding(sequences, lengths), axis=1) + self.bias
