"""Scores and baselines against plain loops and formulas."""

import numpy as np
import pytest

from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Series
from rnnkit.tasks.forecasting.baselines import LinearModel, baseline_metrics, filled, last_value, mean, seasonal_naive
from rnnkit.tasks.forecasting.scores import naive_errors, pinball, point_scores, quantile_scores
from rnnkit.tasks.forecasting.spec import ForecastingSpec
from rnnkit.tasks.forecasting.windows import Windows, learn_encoding


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_point_scores_are_their_formulas_and_leave_missing_values_out():
    actual, forecast, scale = drawn(6, 4), drawn(6, 4, seed=1), np.abs(drawn(6, 1, seed=2))
    actual[2, 1] = actual[5, 3] = np.nan
    errors, relative, scaled = [], [], []
    for row in range(6):
        for step in range(4):
            y, f = actual[row, step], forecast[row, step]
            if not np.isnan(y):
                errors.append(abs(y - f))
                relative.append(200 * abs(y - f) / (abs(y) + abs(f)))
                scaled.append(abs(y - f) / scale[row, 0])
    found = point_scores(actual, forecast, scale)
    expected = {"mae": np.mean(errors), "rmse": np.mean(np.square(errors)) ** 0.5, "mase": np.mean(scaled)}
    assert found == pytest.approx({**expected, "smape": np.mean(relative)})
    assert point_scores(np.zeros((1, 2)), np.zeros((1, 2)), np.ones((1, 1)))["smape"] == 0
    assert np.isnan(point_scores(actual, forecast, np.zeros((6, 1)))["mase"])  # a constant series has none


def test_the_scale_of_mase_is_the_error_of_a_seasonal_naive_forecast_before_the_test():
    values = drawn(30, 2)
    values[4, 1] = np.nan
    expected = [np.nanmean([abs(values[t, c] - values[t - 7, c]) for t in range(7, 20)]) for c in (0, 1)]
    np.testing.assert_allclose(naive_errors(Series(values), 20, 7), expected)
    assert np.isnan(naive_errors(Series(values), 5, 7)).all()


def test_pinball_and_coverage_are_their_formulas():
    actual = drawn(50, 3)
    actual[0, 0] = np.nan
    quantiles = {0.1: drawn(50, 3, seed=1) - 1, 0.9: drawn(50, 3, seed=2) + 1}
    losses, inside = [], []
    for place, y in np.ndenumerate(actual):
        if not np.isnan(y):
            losses += [
                (y - q[place]) * level if y > q[place] else (q[place] - y) * (1 - level)
                for level, q in quantiles.items()
            ]
            inside.append(quantiles[0.1][place] <= y <= quantiles[0.9][place])
    found = quantile_scores(actual, quantiles)
    assert found == pytest.approx({"pinball": np.mean(losses), "coverage": np.mean(inside), "nominal": 0.8})
    # among constants the quantile itself has the least loss
    sample = np.sort(drawn(999))
    best = min(sample, key=lambda constant: pinball(sample, constant, 0.3).sum())
    assert best == pytest.approx(np.quantile(sample, 0.3), abs=0.02)


def test_naive_forecasts_are_those_of_a_loop_and_step_over_missing_values():
    history = drawn(3, 10)
    history[1, 8:] = history[2, :2] = np.nan
    for row in range(3):
        known = [value for value in history[row] if not np.isnan(value)]
        assert last_value(history, 3)[row].tolist() == [known[-1]] * 3
        assert mean(history, 3)[row] == pytest.approx([np.mean(known)] * 3)
    full = np.arange(20.0).reshape(2, 10)
    assert seasonal_naive(full, 6, 4)[0].tolist() == [6, 7, 8, 9, 6, 7]
    assert seasonal_naive(full, 2, 11)[0].tolist() == [9, 9]
    assert filled(history)[2, :3].tolist() == [history[2, 2]] * 3
    assert filled(history)[1, 7:].tolist() == [history[1, 7]] * 3


def test_the_linear_model_is_least_squares_and_learns_what_is_linear():
    t = np.arange(400)
    series = [Series(np.sin(2 * np.pi * t / 12) + 0.5 * np.sin(2 * np.pi * t / 7 + 1))]
    windows = Windows(learn_encoding(series, "none", True, False, False), series, 10, 5, target=True)
    rows = np.arange(len(windows))
    history, y = windows.x["history"][rows].astype(float), windows.y[rows].astype(float)
    last = history[:, -1:]
    design = np.concatenate([history - last, np.ones_like(last)], axis=1)
    found = LinearModel.fit(windows)(history)
    expected = design @ np.linalg.lstsq(design, y - last, rcond=None)[0] + last
    assert np.abs(expected - y).max() < 1e-4  # two sines: four steps tell all of it
    assert np.abs(found - y).mean() < 0.05
    assert np.abs(found - y).mean() < np.abs(last_value(history, 5) - y).mean() / 10


def test_rules_are_measured_on_all_windows_of_the_model_s_size():
    values = drawn(60).cumsum()
    train, data = (Dataset({"series": [each]}) for each in (Series(values).cut(40), Series(values).cut(60, start=40)))
    scaled = (values - values[:40].mean()) / values[:40].std()
    errors = [scaled[origin + step] - scaled[origin - 1] for origin in range(40, 58) for step in range(3)]
    found = baseline_metrics("last value", train, data, 8, 3)
    assert found == pytest.approx({"mae": np.abs(errors).mean(), "mse": np.square(errors).mean()}, rel=1e-5)

    assert ForecastingSpec().metric(None)[0] in found  # or no comparison could rank the baselines

    class Model:
        lookback, horizon = 8, 3

    rules = ForecastingSpec().rules_for(Model)
    assert rules["last value"](train, data) == pytest.approx(found)
