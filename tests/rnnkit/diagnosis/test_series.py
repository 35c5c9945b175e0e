"""How much of a series its own past foretells, and how far back, by least squares and `numpy.corrcoef`."""

import numpy as np
import pytest

from rnnkit.diagnosis.series import _autocorrelation, past_dependence


def autoregression(steps, *weights, seed=0):
    """Steps of a series whose next value is a weighted sum of the last ones, and noise."""
    noise, series = np.random.default_rng(seed).normal(size=steps + 100), np.zeros(steps + 100)
    for step in range(len(weights), len(series)):
        series[step] = series[step - len(weights) : step] @ weights[::-1] + noise[step]
    return series[100:]


def season(steps, seed=0):
    return np.sin(2 * np.pi * np.arange(steps) / 24) + 0.3 * np.random.default_rng(seed).normal(size=steps)


def explained(series, window, ahead):
    """R^2 of ordinary least squares on all windows."""
    rows = np.lib.stride_tricks.sliding_window_view(series - series.mean(), window + ahead)
    x, y = rows[:, :window], rows[:, window:]
    return 1 - np.square(y - x @ np.linalg.lstsq(x, y, rcond=None)[0]).sum() / np.square(y).sum()


SERIES = {
    "one step": (autoregression(4000, 0.5), 20, 1),
    "two steps": (autoregression(4000, 0.4, 0.5), 20, 2),
    "the twelfth step": (autoregression(4000, *[0.0] * 11, 0.9), 20, 4),
    "a season": (season(4000), 48, 24),
    "a season and a trend": (season(4000) + 0.01 * np.arange(4000), 48, 24),
}


@pytest.mark.parametrize("name", SERIES)
def test_it_is_what_least_squares_says_of_windows(name):
    series, longest, ahead = SERIES[name]
    level = series - 0.01 * np.arange(4000) * ("trend" in name)
    by_squares = [explained(level, window, ahead) for window in range(1, longest + 1)]
    found, back = past_dependence([series], longest, ahead)
    assert found == pytest.approx(max(by_squares), abs=0.03)
    assert by_squares[int(back)] >= max(by_squares) - 0.05 - 0.02
    assert back == 0 or by_squares[int(back) - 1] <= max(by_squares) - 0.05 + 0.02


def test_an_autoregression_needs_its_own_order_of_steps():
    assert [past_dependence([autoregression(4000, *weights)], 20, 1)[1] for weights in ([0.5], [0.2, 0.6])] == [0, 1]
    found, back = past_dependence([autoregression(4000, *[0.0] * 11, 0.9)], 20, 1)
    assert (found > 0.7, back) == (True, 11)


def test_series_count_together_by_their_steps_and_missing_values_do_not_count():
    rng = np.random.default_rng(0)
    many = [
        1000 * seed + 10**seed * autoregression(size, 0.8, seed=seed)
        for seed, size in enumerate(rng.integers(200, 900, 9))
    ]
    assert past_dependence([*many, np.ones(50), np.array([1.0])], 20, 1) == pytest.approx((0.64, 0), abs=0.05)
    whole = autoregression(6000, 0.8)
    gaps = np.where(rng.random(6000) < 0.3, np.nan, whole)
    both = np.isfinite(gaps[1:]) & np.isfinite(gaps[:-1])
    found, count = _autocorrelation([gaps], 1)
    assert count == np.isfinite(gaps).sum()
    assert found[1] == pytest.approx(np.corrcoef(gaps[1:][both], gaps[:-1][both])[0, 1], abs=0.01)
    assert past_dependence([gaps], 20, 1) == pytest.approx((0.64, 0), abs=0.05)


def test_where_nothing_can_be_foretold_nothing_is_said():
    assert past_dependence([np.random.default_rng(0).normal(size=4000)], 50, 4)[0] < 0.01
    for series in (np.ones(400), np.arange(400.0), np.full(400, np.nan), np.arange(6.0) ** 2):
        assert np.isnan(past_dependence([series], 50, 4)).all()
