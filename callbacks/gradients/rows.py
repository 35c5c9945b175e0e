"""What one optimizer step leaves behind: the recorded quantities, the ring in the compiled step, and the host's view.

N: steps, U: units. A unit is a variable, or one gate of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.gradients.units import Unit

STATUS = ("taken", "nonfinite", "explosion", "overflow", "waiting")
TAKEN, NONFINITE, EXPLOSION, OVERFLOW, WAITING = range(5)
OF_STEP = ("total_before", "total_after", "threshold", "status", "loss")


class Seen(NamedTuple):
    """What a quantity is measured on, inside the compiled step.

    Attributes:
        before: the `Measurement` of the gradients before clipping.
        after: their norms after clipping (U,), 0 for a step that is not taken.
        parts: call it for the raw gradient of each unit, whole or the rows of an embedding that there are; float32.
        weights, updates: norms (U,) of the weights before the step and of their change; None unless they are measured.
    """

    before: Any = None
    after: Any = None
    parts: Any = None
    weights: Any = None
    updates: Any = None


@dataclass(frozen=True)
class Quantity:
    """One number for each unit and step.

    It is measured once the gradients of all replicas are summed, so it is the same on each, and the first one is read.

    Attributes:
        measure: function of `Seen` that gives float32 (U,), inside the compiled step.
        joined: how units combine into a layer: `"norm"` (root of the sum of squares), `"sum"`, `"max"`, or
            `"fraction"` (of the number of elements).
        of_weights: whether it belongs to the steps whose weights are measured.
    """

    measure: Callable[[Seen], tf.Tensor]
    joined: str = "norm"
    of_weights: bool = False


# A quantity is one line here; its name is its column in `GradientHealth.frame`.
QUANTITIES: dict[str, Quantity] = {
    "norm_before": Quantity(lambda seen: seen.before.norms),
    "norm_after": Quantity(lambda seen: seen.after),
    "weight_norm": Quantity(lambda seen: seen.weights, of_weights=True),
    "update_norm": Quantity(lambda seen: seen.updates, of_weights=True),
    "zeros": Quantity(lambda seen: seen.before.zeros, "fraction"),
    "nonfinite": Quantity(lambda seen: seen.before.nonfinite, "sum"),
}


def pack(units: int, seen: Seen, **of_step) -> tf.Tensor:
    """A row: the quantities that can be measured on `seen`, and scalars by name; NaN for what is not given."""
    there = {False: seen.before is not None, True: seen.weights is not None}
    nothing = tf.fill((units,), float("nan"))
    vectors = [each.measure(seen) if there[each.of_weights] else nothing for each in QUANTITIES.values()]
    scalars = tf.stack([tf.cast(of_step.get(name, float("nan")), tf.float32) for name in OF_STEP])
    return tf.concat([*vectors, scalars], axis=0)


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
    """The last rows over the same units with the numbers of their steps; of fixed shape, so that it works under XLA.

    Args:
        capacity: rows that are kept.
        units: what the columns stand for.
        count: the variable with the number of the next step, which all rings share.
    """

    def __init__(self, capacity: int, units: list[Unit], count: tf.Variable):
        self.capacity, self.units, self.count = capacity, units, count
        self.rows = local_variable(np.full((capacity, len(QUANTITIES) * len(units) + len(OF_STEP)), np.nan, "float32"))
        self.numbers = local_variable(np.full(capacity, -1, "int64"))
        self.written = local_variable(np.int64(0))

    def write(self, row) -> None:
        """Appends a row; inside the compiled step."""
        self._place(self.written, row)
        place = tf.reshape(self.written % self.capacity, (1, 1))
        self.numbers.assign(tf.tensor_scatter_nd_update(self.numbers, place, tf.reshape(self.count, (1,))))
        self.written.assign_add(1)
        self.count.assign_add(1)

    def last(self) -> tf.Tensor:
        """The row that was written last; inside the compiled step."""
        return tf.gather(self.rows, (self.written - 1) % self.capacity)

    def rewrite_last(self, row) -> None:
        """Replaces the last row's numbers where the given ones are not NaN."""
        self._place(self.written - 1, tf.where(tf.math.is_nan(row), self.last(), row))

    def forget(self) -> None:
        """Empties it; on the host."""
        self.numbers.assign(tf.fill((self.capacity,), tf.constant(-1, tf.int64)))

    def since(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps from this number on (N,) and their rows (N, width); on the host."""
        numbers = read(self.numbers)
        places = np.flatnonzero(numbers >= number)
        places = places[np.argsort(numbers[places])]
        return numbers[places], read(self.rows)[places]

    def _place(self, number, row):
        place = tf.reshape(number % self.capacity, (1, 1))
        self.rows.assign(tf.tensor_scatter_nd_update(self.rows, place, row[None]))


@dataclass(frozen=True)
class Block:
    """The rows of some steps of one epoch, in order.

    Attributes:
        epoch: number of the epoch.
        units: what the columns stand for.
        steps: step numbers (N,).
        of_unit: the quantities by name (N, U), NaN for a unit that took no part in a step.
        of_step: `total_before`, `total_after`, `threshold`, `status`, `loss` (N,).
    """

    epoch: int
    units: list[Unit]
    steps: np.ndarray
    of_unit: dict[str, np.ndarray]
    of_step: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        """A quantity, or a number of each step, by its name."""
        return self.of_unit[name] if name in self.of_unit else self.of_step[name]

    @property
    def status(self) -> np.ndarray:
        """What became of each step, a place in `STATUS` (N,)."""
        return self.of_step["status"]

    @property
    def total_before(self) -> np.ndarray:
        """Global norm before clipping (N,)."""
        return self.of_step["total_before"]

    @property
    def taken(self) -> np.ndarray:
        """Which steps changed the weights (N,)."""
        return self.status == TAKEN

    @property
    def clipped(self) -> np.ndarray:
        """Which steps changed the weights by less than the raw gradient asked for (N,)."""
        return self.taken & np.any(self["norm_after"] < self["norm_before"] * (1 - 1e-6), axis=1)

    @property
    def update_ratio(self) -> np.ndarray:
        """Norm of the whole update over that of all weights (N,), NaN where it was not measured or not taken."""
        weights, updates = (
            np.sqrt(np.nansum(np.square(self[name], dtype=float), axis=1)) for name in ("weight_norm", "update_norm")
        )
        return np.where(self.taken & (weights > 0), updates / np.where(weights > 0, weights, 1), np.nan)


def unpack(rings: list[Ring], number: int, epoch: int) -> Block:
    """The steps of all rings from this number on; units that never got a gradient are left out."""
    found = [(ring.units, *ring.since(number)) for ring in rings]
    units = list(dict.fromkeys(unit for ring in rings for unit in ring.units))
    steps = np.concatenate([numbers for _, numbers, _ in found])
    vectors = np.full((len(steps), len(QUANTITIES), len(units)), np.nan, "float32")
    scalars = np.full((len(steps), len(OF_STEP)), np.nan, "float32")
    end = 0
    for own, numbers, rows in found:
        start, end, width = end, end + len(numbers), len(QUANTITIES) * len(own)
        columns = [units.index(unit) for unit in own]
        vectors[start:end, :, columns] = rows[:, :width].reshape(len(rows), len(QUANTITIES), len(own))
        scalars[start:end] = rows[:, width:]
    order = np.argsort(steps)
    vectors, scalars = vectors[order], scalars[order]
    of_unit = {name: vectors[:, index] for index, name in enumerate(QUANTITIES)}
    there = ~np.all(np.isnan(of_unit["norm_before"]) & ~(of_unit["nonfinite"] > 0), axis=0)
    # contiguous, since a sum over units in another layout depends, in its last bit, on the number of rows
    of_unit = {name: np.ascontiguousarray(values[:, there]) for name, values in of_unit.items()}
    of_step = dict(zip(OF_STEP, scalars.T, strict=True))
    return Block(epoch, [unit for unit, here in zip(units, there, strict=True) if here], steps[order], of_unit, of_step)
