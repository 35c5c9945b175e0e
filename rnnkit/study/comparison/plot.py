"""The figures of a comparison."""

import functools
import itertools
from typing import TYPE_CHECKING

import numpy as np

from rnnkit.recurrent.table import title
from rnnkit.report.curves import Row, bars, rows_height, strips
from rnnkit.report.markup import number
from rnnkit.report.plot import COLORS, Legend, Panel, Plot
from rnnkit.report.ticks import far_apart

if TYPE_CHECKING:
    from rnnkit.study.comparison.table import Comparison

KINDS = {"recurrent": "", "network": "network without recurrence", "rule": "rule without training"}


def comparison_plot(comparison: "Comparison") -> Plot:
    """The metric of each run on validation by model, with a line at the mean; and by the seconds to the best epoch."""
    runs, cost = runs_plot(comparison), cost_plot(comparison)
    return Plot(runs.title, [*runs.panels, cost.panels[0]], legend=cost.legend)


def runs_plot(comparison: "Comparison") -> Plot:
    """The metric of each run on validation, a row per model, best first."""
    summary, colors = comparison.summary, model_colors(comparison)
    names = [f"{title(str(name))}, {KINDS[kind]}".rstrip(", ") for name, kind in summary["kind"].items()]
    rows = [Row(said, _scores(comparison, name), colors[name]) for said, name in zip(names, summary.index, strict=True)]
    draw = functools.partial(strips, rows=rows, label=f"{comparison.metric} on validation")
    panel = Panel("", draw, f"{comparison.metric} of each run, by model.", height=rows_height(rows), left=12)
    return Plot("Every run", [panel], "Each dot is a run, a vertical line the mean of a model.")


def cost_plot(comparison: "Comparison") -> Plot:
    """The metric by the seconds to the best epoch, and what is gained for each second of training."""
    trained = comparison.summary[comparison.summary["seconds_to_best"].notna()]
    colors = {name: color for name, color in model_colors(comparison).items() if name in trained.index}
    rates = {str(name): rate for name, rate in trained["per_second"].sort_values(ascending=False).items()}
    rows = [Row(title(name), np.array([rate]), colors[name]) for name, rate in rates.items()]
    said = ", ".join(f"{title(name)} {number(rate)}" for name, rate in rates.items())
    alt = f"{comparison.metric} by the seconds to the best epoch."
    panels = [
        Panel("by time", functools.partial(_by_time, comparison=comparison, colors=colors), alt),
        Panel(
            "gained per second",
            functools.partial(bars, rows=rows),
            f"Quality per second of training: {said}.",
            height=rows_height(rows),
            left=12,
        ),
    ]
    caption = (
        f"First, the {comparison.metric} on validation by the time of training up to the best epoch; then, what is "
        "gained over the first rule for each second of it: what learns less in less time can lead."
    )
    legend = [Legend(title(name), color, "dots") for name, color in colors.items()]
    return Plot("Quality and time", panels, caption, legend)


def model_colors(comparison: "Comparison") -> dict[str, str]:
    """A colour for each model of a comparison."""
    return dict(zip(comparison.summary.index, itertools.cycle(COLORS), strict=False))


def _by_time(axis, comparison: "Comparison", colors: dict[str, str]) -> None:
    for name, color in colors.items():
        seconds = _runs(comparison, name)["seconds_to_best"].to_numpy(float)
        axis.plot(seconds, _scores(comparison, name), "o", color=color)
    spread = comparison.frame["seconds_to_best"].to_numpy(float)
    axis.set(xscale="log" if far_apart(spread) else "linear", xlabel="seconds to the best epoch")
    axis.margins(x=0.06)


def _runs(comparison: "Comparison", name: str):
    return comparison.frame[comparison.frame["model"] == name]


def _scores(comparison: "Comparison", name: str) -> np.ndarray:
    return _runs(comparison, name)[f"valid_{comparison.metric}"].to_numpy(float)
