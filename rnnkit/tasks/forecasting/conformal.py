"""Quantiles that are shifted by what they were off on data that was held out. Legend: `R` windows, `H` steps ahead."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnkit.errors import ArgumentError
from rnnkit.tasks.forecasting.heads import Head, check_levels
from rnnkit.tasks.forecasting.windows import Windows


class Calibration(NamedTuple):
    """Shifts of quantiles.

    Attributes:
        levels: rising; none where nothing was calibrated.
        shifts: for each level and step ahead, in scaled units, (levels, H).
    """

    levels: list[float]
    shifts: np.ndarray

    @classmethod
    def of(cls, saved: Mapping[str, Any] | None) -> "Calibration":
        """What `calibrate` gave."""
        return cls([], np.zeros((0, 0))) if saved is None else cls(saved["levels"], np.array(saved["shifts"]))

    def quantiles(self, head: Head, described, scale, levels: Sequence[float]) -> dict[float, np.ndarray]:
        """Quantiles by level, (R, H) each, in rising order.

        Raises:
            ArgumentError: there are none, or not of this level.
        """
        found = {level: self._quantile(head, described, scale, level) for level in levels}
        if not self.levels or not found:
            return found
        return dict(zip(levels, np.sort(np.stack(list(found.values())), axis=0), strict=True))

    def _quantile(self, head: Head, described, scale, level: float) -> np.ndarray:
        own = head.quantile(described, level)
        if not self.levels:
            if own is None:
                raise ArgumentError(
                    f"quantiles: a model of {head.loss} gives none by itself. Call model.calibrate(validation_data), "
                    "or train with loss='quantiles'."
                )
            return own
        if not self.levels[0] <= level <= self.levels[-1]:
            raise ArgumentError(
                f"quantiles: {self.levels[0]} to {self.levels[-1]} were calibrated, got {level}. Calibrate with it."
            )
        shift = np.array([np.interp(level, self.levels, column) for column in self.shifts.T])
        return (head.point(described) if own is None else own) + shift * scale


def calibrate(head: Head, windows: Windows, described, levels: Sequence[float]) -> dict[str, Any]:
    """The shifts of each level and step ahead, JSON-able."""
    rows = np.arange(len(windows))
    shift, scale = windows.scales(slice(None))
    assert windows.y is not None
    actual = windows.y[rows] * scale + shift
    shifts = []
    for level in check_levels(levels):
        own = head.quantile(described, level)
        off = (actual - (head.point(described) if own is None else own)) / scale
        shifts.append([_corrected(column[np.isfinite(column)], level) for column in off.T])
    return {"levels": list(levels), "shifts": shifts}


def _corrected(values: np.ndarray, level: float) -> float:
    """The quantile of n values that a new one stays below with at least this probability, and from below likewise."""
    if not len(values):
        return 0.0
    rank = math.ceil((len(values) + 1) * level) if level >= 0.5 else math.floor((len(values) + 1) * level)
    return float(np.sort(values)[min(max(rank, 1), len(values)) - 1])
