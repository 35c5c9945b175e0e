"""Log probabilities of targets under a softmax over many classes, with a gradient by hand (TensorFlow)."""

import itertools

import keras
import numpy as np
from keras import ops

PIECES, CLASSES = 16, 512  # the vectors are cut into one piece per 512 classes, 16 at most: a piece then fits the cache
ONCE = "The softmax of a language model has no second derivative in training."


def clustered_log_probabilities(vectors, first, clusters, edges, targets):
    """Log probabilities, float32, of targets under a softmax in two stages, see `AdaptiveSoftmax`.

    Args:
        vectors: shape (..., E).
        first: the vectors (edges[0] + K, E) of the frequent classes and of the K clusters.
        clusters: the vectors of the classes of each cluster.
        edges: the number of frequent classes, and the ends of the clusters.
        targets: int32, shape (...).
    """
    import tensorflow as tf

    cluster = tf.searchsorted(np.array(edges[:-1], "int32"), tf.reshape(targets, [-1]), side="right")
    cluster = tf.reshape(cluster, tf.shape(targets))  # 0 is none
    found = target_log_probabilities(vectors, first, ops.where(cluster > 0, edges[0] + cluster - 1, targets))
    for k, part in enumerate(clusters):
        rows = tf.where(ops.equal(cluster, k + 1))
        its, numbers = tf.gather_nd(vectors, rows), tf.gather_nd(targets, rows) - edges[k]
        found = tf.tensor_scatter_nd_add(found, rows, target_log_probabilities(its, part, numbers))
    return found


def target_log_probabilities(vectors, matrix, targets):
    """Log probabilities, float32, of targets under the softmax of `vectors @ matrix.T`.

    With a gradient by hand, from exponentials that are computed once, a piece of the vectors at a time: a third of the
    time of the cross-entropy of Keras is left beside the three products of matrices.

    Args:
        vectors: shape (..., E).
        matrix: shape (V, E).
        targets: int32, shape (...).
    """
    import tensorflow as tf

    if keras.backend.standardize_dtype(vectors.dtype) != "float32":
        return -ops.sparse_categorical_crossentropy(
            targets, ops.cast(ops.matmul(vectors, ops.transpose(matrix)), "float32"), from_logits=True
        )
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
