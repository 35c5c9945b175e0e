"""The steps of a training as tidy tables, in bounded memory."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnkit.callbacks.gates import Unit
from rnnkit.callbacks.rows import STATUS, Block

COLUMNS = ["step", "epoch", "layer", "variable", "gate", "norm_before", "norm_after", "weight_norm", "update_ratio"]
COLUMNS += ["zeros", "nonfinite"]


@dataclass
class Records:
    """Measured steps, at one level of detail.

    When there are more than `max_rows` rows, every second of the kept steps is dropped and `every` doubles, so that a
    training of any length is covered evenly.

    Args:
        level: `"layer"`, `"variable"` or `"gate"`.
        every: keep the steps whose number is a multiple of this, and those that were not taken.
        max_rows: rows of the frame, at most.
    """

    level: str
    every: int
    max_rows: int

    def __post_init__(self):
        self.units: list[Unit] = []
        self.values: dict[str, np.ndarray] = {}

    def add(self, block: Block) -> None:
        """Appends the steps of a block."""
        units, new = _grouped(block, self.level)
        keep = (block.steps % self.every == 0) | ~block.taken
        new = {name: values[keep] for name, values in new.items()}
        if self.units != units:
            self.units, self.values = units, {}
        self.values = {name: np.concatenate([self.values.get(name, values[:0]), values]) for name, values in new.items()}
        while len(self.values["step"]) > max(1, self.max_rows // max(1, len(units))):
            self.every *= 2
            keep = self.values["step"] % self.every == 0
            self.values = {name: values[keep] for name, values in self.values.items()}

    @property
    def frame(self) -> pd.DataFrame:
        """One row a step and unit, in the columns `COLUMNS`."""
        count = len(self.units)
        steps = len(self.values.get("step", ()))
        columns = {name: np.repeat(self.values.get(name, np.zeros(0, int)), count) for name in ("step", "epoch")}
        for name in ("layer", "variable", "gate"):
            names = [getattr(unit, name) for unit in self.units]
            columns[name] = pd.Categorical(names * steps, categories=list(dict.fromkeys(names)))
        for name in COLUMNS[5:]:
            columns[name] = self.values.get(name, np.zeros((0, 0))).reshape(-1)
        return pd.DataFrame(columns)

    @property
    def steps(self) -> pd.DataFrame:
        """One row a step: `step, epoch, norm_before, norm_after, update_ratio, threshold, clipped, status`."""
        names = {"step": "step", "epoch": "epoch", "norm_before": "total_before", "norm_after": "total_after"}
        names |= {"update_ratio": "total_ratio", "threshold": "threshold", "clipped": "clipped", "status": "status"}
        frame = pd.DataFrame({column: self.values.get(name, np.zeros(0)) for column, name in names.items()})
        frame["status"] = pd.Categorical.from_codes(frame["status"].astype(int), categories=list(STATUS))
        return frame.astype({"clipped": bool, "step": int, "epoch": int})


def total_ratio(block: Block) -> np.ndarray:
    """Norm of the whole update over that of all weights (N,), NaN where it was not measured or no step was taken."""
    weights = np.sqrt(np.sum(np.square(block.weight_norm, dtype=float), axis=1))
    updates = np.sqrt(np.sum(np.square(block.update_norm, dtype=float), axis=1))
    return np.where(block.taken & (weights > 0), updates / np.where(weights > 0, weights, 1), np.nan)


def _grouped(block: Block, level: str) -> tuple[list[Unit], dict[str, np.ndarray]]:
    """The units of a level, and the block's numbers for them."""
    keys = [_key(unit, level) for unit in block.units]
    names = list(dict.fromkeys(keys))
    member = np.array([[key == name for name in names] for key in keys], dtype=bool).reshape(len(keys), len(names))
    sizes = np.array([unit.size for unit in block.units], dtype=float)
    units = [Unit(*name, size=int(sizes[member[:, index]].sum())) for index, name in enumerate(names)]
    norms = {
        name: _joined(getattr(block, name), member) for name in ("norm_before", "norm_after", "weight_norm", "update_norm")
    }
    measured = block.taken[:, None] & (norms["weight_norm"] > 0)
    ratio = np.divide(norms.pop("update_norm"), norms["weight_norm"], where=measured, out=np.full(measured.shape, np.nan))
    values = {
        **norms,
        "update_ratio": ratio,
        "zeros": block.zeros.astype(float) @ member / np.array([unit.size for unit in units]),
        "nonfinite": np.round(block.nonfinite.astype(float) @ member).astype(int),
        "step": block.steps,
        "epoch": np.full(len(block.steps), block.epoch),
        "total_ratio": total_ratio(block),
        "clipped": block.clipped,
    }
    values |= {name: getattr(block, name) for name in ("total_before", "total_after", "threshold", "status")}
    return units, values


def _key(unit: Unit, level: str) -> tuple[str, str, str]:
    variable = "" if level == "layer" else unit.variable
    return unit.layer, variable, unit.gate if level == "gate" else ""


def _joined(norms: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Norms (N, U) -> norms of groups (N, G)."""
    columns = [np.sqrt(np.sum(np.square(norms[:, group], dtype=float), axis=1)) for group in member.T]
    return np.stack(columns, axis=1) if columns else np.zeros((len(norms), 0))
