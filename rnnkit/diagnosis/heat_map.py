"""The figure of errors on their way back through time, over training."""

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from rnnkit.diagnosis.decay import horizon
from rnnkit.errors import ArgumentError

SPAN = 1e4  # the colours end at this factor and its inverse
COLORS, HORIZON = "RdBu_r", "#222222"


def heat_map(profiles: pd.DataFrame) -> Figure:
    """What is left of an error k steps back, R(k), at each diagnosis; a panel for each layer and direction.

    Blue errors have faded, red ones have grown, on a logarithmic scale that ends at 10^4 times. Above the black line
    less than 1 % is left of what there was at the first lag of the fit.

    Args:
        profiles: `Diagnosis.profile` of each diagnosis, with the column `epoch`.

    Raises:
        ArgumentError: there are none.
    """
    if profiles.empty:
        raise ArgumentError("plot: nothing was measured yet. Pass the callback to `fit` first.")
    groups = list(profiles[profiles["path"] == "joint"].groupby(["layer", "direction"], sort=False))
    columns = min(2, len(groups))
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(2 + 4.5 * columns, 0.8 + 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis, ((layer, direction), group) in zip(axes.flat, groups, strict=False):
        mesh = _panel(axis, group.pivot_table(index="steps_back", columns="epoch", values="decay", dropna=False))
        axis.set_title(f"{layer}, {direction}", loc="left", fontsize=9, fontweight="bold")
    for axis in axes.flat[len(groups) :]:
        axis.set_axis_off()
    figure.supxlabel("epochs of training", fontsize=10)
    figure.supylabel("steps back", fontsize=10)
    figure.colorbar(mesh, ax=axes, label="what is left of an error", extend="both", aspect=30)
    return figure


def _panel(axis, table: pd.DataFrame):
    """One layer: a column for each diagnosis, as wide as the time that it stands for."""
    epochs, lags = table.columns.to_numpy(float), table.index.to_numpy()
    norm = LogNorm(1 / SPAN, SPAN)
    values = np.clip(table.to_numpy(), 1 / SPAN, SPAN)
    mesh = axis.pcolormesh(edges(epochs), edges(lags), values, cmap=COLORS, norm=norm, rasterized=True)
    line = {
        "where": "post",
        "color": HORIZON,
        "linewidth": 1.2,
        "path_effects": [withStroke(linewidth=3, foreground="w")],
    }
    axis.step(edges(epochs), _repeat_last(horizons(table)), **line)
    axis.set_ylim(-0.5, lags[-1] + 0.5)
    axis.set_xticks(epochs if len(epochs) <= 8 else epochs[:: len(epochs) // 6])
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return mesh


def horizons(table: pd.DataFrame) -> np.ndarray:
    """The horizon of each column of R(k), as `decay.fit` defines it; NaN where it lies beyond the steps measured."""
    with np.errstate(divide="ignore"):
        found = np.array([horizon(curve) for curve in np.log(table.to_numpy().T)])
    return np.where(found == len(table) - 1, np.nan, found)


def edges(centres: np.ndarray) -> np.ndarray:
    """Borders half way between neighbours, and as far outside of the first and last."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def _repeat_last(values: np.ndarray) -> np.ndarray:
    return np.append(values, values[-1])
