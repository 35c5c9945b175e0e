"""Row-sparse gradients (TensorFlow): an embedding's gradient arrives as rows and their numbers, with repetitions."""

import tensorflow as tf


def is_sparse(gradient) -> bool:
    """Whether a gradient is a `tf.IndexedSlices`."""
    return isinstance(gradient, tf.IndexedSlices)


def sum_repeated_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same gradient with each row named once: the values of repeated rows are added up."""
    rows, position = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, position, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
