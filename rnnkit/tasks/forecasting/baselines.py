"""Forecasts without a network, from the window alone.

Legend: `R` windows, `L` steps looked back on, `H` steps ahead.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.datasets.time_grid import season_of
from rnnkit.tasks.forecasting.windows import Windows, learn_encoding

CHUNK = 4096  # windows at once
RIDGE = 1e-3  # of the mean square of a step
MOST = 50_000  # windows that a linear model is fitted to


class LinearModel(NamedTuple):
    """The linear map of a window, less its last value, to what follows, by least squares.

    The closed form of NLinear; the decomposition of DLinear (Zeng et al., "Are transformers effective for time series
    forecasting?", 2023) is linear as well, and changes nothing about the best map.

    Attributes:
        weights: shape (L + 1, H), the last row is a constant.
    """

    weights: np.ndarray

    @classmethod
    def fit(cls, windows: Windows) -> "LinearModel":
        """The map of windows with all of their targets; at most 50,000 of them, evenly drawn."""
        rows = np.unique(np.linspace(0, len(windows) - 1, min(len(windows), MOST)).astype(int))
        size = windows.lookback + 1
        squares, products = np.zeros((size, size)), np.zeros((size, windows.horizon))
        for part in _chunks(rows):
            x, y = _less_last(windows, part)
            whole = np.isfinite(y).all(axis=1)
            squares += x[whole].T @ x[whole]
            products += x[whole].T @ y[whole]
        ridge = RIDGE * max(np.trace(squares) / size, 1e-9)
        return cls(np.linalg.solve(squares + ridge * np.eye(size), products))

    def __call__(self, history: np.ndarray) -> np.ndarray:
        """Forecasts (R, H) of windows (R, L) without missing values."""
        last = history[:, -1:]
        return np.concatenate([history - last, np.ones_like(last)], axis=1) @ self.weights + last


def filled(history: np.ndarray) -> np.ndarray:
    """Windows (R, L) whose missing values are the last one before, or the first one after: for baselines only."""
    seen = np.isfinite(history)
    if seen.all():
        return history
    places = np.maximum.accumulate(np.where(seen, np.arange(history.shape[1]), -1), axis=1)
    first = seen.argmax(axis=1)[:, None]
    return np.take_along_axis(history, np.where(places < 0, first, places), axis=1)


def last_value(history: np.ndarray, horizon: int) -> np.ndarray:
    """The last value of each window (R, L), for all steps: (R, H)."""
    return np.repeat(filled(history)[:, -1:], horizon, axis=1)


def mean(history: np.ndarray, horizon: int) -> np.ndarray:
    """The mean of each window."""
    return np.repeat(np.nanmean(history, axis=1, keepdims=True), horizon, axis=1)


def seasonal_naive(history: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """The value one season before, or as many seasons as are needed; the last value, where a window is shorter."""
    if season > history.shape[1]:
        return last_value(history, horizon)
    ahead = np.arange(horizon)
    return filled(history)[:, history.shape[1] - season + ahead % season]


def baseline_forecasts(
    windows: Windows, rows: np.ndarray, season: int, linear: LinearModel | None
) -> dict[str, np.ndarray]:
    """What each baseline forecasts for some windows, (R, H), in scaled units."""
    history, horizon = windows.x["history"][rows].astype("float64"), windows.horizon
    found = {
        "last value": last_value(history, horizon),
        "seasonal naive": seasonal_naive(history, horizon, season),
        "mean": mean(history, horizon),
    }
    return found if linear is None else {**found, "linear": linear(filled(history))}


def baseline_metrics(name: str, train: Dataset, data: Dataset, lookback: int, horizon: int, season: int | None = None):
    """`mae` and `mse` of a baseline over all windows of `data`, scaled as `Forecaster` does by default."""
    learned = learn_encoding(train["series"], "standard", True, False, False)
    windows = Windows(learned, data["series"], lookback, horizon, True)
    season = season or season_of(train["series"][0].frequency)
    linear = None
    if name == "linear":
        linear = LinearModel.fit(Windows(learned, train["series"], lookback, horizon, True))
    sums = np.zeros(3)
    for rows in _chunks(np.arange(len(windows))):
        errors = windows.y[rows] - baseline_forecasts(windows, rows, season, linear)[name]
        errors = errors[np.isfinite(errors)]
        sums += np.abs(errors).sum(), np.square(errors).sum(), len(errors)
    return {"mae": float(sums[0] / sums[2]), "mse": float(sums[1] / sums[2])}


def _less_last(windows: Windows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    history = filled(windows.x["history"][rows].astype("float64"))
    last = history[:, -1:]
    return np.concatenate([history - last, np.ones_like(last)], axis=1), windows.y[rows] - last


def _chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
