"""The steps of a training as tidy tables, in bounded memory."""

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pandas as pd

from rnnkit.callbacks.gradients.rows import QUANTITIES, STATUS, Block
from rnnkit.callbacks.gradients.units import Unit

OF_STEP = {  # column of `steps` -> name in a block
    "step": "step",
    "epoch": "epoch",
    "norm_before": "total_before",
    "norm_after": "total_after",
    "update_ratio": "total_ratio",
    "threshold": "threshold",
    "clipped": "clipped",
    "status": "status",
    "loss": "loss",
}


def columns_of_units() -> list[str]:
    """The columns of `frame` after the names: the quantities, with the size of an update relative to the weights."""
    return ["update_ratio" if name == "update_norm" else name for name in QUANTITIES]


@dataclass
class Records:
    """Measured steps, at one level of detail.

    When there are more than `max_rows` rows, one of each two kept steps is dropped and `every` doubles, so that a
    training of any length is covered evenly; of two, one whose weights were measured stays. In what portions the steps
    come makes no difference.

    Args:
        level: `"layer"`, `"variable"` or `"gate"`.
        every: keep the steps whose number is a multiple of this, those that were not taken, and the first step
            with measured weights in each run of `every` steps.
        max_rows: rows of the frame, at most.
    """

    level: str
    every: int
    max_rows: int

    def __post_init__(self):
        self.units: list[Unit] = []
        self.chunks: list[dict[str, np.ndarray]] = []

    def add(self, block: Block) -> None:
        """Appends the steps of a block."""
        units, values = _grouped(block, self.level)
        self._take_in(units)
        columns = [self.units.index(unit) for unit in units]
        values = _spread(values, columns, len(self.units)) | {"kept": ~block.taken}
        while len(values["step"]):
            values = self._append(values)

    def _append(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Takes in steps until there are too many, and drops some then; gives those that are left."""
        keep = np.flatnonzero((values["step"] % self.every == 0) | values["kept"] | self._first_measured(values))
        room = max(0, self._limit - self._count)
        end = len(values["step"]) if len(keep) <= room else keep[room] + 1
        self.chunks.append({name: each[keep[: room + 1]] for name, each in values.items() if name != "kept"})
        while self._count > self._limit:
            self.every *= 2
            self.chunks = [_halved(self.values)]
        return {name: each[end:] for name, each in values.items()}

    @property
    def _count(self) -> int:
        return sum(len(chunk["step"]) for chunk in self.chunks)

    @property
    def _limit(self) -> int:
        """Steps, at most."""
        return max(1, self.max_rows // max(1, len(self.units)))

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The numbers by name: (N,) for a step, (N, U) for a step and unit, NaN where the unit took no part."""
        if not self.chunks:
            return {}
        self.chunks = [{name: np.concatenate([chunk[name] for chunk in self.chunks]) for name in self.chunks[0]}]
        return self.chunks[0]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per step and unit, with the names of the unit and its `columns_of_units`."""
        values, count = self.values, len(self.units)
        steps = len(values.get("step", ()))
        columns: dict[str, Any] = {
            name: np.repeat(values.get(name, np.zeros(0, int)), count) for name in ("step", "epoch")
        }
        for name in ("layer", "variable", "gate"):
            names = [getattr(unit, name) for unit in self.units]
            columns[name] = pd.Categorical(names * steps, categories=list(dict.fromkeys(names)))
        for name in columns_of_units():
            columns[name] = values.get(name, np.full((steps, count), np.nan)).reshape(-1)
        frame = pd.DataFrame(columns)
        frame = frame[frame["nonfinite"].notna()].reset_index(drop=True)
        return frame.assign(nonfinite=frame["nonfinite"].round().astype(int))

    @property
    def steps(self) -> pd.DataFrame:
        """One row per step, in the columns `OF_STEP`."""
        values = self.values
        frame = pd.DataFrame({column: values.get(name, np.zeros(0)) for column, name in OF_STEP.items()})
        frame["status"] = pd.Categorical.from_codes(frame["status"].to_numpy(int), categories=pd.Index(STATUS))
        return frame.astype({"clipped": bool, "step": int, "epoch": int})

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values and arrays."""
        units = [list(astuple(unit)) for unit in self.units]
        options = {"level": self.level, "every": self.every, "max_rows": self.max_rows}
        return {**options, "units": units, "values": dict(self.values)}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Records":
        """The records that `as_dict` described."""
        records = cls(state["level"], state["every"], state["max_rows"])
        records.units = [Unit(*unit) for unit in state["units"]]
        values = dict(state["values"])
        if values:  # version 0.1 did not record the loss
            values.setdefault("loss", np.full(len(values["step"]), np.nan))
            records.chunks = [values]
        return records

    def _first_measured(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """The first step with an update ratio of each `every` steps, (N,)."""
        measured = np.flatnonzero(_measured(values))
        windows, first = np.unique(values["step"][measured] // self.every, return_index=True)
        before = [chunk["step"][_measured(chunk)] for chunk in self.chunks]
        last = max((steps[-1] // self.every for steps in before if len(steps)), default=-1)
        found = np.zeros(len(values["step"]), dtype=bool)
        found[measured[first[windows > last]]] = True
        return found

    def _take_in(self, units: list[Unit]) -> None:
        """Makes room for units that were not there before, such as those of a layer that was unfrozen."""
        known = list(range(len(self.units)))
        self.units += [unit for unit in units if unit not in self.units]
        if len(self.units) > len(known):
            self.chunks = [_spread(chunk, known, len(self.units)) for chunk in self.chunks]


def _measured(values: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each step has an update ratio, (N,)."""
    return ~np.isnan(values["total_ratio"])


def _halved(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One of each two steps: the first, unless only the second has an update ratio."""
    measured = _measured(values)
    first = np.arange(0, len(measured), 2)
    second = np.minimum(first + 1, len(measured) - 1)
    kept = np.where(measured[second] & ~measured[first], second, first)
    return {name: each[kept] for name, each in values.items()}


def _grouped(block: Block, level: str) -> tuple[list[Unit], dict[str, np.ndarray]]:
    """The units of a level, and the block's numbers for them."""
    keys = [_key(unit, level) for unit in block.units]
    names = list(dict.fromkeys(keys))
    member = np.array([[key == name for name in names] for key in keys], dtype=bool).reshape(len(keys), len(names))
    sizes = np.array([unit.size for unit in block.units], dtype=float)
    units = [Unit(*name, size=int(sizes[member[:, index]].sum())) for index, name in enumerate(names)]
    values = {
        name: _joined(block[name], member, quantity.joined, [unit.size for unit in units])
        for name, quantity in QUANTITIES.items()
    }
    updates, weights = values.pop("update_norm"), values["weight_norm"]
    measured = block.taken[:, None] & (weights > 0)
    values["update_ratio"] = np.divide(updates, weights, where=measured, out=np.full(measured.shape, np.nan))
    values |= {"step": block.steps, "epoch": np.full(len(block.steps), block.epoch)}
    return units, {**values, "total_ratio": block.update_ratio, "clipped": block.clipped, **block.of_step}


def _key(unit: Unit, level: str) -> tuple[str, str, str]:
    variable = "" if level == "layer" else unit.variable
    return unit.layer, variable, unit.gate if level == "gate" else ""


def _joined(values: np.ndarray, member: np.ndarray, how: str, sizes: list[int]) -> np.ndarray:
    """A quantity of the units (N, U) for groups of them (N, G): a norm, sum, largest, or fraction of `sizes`."""
    if how == "max":
        columns = [np.max(values[:, group], axis=1) for group in member.T]
        return np.stack(columns, axis=1) if columns else np.zeros((len(values), 0))
    summed = _summed(values, member, power=2 if how == "norm" else 1)
    if how == "norm":
        return np.sqrt(summed)
    return summed / np.array(sizes) if how == "fraction" else summed


def _summed(values: np.ndarray, member: np.ndarray, power: int = 1) -> np.ndarray:
    """Powers of values (N, U), summed within groups: (N, G). No matrix product: a NaN stays in its group."""
    if member.shape[0] == member.shape[1]:  # nothing to sum: each group is one unit, in the same order
        return values.astype(float) ** power
    columns = [np.sum(values[:, group].astype(float, order="C") ** power, axis=1) for group in member.T]
    return np.stack(columns, axis=1) if columns else np.zeros((len(values), 0))


def _spread(values: dict[str, np.ndarray], columns: list[int], count: int) -> dict[str, np.ndarray]:
    """The same numbers with the unit columns at other places among `count`, NaN elsewhere."""
    if columns == list(range(count)):
        return values
    spread = dict(values)
    for name in (name for name, each in values.items() if each.ndim == 2):
        spread[name] = np.full((len(values["step"]), count), np.nan)
        spread[name][:, columns] = values[name]
    return spread
