"""Figures: what a panel draws, and what becomes of it on a page."""

import re
from importlib.resources import files

import numpy as np
import pytest
from matplotlib.figure import Figure

from rnnkit.report import plot as plots
from rnnkit.report.curves import Row, bars, curve, limit, log_limits, strips, thin
from rnnkit.report.page import figure
from rnnkit.report.plot import COLORS, Legend, Panel, Plot
from rnnkit.report.ticks import decades, far_apart, round_numbers


def draw(axis):
    curve(axis, [0, 1, 2, 3], [1.0, 2.0, np.nan, 3.0], COLORS[1], label="<b>$x$ & $y$")
    axis.set_xlabel("<b>$x$ & $y$")
    limit(axis, 1.5, "a limit")


PLOT = Plot("Two of them", [Panel(name, draw, f"Panel {name} of two.") for name in "ab"], "", [Legend("it", COLORS[1])])


@pytest.fixture
def axis():
    return Figure().subplots()


def test_a_page_embeds_what_plot_shows_in_the_colours_of_the_page(read):
    page = figure(PLOT)
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#(.*?)\)|href=\"#(.*?)\"", page)) <= {
        pair for each in ids for pair in ((each, ""), ("", each))
    }
    assert all("stroke:var(--c1)" in each for each in page.split("<svg")[1:])
    assert not re.search(r"#[0-9a-f]{6}|<b>|http|font|<metadata|<script", page)
    assert page.count("&lt;b&gt;$x$ &amp; $y$") == 2
    assert figure(PLOT) == page
    shown = PLOT.figure()
    assert [axis.get_title(loc="left") for axis in shown.axes] == ["a", "b"]
    np.testing.assert_array_equal(shown.axes[0].lines[0].get_ydata(), [1, 2, np.nan, 3])
    assert [text.get_text() for text in shown.legends[0].get_texts()] == ["it"]


def test_the_colours_of_matplotlib_are_those_of_the_page_on_white():
    style = files("rnnkit.report").joinpath("style.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", style[: style.index("@media")]))
    assert [light[f"c{number}"] for number in range(8)] == list(COLORS)
    assert (light["ink"], light["quiet"], light["grid"], light["paper"]) == (
        plots.INK,
        plots.QUIET,
        plots.GRID,
        plots.PAPER,
    )


def test_a_curve_of_many_points_is_thinned_and_has_a_band(axis):
    y = np.random.default_rng(0).normal(size=1600)
    curve(axis, np.arange(1600), y, "k")
    x, middle, band = thin(np.arange(1600), y)
    np.testing.assert_allclose(middle[3], np.median(y[30:40]))
    np.testing.assert_allclose(band[:, 3], np.quantile(y[30:40], [0.1, 0.9]))
    assert x[3] == 34.5
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), middle)
    assert len(axis.collections) == 1


def test_a_point_without_neighbours_is_a_dot(axis):
    curve(axis, [0, 1, 2, 3, 4], [1, np.nan, 2, 3, np.nan], "k")
    assert axis.lines[1].get_xydata().tolist() == [[0, 1]]


def test_bars_are_as_long_as_their_values(axis):
    bars(axis, [Row("a", np.array([2.0])), Row("b", np.array([0.5])), Row("c", np.array([-1.0]))])
    assert [bar.get_width() for bar in axis.patches] == [2.0, 0.5, 0.0]
    assert axis.get_xlim() == (0, 2)


def test_a_strip_has_a_dot_for_each_finite_value_and_a_line_at_the_mean(axis):
    strips(axis, [Row("a", np.array([1.0, 2.0, 6.0, np.nan])), Row("b", np.array([np.nan]))], "x")
    assert [line.get_xdata().tolist() for line in axis.lines] == [[1, 2, 6], []]
    [mean] = axis.collections
    assert mean.get_segments()[0][:, 0].tolist() == [3, 3]
    assert [text.get_text() for text in axis.texts] == ["a", "b"]


def test_a_logarithmic_axis_ends_at_its_floor_and_stands_nothing_positive(axis):
    log_limits(axis, [[1e-20, 1.0], [np.nan, -1.0]], floor=1e-8)
    assert axis.get_ylim()[0] == pytest.approx(1e-8, rel=0.6)
    log_limits(axis, [[0.0, np.nan]], floor=1e-8)
    assert 0 < axis.get_ylim()[0] < axis.get_ylim()[1]


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0, 1, "0 0.5 1"),
        (-3, 40, "0 10 20 30 40"),
        (-0.05, 0.05, "\N{MINUS SIGN}0.05 0 0.05"),
    ],
)
def test_ticks_are_few_and_round(low, high, written):
    assert " ".join(name for _, name in round_numbers(low, high)) == written


def test_ticks_of_orders_of_magnitude():
    assert [name for _, name in decades(1e-6, 1)] == ["1", "0.01", "10⁻⁴", "10⁻⁶"]
    assert [name for _, name in decades(1.5, 30)] == ["2", "5", "10", "20"]
    assert far_apart([1, 30, np.nan])
    assert not far_apart([0, 30])
