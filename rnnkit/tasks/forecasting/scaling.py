"""Scales of targets and covariates, learned from training steps only. Legend: `T` steps, `C` targets."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnkit.datasets.series import Series
from rnnkit.errors import DataError

NORMAL_IQR = 1.349  # the interquartile range of a normal distribution, in standard deviations
KINDS = ("standard", "robust", "none")


def learn_scales(series: Sequence[Series], kind: str, per_series: bool) -> dict[str, Any]:
    """Shift and scale of each target, over all series and, for `per_series`, of each group by itself; JSON-able.

    Raises:
        DataError: a target without any value.
    """
    whole = np.concatenate([each.values for each in series])
    names = series[0].roles.target
    if (empty := ~np.isfinite(whole).any(axis=0)).any():
        raise DataError(f"target: all values of {names[int(empty.argmax())]} are missing in the training data.")
    everything = _statistics(whole, kind)
    groups = [each for each in series if per_series and each.group is not None]
    return {"all": everything, "groups": {str(each.group): _own(each.values, kind, everything) for each in groups}}


def scale_of(scales: dict[str, Any], series: Series) -> np.ndarray:
    """Shift and scale (2, C) of a series' targets.

    Raises:
        DataError: scales are by series, and this one was not in training.
    """
    if not scales["groups"] or series.group is None:
        return np.array(scales["all"])
    if str(series.group) not in scales["groups"]:
        raise DataError(
            f"group: {series.group!r} was not in training, so that its scale is not known. Train with it, or with "
            "per_series=False and normalization='instance'."
        )
    return np.array(scales["groups"][str(series.group)])


def standard(table: np.ndarray) -> list[list[float]]:
    """Mean and standard deviation of the columns, 1 where they are constant; NaN is not counted."""
    return _statistics(table, "standard")


def _own(values: np.ndarray, kind: str, everything: list[list[float]]) -> list[list[float]]:
    """Shift and scale of one group's columns (T, C); those of all groups where a column has no value."""
    seen = np.isfinite(values).any(axis=0)
    return np.where(seen, _statistics(values, kind), everything).tolist()


def _statistics(table: np.ndarray, kind: str) -> list[list[float]]:
    """Shift and scale of the columns (T, C)."""
    pairs = [_pair(column[np.isfinite(column)], kind) for column in table.T]
    return [[shift for shift, _ in pairs], [scale for _, scale in pairs]]


def _pair(values: np.ndarray, kind: str) -> tuple[float, float]:
    if kind == "none" or not len(values):
        return 0.0, 1.0
    if kind == "robust":
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
        shift, scale = float(middle), float(high - low) / NORMAL_IQR
    else:
        shift, scale = float(values.mean()), 0.0
    scale = scale or float(values.std())  # robust: more than half of the values may be the same
    return shift, scale if scale > 1e-12 * max(1.0, abs(shift)) else 1.0
