"""The probabilities of many classes at little cost. Legend: `N` vectors, `E` features, `V` classes, `K` clusters."""

import itertools
from typing import Any

import keras
import numpy as np
from keras import ops

PARTS = (16, 4)  # of the classes, 1/16 stand in the first softmax and 1/4 in it or the first cluster
FIRST = 4  # classes at least in the first softmax
PIECES, CLASSES = 16, 512  # pieces of the vectors at most, one for so many classes, so that a piece stays in the cache
ONCE = "The softmax of a language model has no second derivative in training."


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
            return self._of_targets(vectors, first, parts, ops.cast(targets, "int32"))
        scores = _log_softmax(vectors, first)
        frequent, clusters = scores[..., : self.edges[0]], scores[..., self.edges[0] :]
        rare = [_log_softmax(vectors, part) + clusters[..., k : k + 1] for k, part in enumerate(parts[1:])]
        return ops.concatenate([frequent, *rare], axis=-1)

    def _of_targets(self, vectors, first, parts, targets):
        import tensorflow as tf

        cluster = tf.searchsorted(np.array(self.edges[:-1], "int32"), tf.reshape(targets, [-1]), side="right")
        cluster = tf.reshape(cluster, tf.shape(targets))  # 0 is none
        frequent = ops.where(cluster > 0, self.edges[0] + cluster - 1, targets)
        found = target_log_probabilities(vectors, first, frequent)
        for k, part in enumerate(parts[1:]):
            rows = tf.where(ops.equal(cluster, k + 1))
            its, numbers = tf.gather_nd(vectors, rows), tf.gather_nd(targets, rows) - self.edges[k]
            found = tf.tensor_scatter_nd_add(found, rows, target_log_probabilities(its, part, numbers))
        return found

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


def target_log_probabilities(vectors, matrix, targets):
    """Log probabilities, float32, of targets under the softmax of `vectors @ matrix.T`. For TensorFlow.

    With a gradient by hand, from exponentials that are computed once, a piece of the vectors at a time: a third of the
    time of the cross-entropy of Keras is left beside the three products of matrices.

    Args:
        vectors: shape (..., E).
        matrix: shape (V, E).
        targets: int32, shape (...).
    """
    import tensorflow as tf

    if keras.backend.standardize_dtype(vectors.dtype) != "float32":
        return -ops.sparse_categorical_crossentropy(targets, _scores(vectors, matrix), from_logits=True)
    numbers = tf.reshape(targets, [-1])
    count = min(PIECES, 1 + matrix.shape[0] // CLASSES)

    def cut(tensor):
        rows = tf.shape(tensor)[0]
        ends = [rows * piece // count for piece in range(count + 1)]
        return tf.split(tensor, [end - start for start, end in itertools.pairwise(ends)])

    @tf.custom_gradient
    def found(vectors, matrix):
        own = tf.gather(matrix, numbers)
        scores = [tf.matmul(piece, matrix, transpose_b=True) for piece in cut(vectors)]
        largest = [tf.reduce_max(each, axis=-1, keepdims=True) for each in scores]
        exponentials = [tf.exp(each - most) for each, most in zip(scores, largest, strict=True)]
        ones = tf.ones((matrix.shape[0], 1))  # a product with ones is faster than a sum over rows
        sums = tf.concat([tf.matmul(each, ones) for each in exponentials], axis=0)

        def gradient(upstream):
            upstream = upstream[:, None]
            scale = upstream / sums
            expected = tf.concat([tf.matmul(each, matrix) for each in exponentials], axis=0)
            pairs = zip(exponentials, cut(vectors * scale), strict=True)
            of_matrix = tf.math.unsorted_segment_sum(upstream * vectors, numbers, matrix.shape[0])
            of_matrix -= tf.add_n([tf.matmul(each, piece, transpose_a=True) for each, piece in pairs])
            found = upstream * own - scale * expected, of_matrix
            return [tf.raw_ops.PreventGradient(input=each, message=ONCE) for each in found]

        return tf.reduce_sum(vectors * own, axis=-1) - (tf.concat(largest, axis=0) + tf.math.log(sums))[:, 0], gradient

    flat = found(tf.reshape(vectors, (-1, matrix.shape[-1])), tf.convert_to_tensor(matrix))
    return tf.reshape(flat, tf.shape(targets))
