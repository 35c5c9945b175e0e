"""Row-sparse gradients (TensorFlow): an embedding's gradient arrives as rows and their numbers, with repetitions."""

import tensorflow as tf

_UNIQUE = "_rows_are_unique"


def is_sparse(gradient) -> bool:
    """Whether a gradient is a `tf.IndexedSlices`."""
    return isinstance(gradient, tf.IndexedSlices)


def sum_repeated_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """The same gradient with each row named once: the values of repeated rows are added up.

    What comes back, and what `with_values` makes of it, is known to have no repetitions, so a second call is free.
    """
    if getattr(gradient, _UNIQUE, False):
        return gradient
    rows, position = tf.unique(gradient.indices)
    # A scatter is twice as fast on a CPU as unsorted_segment_sum; XLA needs its shape, so it has room for all rows.
    values = tf.scatter_nd(position[:, None], gradient.values, tf.shape(gradient.values))
    values = tf.gather(values, tf.cumsum(tf.ones_like(rows)) - 1)
    return _marked(tf.IndexedSlices(values, rows, gradient.dense_shape))


def with_values(gradient: tf.IndexedSlices, values: tf.Tensor) -> tf.IndexedSlices:
    """The same rows with other values."""
    other = tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return _marked(other) if getattr(gradient, _UNIQUE, False) else other


def _marked(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    setattr(gradient, _UNIQUE, True)
    return gradient
