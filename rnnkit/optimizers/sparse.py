"""Row-sparse gradients (TensorFlow): an embedding's gradient arrives as rows and their numbers, with repetitions.

Legend: `N` workers, `E` row-sparse gradients, `K` rows of one that a worker has, `W` values in a row.
"""

import math

import tensorflow as tf

from rnnkit import compat

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


def sum_over_workers(pairs: list, context) -> list:
    """(gradient, variable) pairs, float32, summed over all workers in two messages: what is dense, and all rows.

    Rows travel as they are, each once; where those of all workers together outweigh the whole gradients, these do.

    Args:
        pairs: those of this worker; the variables are the same for all.
        context: TensorFlow's replica context.
    """
    sparse = [place for place, (gradient, _) in enumerate(pairs) if is_sparse(gradient)]
    found = [sum_repeated_rows(gradient) if is_sparse(gradient) else gradient for gradient, _ in pairs]
    dense = [gradient for gradient in found if not is_sparse(gradient)]
    if sparse:
        counts = tf.stack([tf.shape(found[place].indices)[0] for place in sparse])
        own = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync)
        *dense, counts = context.all_reduce("SUM", [*dense, own[:, None] * tf.cast(counts, tf.float32)])
        rows = _Rows([pairs[place][1].shape for place in sparse], tf.cast(counts, tf.int32), context)
        summed = iter(rows.sum([found[place] for place in sparse]))
    elif dense:
        dense = context.all_reduce("SUM", dense)
    others = iter(dense)
    found = [next(summed) if is_sparse(gradient) else next(others) for gradient in found]
    return [(gradient, variable) for gradient, (_, variable) in zip(found, pairs, strict=True)]


class _Rows:
    """The rows of all workers, together.

    Args:
        shapes: of the variables, E of them.
        counts: K of each worker and gradient, int32 (N, E).
        context: TensorFlow's replica context.
    """

    def __init__(self, shapes: list, counts: tf.Tensor, context):
        self.shapes, self.counts, self.context = shapes, counts, context
        self.widths = [math.prod(shape[1:]) + 1 for shape in shapes]  # the last tells the row's number
        self.longest = tf.reduce_max(counts, axis=0)

    def sum(self, gradients: list) -> list:
        """Their sums, without repetitions."""
        whole = sum(shape[0] * width for shape, width in zip(self.shapes, self.widths, strict=True))
        rows = tf.reduce_sum(tf.cast(self.longest, tf.float32) * tf.constant(self.widths, tf.float32))
        fewer = rows * self.context.num_replicas_in_sync < 2 * whole  # (N - 1) rows, or 2 (N - 1) / N of the whole
        found = tf.cond(fewer, lambda: self._as_rows(gradients), lambda: self._as_whole(gradients))
        return [
            _marked(tf.IndexedSlices(values, indices, gradient.dense_shape))
            for (values, indices), gradient in zip(found, gradients, strict=True)
        ]

    def _as_rows(self, gradients: list) -> list:
        """By what all workers tell each other, each as much as the one with most rows."""
        told = []
        for place, gradient in enumerate(gradients):
            numbers = tf.bitcast(tf.cast(gradient.indices, tf.int32), tf.float32)
            table = tf.concat([self._flat(place, gradient.values), numbers[:, None]], axis=1)
            missing = self.longest[place] - tf.shape(table)[0]
            told.append(tf.reshape(tf.pad(table, [[0, missing], [0, 0]]), (-1,)))
        heard = compat.gather_from_workers(self.context, tf.concat(told, axis=0))
        heard = tf.reshape(heard, (self.context.num_replicas_in_sync, -1))
        parts = tf.split(heard, self.longest * tf.constant(self.widths), axis=1, num=len(gradients))
        return [self._rows_of(*each) for each in zip(range(len(parts)), parts, gradients, strict=True)]

    def _rows_of(self, place: int, part, gradient) -> tuple:
        tables = tf.reshape(part, (self.context.num_replicas_in_sync, self.longest[place], self.widths[place]))
        table = tf.boolean_mask(tables, tf.sequence_mask(self.counts[:, place], self.longest[place]))
        indices = tf.cast(tf.bitcast(table[:, -1], tf.int32), gradient.indices.dtype)
        summed = sum_repeated_rows(tf.IndexedSlices(table[:, :-1], indices))
        return self._shaped(place, summed.values), summed.indices

    def _as_whole(self, gradients: list) -> list:
        """By the whole gradients, with a column that counts who has a row."""
        tables = []
        for place, gradient in enumerate(gradients):
            table = tf.pad(self._flat(place, gradient.values), [[0, 0], [0, 1]], constant_values=1.0)
            shape = (self.shapes[place][0], self.widths[place])
            tables.append(tf.reshape(tf.scatter_nd(tf.cast(gradient.indices, tf.int32)[:, None], table, shape), (-1,)))
        summed = compat.sum_from_workers(self.context, tf.concat(tables, axis=0))
        found = []
        for place, table in enumerate(tf.split(summed, [table.shape[0] for table in tables])):
            table = tf.reshape(table, (-1, self.widths[place]))
            indices = tf.where(table[:, -1] > 0)[:, 0]
            values = self._shaped(place, tf.gather(table[:, :-1], indices))
            found.append((values, tf.cast(indices, gradients[place].indices.dtype)))
        return found

    def _flat(self, place: int, values) -> tf.Tensor:
        return tf.reshape(values, (-1, self.widths[place] - 1))

    def _shaped(self, place: int, values) -> tf.Tensor:
        return tf.reshape(values, (-1, *self.shapes[place][1:]))


def _marked(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    setattr(gradient, _UNIQUE, True)
    return gradient
