import numpy as np
import pytest
import scipy.special
import scipy.stats
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.tasks.forecasting.heads import ForecastLoss, ForecastMetric, Head, log_gamma, step_losses

LEVELS = [0.1, 0.5, 0.8, 0.95]


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def parameters(head, raw, shift=0.3, scale=2.0):
    level = np.full((len(raw), 1, 1), 1.0, "float32")
    return ops.convert_to_numpy(head.parameters(ops.convert_to_tensor(raw), shift * level, scale * level))


def test_quantiles_never_cross_and_the_median_is_its_own_number():
    head = Head("quantiles", LEVELS)
    raw = 30 * drawn(50, 4, 4)
    found = parameters(head, raw)
    assert (np.diff(found, axis=-1) >= 0).all()
    np.testing.assert_allclose(found[..., 1], raw[..., 1] * 2 + 0.3, rtol=1e-5)
    soft = np.log1p(np.exp(raw[..., 2:].astype(float))).cumsum(axis=-1)
    np.testing.assert_allclose(found[..., 2:], (raw[..., 1:2] + soft) * 2 + 0.3, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(head.point(found), found[..., 1])
    np.testing.assert_allclose(head.quantile(found, 0.65), (found[..., 1] + found[..., 2]) / 2, rtol=1e-5)
    assert (head.quantile(found, 0.1) == found[..., 0]).all()
    with pytest.raises(ArgumentError, match="learned 0.1 to 0.95, got 0.99"):
        head.quantile(found, 0.99)


def test_the_loss_of_quantiles_is_the_mean_pinball_loss():
    y, forecast = drawn(5, 3), np.sort(drawn(5, 3, 4), axis=-1)
    each = [
        np.where(y > q, level * (y - q), (1 - level) * (q - y))
        for level, q in zip(LEVELS, np.moveaxis(forecast, -1, 0), strict=True)
    ]
    found = ForecastLoss("quantiles", LEVELS, reduction=None)(y, forecast)
    np.testing.assert_allclose(found, np.mean(each, axis=0).mean(axis=1), rtol=1e-5)


def test_point_losses_and_likelihoods_are_those_of_scipy():
    y, raw = drawn(5, 3), drawn(5, 3, 2)
    np.testing.assert_allclose(step_losses("mse", y, raw), (y - raw[..., 0]) ** 2, rtol=1e-5)
    np.testing.assert_allclose(step_losses("mae", y, raw), np.abs(y - raw[..., 0]), rtol=1e-5)
    np.testing.assert_allclose(step_losses("huber", y, raw), scipy.special.huber(1, y - raw[..., 0]), rtol=1e-5)
    normal = parameters(Head("normal"), raw)
    expected = -scipy.stats.norm.logpdf(y, normal[..., 0], normal[..., 1])
    np.testing.assert_allclose(step_losses("normal", y, normal), expected, rtol=1e-4)
    counts = np.array([[0, 1, 2], [7, 40, 3], [0, 0, 5], [1, 300, 2], [9, 8, 0]], "float32")
    binomial = parameters(Head("negative_binomial"), raw, shift=0.0)
    size = 1 / binomial[..., 1].astype(float)
    expected = -scipy.stats.nbinom.logpmf(counts, size, size / (size + binomial[..., 0]))
    np.testing.assert_allclose(step_losses("negative_binomial", counts, binomial), expected, rtol=1e-3)


def test_log_gamma_is_that_of_scipy():
    x = np.geomspace(1e-3, 1e4, 200).astype("float32")
    np.testing.assert_allclose(log_gamma(ops.convert_to_tensor(x)), scipy.special.gammaln(x), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("loss", ["normal", "negative_binomial", "quantiles", "mae"])
def test_parameters_and_quantiles_go_back_to_the_units_of_the_data(loss):
    head = Head(loss, LEVELS)
    shift, scale = np.full((2, 1), 100.0), np.full((2, 1), 10.0)
    given = parameters(head, drawn(2, 3, head.size), shift=0.0).astype(float)
    found = head.unscaled(given, shift, scale)
    if loss == "negative_binomial":
        np.testing.assert_array_equal(found, given)
        assert (head.quantile(found, 0.9) >= head.quantile(found, 0.1)).all()
        return
    np.testing.assert_allclose(head.point(found), head.point(given) * 10 + 100)
    if loss != "mae":
        np.testing.assert_allclose(head.quantile(found, 0.8), head.quantile(given, 0.8) * 10 + 100)


def test_missing_targets_change_neither_loss_nor_metrics_nor_gradients():
    import tensorflow as tf

    y, forecast = drawn(4, 5), -drawn(4, 5, 1)
    gaps = np.random.default_rng(1).random((4, 5)) < 0.4
    gaps[:, 0] = False
    holes, other = np.where(gaps, np.nan, y), np.where(gaps, 1e3, forecast[..., 0])[..., None].astype("float32")
    for kind in ("mae", "mse", "huber"):
        loss = ForecastLoss(kind)
        assert float(loss(holes, forecast)) == pytest.approx(float(loss(holes, other)), rel=1e-6)
        with tf.GradientTape() as tape:
            given = tf.Variable(forecast)
            value = loss(holes, given)
        gradient = tape.gradient(value, given).numpy()
        assert np.isfinite(gradient).all()
        assert (gradient[gaps] == 0).all()
        assert (gradient[~gaps] != 0).all()
    metric = ForecastMetric("mse")
    metric.update_state(holes, forecast)
    assert float(metric.result()) == pytest.approx(np.square(y - forecast[..., 0])[~gaps].mean(), rel=1e-5)
    assert ForecastMetric.from_config(metric.get_config()).get_config() == metric.get_config()


@pytest.mark.parametrize("levels", [[], [0.5, 0.5], [0.9, 0.5], [0.0, 0.5], [0.1, 0.9]])
def test_levels_that_cannot_be_used_are_named(levels):
    with pytest.raises(ArgumentError, match="quantiles: expected"):
        Head("quantiles", levels)
