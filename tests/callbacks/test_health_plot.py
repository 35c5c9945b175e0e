import warnings

import numpy as np
import pytest

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth
from rnnkit.callbacks.health_plot import by_layer
from rnnkit.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("untraced_fits")  # the step is that of any training


def lines(axis):
    return {line.get_label(): line for line in axis.lines}


def test_the_figure_shows_norms_threshold_and_refused_steps(kit, data, tmp_path):
    x, y = data
    y[5] = np.nan
    health = GradientHealth(level="gate", weights_every=1)
    kit.fit(kit.compiled("lstm"), (x, y), [health, GradientGuard(), GradientClipping("percentile", 50)], epochs=2)
    figure = health.plot()
    top, middle, bottom = figure.axes
    taken = health.steps[health.steps["status"] == "taken"]
    for label, column in (("before clipping", "norm_before"), ("after clipping", "norm_after"), ("threshold",) * 2):
        np.testing.assert_allclose(lines(top)[label].get_ydata().astype(float), taken[column])
    assert list(lines(top)["refused (2)"].get_xdata()) == [1, 9]
    layers = {"net/embedding", "net/lstm", "net/dense"}
    assert set(lines(middle)) == set(lines(bottom)) == layers
    assert all(axis.get_yscale() == "log" for axis in figure.axes)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == layers
    figure.savefig(tmp_path / "health.png")
    assert (tmp_path / "health.png").stat().st_size > 10_000


def test_without_clipping_there_is_one_norm_and_no_threshold(kit, data):
    health = GradientHealth()
    kit.fit(kit.compiled(), data, [health])
    assert list(lines(health.plot().axes[0])) == ["norm"]


def test_layers_are_joined_from_their_variables(kit, data):
    variables, layers = GradientHealth(weights_every=1), GradientHealth(level="layer", weights_every=1)
    kit.fit(kit.compiled(), data, [variables, layers])
    joined = by_layer(variables.frame)
    table = layers.frame.set_index(["step", "layer"])
    for layer in ("net/embedding", "net/dense"):
        norms, ratios = (table.xs(layer, level="layer")[name] for name in ("norm_before", "update_ratio"))
        np.testing.assert_allclose(joined["norm"][layer], norms, rtol=1e-6)
        np.testing.assert_allclose(joined["ratio"][layer][1:], ratios[1:], rtol=1e-5)


@pytest.mark.usefixtures("traced_fits")
def test_a_long_record_gets_a_smooth_line_over_the_steps(kit, data):
    health = GradientHealth()
    kit.fit(kit.compiled(), data, [health], epochs=40)
    top = health.plot().axes[0]
    [smooth] = (line.get_ydata() for line in top.lines)
    raw = health.steps["norm_before"]
    assert (len(raw), len(smooth)) == (320, 160)
    assert np.abs(np.diff(smooth)).sum() < 0.7 * np.abs(np.diff(raw)).sum()


def test_a_record_of_refused_steps_only_can_be_drawn(kit, data):
    x, y = data
    health = GradientHealth()
    with pytest.warns(UserWarning, match="no step of epoch 0 could be taken"):
        kit.fit(kit.compiled(), (x[:4], y[:4] * np.nan), [health, GradientGuard()])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "refused (1)" in lines(health.plot().axes[0])


def test_nothing_recorded_is_said():
    with pytest.raises(ArgumentError, match="plot: no step has been recorded"):
        GradientHealth().plot()
