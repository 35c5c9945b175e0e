"""The figure of a gradient record."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from rnnkit.errors import ArgumentError

SMOOTH_FROM = 200  # steps from which a line is the running median, with the steps themselves pale behind it
BEFORE, AFTER, LIMIT, REFUSED = "#1f4e79", "#e07b39", "#555555", "#c1121f"


def health_figure(frame: pd.DataFrame, steps: pd.DataFrame) -> Figure:
    """Three panels over the steps: global norm, norm of each layer, size of the updates.

    Norms are before clipping, unless the legend says otherwise; refused steps are red crosses at the upper edge.

    Args:
        frame, steps: the tables of `GradientHealth`.

    Raises:
        ArgumentError: the tables are empty.
    """
    if steps.empty:
        raise ArgumentError("plot: no step has been recorded. Pass the callback to `fit` first.")
    layers = by_layer(frame)
    colors = _colors(list(layers["norm"].columns))
    figure = Figure(figsize=(10, 8.5), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    _global_norm(axes[0], steps)
    _lines(axes[1], layers["norm"], colors)
    _lines(axes[2], layers["ratio"].dropna(how="all"), colors, marker=".")
    titles = ("Global gradient norm", "Gradient norm by layer", "Size of the update / size of the weights, by layer")
    for axis, title in zip(axes, titles, strict=True):
        _dress(axis, title)
    axes[-1].set_xlabel("step")
    return figure


def by_layer(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables with a row a step and a column a layer: `norm` before clipping, and update `ratio`."""
    update = frame["update_ratio"] * frame["weight_norm"]
    weight = frame["weight_norm"].where(update.notna())
    squares = frame[["step", "layer"]].assign(norm=frame["norm_before"] ** 2, update=update**2, weight=weight**2)
    sums = squares.groupby(["step", "layer"], observed=True).sum(min_count=1).unstack("layer")
    order = list(dict.fromkeys(frame["layer"]))
    norm, update, weight = (np.sqrt(sums[name])[order] for name in ("norm", "update", "weight"))
    return {"norm": norm, "ratio": update / weight}


def _global_norm(axis, steps: pd.DataFrame) -> None:
    taken = steps[steps["status"] == "taken"].drop_duplicates("step", keep="last").set_index("step")
    clipped = bool(taken["clipped"].any())
    _line(axis, taken["norm_before"], BEFORE, "before clipping" if clipped else "norm")
    if clipped:
        _line(axis, taken["norm_after"], AFTER, "after clipping")
    threshold = taken["threshold"][np.isfinite(taken["threshold"])]
    if len(threshold):
        axis.plot(threshold.index, threshold, color=LIMIT, linestyle="--", linewidth=1.2, label="threshold")
    refused = steps["step"][steps["status"] != "taken"]
    if len(refused):
        edge = axis.get_xaxis_transform()  # x in steps, y in parts of the panel
        height = np.full(len(refused), 0.96)
        axis.plot(refused, height, "x", color=REFUSED, transform=edge, label=f"refused ({len(refused)})")


def _lines(axis, table: pd.DataFrame, colors: dict, marker: str = "") -> None:
    for layer in table:
        _line(axis, table[layer].dropna(), colors[layer], str(layer), marker)


def _line(axis, values: pd.Series, color, label: str, marker: str = "") -> None:
    values = values.where(np.isfinite(values) & (values > 0))  # the scale is logarithmic
    if len(values) < SMOOTH_FROM:
        axis.plot(values.index, values, color=color, linewidth=1.4, label=label, marker=marker)
        return
    middle = values.rolling(max(9, len(values) // 60), center=True, min_periods=1).median()
    axis.plot(values.index, values, color=color, linewidth=0.5, alpha=0.25)
    axis.plot(middle.index, middle, color=color, linewidth=1.8, label=label)


def _colors(layers: list[str]) -> dict:
    """A colour a layer: distinct ones for a few, from dark (first) to light (last) for many."""
    few = [f"C{number}" for number in range(10)]
    many = colormaps["viridis"](np.linspace(0, 0.92, len(layers)))
    return dict(zip(layers, few if len(layers) <= len(few) else many, strict=False))


def _dress(axis, title: str) -> None:
    axis.set_yscale("log")
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axis.grid(visible=True, which="major", color="#dddddd", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.01)
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        shown = [index for index in range(len(labels)) if len(labels) <= 12 or index % (len(labels) // 10) == 0]
        axis.legend(
            [handles[index] for index in shown],
            [labels[index] for index in shown],
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            fontsize=8,
            frameon=False,
        )
