"""Variables that the compiled train step writes and the host reads now and then (TensorFlow)."""

import numpy as np
import tensorflow as tf


def local_variable(value) -> tf.Variable:
    """A variable that each replica assigns by itself; the host reads the first replica's. Never part of the model."""
    return tf.Variable(
        value,
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def read(variable) -> np.ndarray:
    """The value on the first replica."""
    return tf.convert_to_tensor(variable).numpy()


class Ring:
    """The last `capacity` rows of numbers, numbered from `start`; of fixed shape, so that it works under XLA.

    Args:
        capacity: rows that are kept.
        width: numbers in a row.
        start: number of the first row.
    """

    def __init__(self, capacity: int, width: int, start: int):
        self.capacity = capacity
        self.rows = local_variable(np.full((capacity, width), np.nan, "float32"))
        self.count = local_variable(np.int64(start))
        self.taken = start

    def write(self, row) -> None:
        """Appends a row (width,); inside the compiled step."""
        self._place(self.count, row)
        self.count.assign_add(1)

    def rewrite_last(self, row) -> None:
        """Replaces the last row's numbers where the given ones are not NaN."""
        last = tf.gather(self.rows, (self.count - 1) % self.capacity)
        self._place(self.count - 1, tf.where(tf.math.is_nan(row), last, row))

    def go_to(self, number: int) -> None:
        """Forgets the rows and numbers the next one so; on the host."""
        self.count.assign(number)
        self.taken = number

    @property
    def waiting(self) -> int:
        """How many rows were written since the last `take`; on the host."""
        return int(read(self.count)) - self.taken

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows since the last call: their numbers (N,) and contents (N, width); on the host."""
        end = self.taken + self.waiting
        numbers = np.arange(max(self.taken, end - self.capacity), end)
        self.taken = end
        return numbers, read(self.rows)[numbers % self.capacity]

    def _place(self, number, row):
        place = tf.reshape(number % self.capacity, (1, 1))
        self.rows.assign(tf.tensor_scatter_nd_update(self.rows, place, row[None]))
