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
    groups = [each for each in series if per_series and each.group is not None]
    return {
        "all": _statistics(whole, kind),
        "groups": {str(each.group): _statistics(each.values, kind, whole) for each in groups},
    }


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


def _statistics(table: np.ndarray, kind: str, fallback: np.ndarray | None = None) -> list[list[float]]:
    """Shift and scale of the columns (T, C); those of `fallback` where a column has no value."""
    columns = [column[np.isfinite(column)] for column in table.T]
    if fallback is not None:
        columns = [each if len(each) else other for each, other in zip(columns, _finite(fallback), strict=True)]
    pairs = [_pair(column, kind) for column in columns]
    return [[shift for shift, _ in pairs], [scale for _, scale in pairs]]


def _finite(table: np.ndarray) -> list[np.ndarray]:
    return [column[np.isfinite(column)] for column in table.T]


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
