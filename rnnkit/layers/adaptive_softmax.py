"""The probabilities of many classes at little cost. Legend: `N` vectors, `E` features, `V` classes, `K` clusters."""

from typing import Any

import keras
from keras import ops

from rnnkit.recurrent.softmax import clustered_log_probabilities

PARTS = (16, 4)  # of the classes, 1/16 stand in the first softmax and 1/4 in it or the first cluster
FIRST = 4  # classes at least in the first softmax


@keras.saving.register_keras_serializable(package="rnnkit")
class AdaptiveSoftmax(keras.layers.Layer):
    """A softmax in two stages (Grave et al., "Efficient softmax approximation for GPUs", 2017).

        p(v) = softmax(first)_v                             for one of the frequent classes
        p(v) = softmax(first)_k * softmax(cluster k)_v      for a class of cluster k

    Classes are numbered from frequent to rare. The first softmax is over the frequent ones and the clusters of the
    others; that over a cluster is computed for targets in it alone. The probabilities are exact and sum to 1. All
    classes have vectors of the same width, which may be the input embeddings.

    Args:
        embedding: a `keras.layers.ReversibleEmbedding`, whose output embeddings, tied or not, are the vectors (V, E) of
            the classes.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit.layers import AdaptiveSoftmax
        >>> softmax = AdaptiveSoftmax(keras.layers.ReversibleEmbedding(100, 8))
        >>> bool(np.allclose(np.exp(softmax(np.ones((2, 8)))).sum(axis=-1), 1))
        True
    """

    def __init__(self, embedding: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.embedding, size = embedding, embedding.input_dim
        self.edges = sorted({min(size, max(FIRST, size // part)) for part in PARTS} | {size})

    def build(self, vectors_shape: Any, targets_shape: Any = None):
        if not self.embedding.built:
            self.embedding.build()
        clusters = len(self.edges) - 1
        self.clusters = self.add_weight((clusters, vectors_shape[-1]), initializer="glorot_uniform", name="clusters")

    def call(self, vectors: Any, targets: Any = None):
        """Log probabilities of all classes, float32 (..., V), or of the targets alone.

        Args:
            vectors: shape (..., E).
            targets: int32, shape (...), whose log probabilities are asked for (TensorFlow); None gives all.
        """
        matrix = output_vectors(self.embedding)
        parts = ops.split(matrix, self.edges[:-1])
        first = ops.concatenate([parts[0], ops.cast(self.clusters, matrix.dtype)])
        if targets is not None:
            return clustered_log_probabilities(vectors, first, parts[1:], self.edges, ops.cast(targets, "int32"))
        scores = _log_softmax(vectors, first)
        frequent, clusters = scores[..., : self.edges[0]], scores[..., self.edges[0] :]
        rare = [_log_softmax(vectors, part) + clusters[..., k : k + 1] for k, part in enumerate(parts[1:])]
        return ops.concatenate([frequent, *rare], axis=-1)

    def compute_output_shape(self, vectors_shape: Any, targets_shape: Any = None):
        return targets_shape if targets_shape is not None else (*vectors_shape[:-1], self.edges[-1])

    def get_config(self):
        return {**super().get_config(), "embedding": keras.saving.serialize_keras_object(self.embedding)}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        return cls(**{**config, "embedding": keras.saving.deserialize_keras_object(config["embedding"])})


def _scores(vectors, matrix):
    return ops.cast(ops.matmul(vectors, ops.transpose(matrix)), "float32")


def _log_softmax(vectors, matrix):
    return ops.log_softmax(_scores(vectors, matrix), axis=-1)


def output_vectors(embedding):
    """The vectors (V, E) of a `ReversibleEmbedding` with which it predicts."""
    tied = embedding.tie_weights
    return ops.convert_to_tensor(embedding.embeddings) if tied else ops.transpose(embedding.reverse_embeddings)
