"""Scores of forecasts, missing values (NaN) left out. Legend: `R` windows, `H` steps ahead."""

from collections.abc import Mapping

import numpy as np

from rnnkit.datasets.series import Series


def point_scores(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray) -> dict[str, float]:
    """MAE, RMSE, MASE and sMAPE (0 to 200 %) of forecasts (R, H).

    Args:
        actual, forecast: shape (R, H).
        scale: shape (R, 1), see `naive_errors`; rows where it is 0 or NaN have no MASE.
    """
    error = np.abs(actual - forecast)
    sizes = np.abs(actual) + np.abs(forecast)
    relative = np.divide(200 * error, sizes, out=np.where(np.isnan(error), np.nan, 0.0), where=sizes > 0)
    scaled = error / np.where(scale > 0, scale, np.nan)
    found = {"mae": error, "rmse": error**2, "mase": scaled, "smape": relative}
    means = {name: float(np.nanmean(values)) if np.isfinite(values).any() else np.nan for name, values in found.items()}
    return {**means, "rmse": means["rmse"] ** 0.5}


def quantile_scores(actual: np.ndarray, quantiles: Mapping[float, np.ndarray]) -> dict[str, float]:
    """The mean `pinball` loss of quantiles by level, and the `coverage` of the interval from the lowest to the highest.

    Coverage is the fraction of the values within the interval, next to its `nominal` coverage.
    """
    if not quantiles:
        return {}
    losses = [pinball(actual, forecast, level) for level, forecast in quantiles.items()]
    low, high = min(quantiles), max(quantiles)
    seen = np.isfinite(actual)
    inside = (quantiles[low] <= actual) & (actual <= quantiles[high])
    coverage = {"coverage": float(inside[seen].mean()), "nominal": round(high - low, 6)} if len(quantiles) > 1 else {}
    return {"pinball": float(np.nanmean(losses)), **coverage}


def pinball(actual: np.ndarray, forecast: np.ndarray, level: float) -> np.ndarray:
    """The pinball loss of a quantile, value by value."""
    error = actual - forecast
    return np.maximum(level * error, (level - 1) * error)


def naive_errors(series: Series, stop: int, season: int) -> np.ndarray:
    """The mean error of a seasonal naive forecast on the steps before `stop`, for each target, (C,): the scale of MASE.

    NaN where there are no two values a season apart.
    """
    values = series.values[:stop]
    if len(values) <= season:
        return np.full(values.shape[1], np.nan)
    differences = np.abs(values[season:] - values[:-season])
    counts = np.isfinite(differences).sum(axis=0)
    return np.divide(np.nansum(differences, axis=0), counts, out=np.full(len(counts), np.nan), where=counts > 0)
