"""The row of numbers that one optimizer step leaves behind: how it is packed in the step and read on the host."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.gradients.gates import Unit

STATUS = ("taken", "nonfinite", "explosion", "overflow", "waiting")
TAKEN, NONFINITE, EXPLOSION, OVERFLOW, WAITING = range(5)
UNIT_FIELDS = ("norm_before", "norm_after", "zeros", "nonfinite", "weight_norm", "update_norm")
STEP_FIELDS = ("total_before", "total_after", "threshold", "status")


def width(units: int) -> int:
    """Numbers in a row over so many units."""
    return len(UNIT_FIELDS) * units + len(STEP_FIELDS)


def pack(units: int, **fields) -> tf.Tensor:
    """A row: vectors (units,) and scalars by field name, NaN for what is not given."""
    nothing = tf.fill((units,), float("nan"))
    vectors = [fields.get(name, nothing) for name in UNIT_FIELDS]
    scalars = tf.stack([tf.cast(fields.get(name, float("nan")), tf.float32) for name in STEP_FIELDS])
    return tf.concat([*vectors, scalars], axis=0)


@dataclass(frozen=True)
class Block:
    """The rows of consecutive steps of one epoch. N: steps, U: units.

    Attributes:
        epoch: number of the epoch.
        units: what the columns stand for.
        steps: step numbers (N,).
        norm_before, norm_after, zeros, nonfinite, weight_norm, update_norm: (N, U).
        total_before, total_after, threshold, status: (N,).
    """

    epoch: int
    units: list[Unit]
    steps: np.ndarray
    norm_before: np.ndarray
    norm_after: np.ndarray
    zeros: np.ndarray
    nonfinite: np.ndarray
    weight_norm: np.ndarray
    update_norm: np.ndarray
    total_before: np.ndarray
    total_after: np.ndarray
    threshold: np.ndarray
    status: np.ndarray

    @property
    def taken(self) -> np.ndarray:
        """Which steps changed the weights (N,)."""
        return self.status == TAKEN

    @property
    def clipped(self) -> np.ndarray:
        """Which steps changed the weights by less than the raw gradient asked for (N,)."""
        return self.taken & np.any(self.norm_after < self.norm_before * (1 - 1e-6), axis=1)


def unpack(rows: np.ndarray, steps: np.ndarray, epoch: int, units: list[Unit]) -> Block:
    """Rows (N, width) as a block; variables that never got a gradient are left out."""
    count = len(units)
    vectors = rows[:, : len(UNIT_FIELDS) * count].reshape(len(rows), len(UNIT_FIELDS), count)
    there = ~np.all(np.isnan(vectors[:, 0]) & ~(vectors[:, 3] > 0), axis=0)
    # contiguous, since a sum over units in another layout depends, in its last bit, on the number of rows
    fields = {name: np.ascontiguousarray(vectors[:, index, there]) for index, name in enumerate(UNIT_FIELDS)}
    fields |= dict(zip(STEP_FIELDS, rows[:, len(UNIT_FIELDS) * count :].T, strict=True))
    return Block(
        epoch=epoch, units=[unit for unit, here in zip(units, there, strict=True) if here], steps=steps, **fields
    )
