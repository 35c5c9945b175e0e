"""Pictures of forecasts: how a series continues, and what a backtest found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnkit.report.plot import COLORS, QUIET, Legend, Panel, Plot

if TYPE_CHECKING:
    import pandas as pd

MOST = 6  # panels
WINDOWS = 3  # of a backtest, the last ones
MARKS = 3  # dates on an axis


def forecast_plot(model, history, quantiles: Sequence[float], future, shown: int) -> Plot:
    """The last steps of each target and how it continues, with the interval from the lowest to the highest quantile.

    Args:
        model: a trained `Forecaster`.
        history, quantiles, future: as for `Forecaster.forecast`.
        shown: steps of the past.
    """
    frame = model.forecast(history, quantiles=quantiles, future=future)
    panels, each_has = [], model.horizon
    for number, series in enumerate(model.read(history)["series"]):
        rows = frame.iloc[number * each_has : (number + 1) * each_has]
        for place, name in enumerate(model.roles.target):
            past = series.values[-shown:, place]
            stamps = series.stamps(model.horizon)[len(series) - len(past) :]
            bounds = (
                [rows[f"{name}_{level:g}"].to_numpy() for level in (min(quantiles), max(quantiles))]
                if len(quantiles)
                else []
            )
            title = name if series.group is None else f"{name}, {series.group}"
            panels.append(_going_on(title, past, rows[name].to_numpy(), bounds, stamps))
    legend = [Legend("what was", QUIET), Legend("forecast", COLORS[0])]
    if len(quantiles):
        legend.append(Legend(f"{min(quantiles):g} to {max(quantiles):g}", COLORS[0], "block", 0.2))
    more = f" The first {MOST} of {len(panels)} are shown." if len(panels) > MOST else ""
    return Plot("Forecast", panels[:MOST], f"The last steps of the past, and the steps ahead.{more}", legend)


def backtest_plot(frame: "pd.DataFrame", by_step: "pd.DataFrame") -> Plot:
    """The last windows of the first target, and the error of each forecast by step.

    Args:
        frame, by_step: of a `Backtest`, or as they were read from a file.
    """
    first = frame.iloc[0]
    keys = list(frame.columns[: list(frame.columns).index("window")])
    mine = frame[(frame[[*keys, "target"]] == first[[*keys, "target"]]).all(axis=1)]
    panels = [_windows(mine, str(first["target"])), _errors(by_step)]
    names = list(dict.fromkeys(by_step["forecast"]))
    legend = [Legend("what came", QUIET)] + [Legend(name, COLORS[place]) for place, name in enumerate(names)]
    caption = (
        f"Left: the last {WINDOWS} forecasts of {first['target']}, each made from the steps before it, with the "
        "model's interval. Right: the mean absolute error by how far ahead the step is."
    )
    return Plot("Backtest", panels, caption, legend)


def _going_on(title: str, past, ahead, bounds, stamps) -> Panel:
    def draw(axis) -> None:
        before, after = np.arange(len(past)), len(past) + np.arange(len(ahead))
        axis.plot(before, past, color=QUIET)
        if bounds:
            axis.fill_between(after, *bounds, color=COLORS[0], alpha=0.2, linewidth=0)
        axis.plot(after, ahead, color=COLORS[0])
        _dates(axis, stamps)

    alt = f"{title}: {len(past)} steps, and a forecast of {len(ahead)} that ends at {ahead[-1]:.4g}."
    return Panel(title, draw, alt)


def _windows(rows: "pd.DataFrame", target: str) -> Panel:
    chosen = rows[rows["window"] > rows["window"].max() - WINDOWS].sort_values(["window", "step"], kind="stable")
    bounds = sorted((name for name in chosen if str(name).startswith("q")), key=lambda name: float(str(name)[1:]))

    def draw(axis) -> None:
        for place, (_, window) in enumerate(chosen.groupby("window")):
            steps = np.arange(len(window)) + place * len(window)
            axis.plot(steps, window["actual"], color=QUIET)
            if len(bounds) > 1:
                low, high = window[bounds[0]], window[bounds[-1]]
                axis.fill_between(steps, low, high, color=COLORS[0], alpha=0.2, linewidth=0)
            axis.plot(steps, window["model"], color=COLORS[0])
        _dates(axis, list(chosen["time"]))

    return Panel(f"{target}, the last forecasts", draw, f"{len(chosen)} values of {target} and their forecasts.")


def _errors(by_step: "pd.DataFrame") -> Panel:
    def draw(axis) -> None:
        for place, (_, rows) in enumerate(by_step.groupby("forecast", sort=False)):
            axis.plot(rows["step"], rows["mae"], color=COLORS[place])
        axis.set(xlabel="steps ahead", ylim=(0, None))

    last = by_step[by_step["step"] == by_step["step"].max()].set_index("forecast")["mae"]
    return Panel(
        "Mean absolute error by step", draw, f"At the last step: {', '.join(f'{k} {v:.3g}' for k, v in last.items())}."
    )


def _dates(axis, stamps) -> None:
    """A few time stamps on the horizontal axis, whose units are steps."""
    places = np.linspace(0, len(stamps) - 1, MARKS).astype(int)
    written = [str(stamps[place]).removesuffix(":00").removesuffix(" 00:00") for place in places]
    axis.set_xticks(places, written)
    for label, side in zip(axis.get_xticklabels(), ("left", "center", "right"), strict=False):
        label.set_horizontalalignment(side)
