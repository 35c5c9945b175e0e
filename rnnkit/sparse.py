"""Row-sparse gradients (TensorFlow): an embedding's gradient arrives as rows and their numbers, with repetitions."""

import tensorflow as tf


def is_sparse(gradient) -> bool:
    """Whether a gradient is a `tf.IndexedSlices`."""
    return isinstance(gradient, tf.IndexedSlices)


def sum_repeated_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same gradient with each row named once: the values of repeated rows are added up."""
    rows, position = tf.unique(gradient.indices)
    # A scatter is twice as fast on a CPU as unsorted_segment_sum; XLA needs its shape, so it has room for all rows.
    values = tf.scatter_nd(position[:, None], gradient.values, tf.shape(gradient.values))
    values = tf.gather(values, tf.cumsum(tf.ones_like(rows)) - 1)
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
