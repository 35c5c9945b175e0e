"""The figure of the backpropagated gradient by distance, over training."""

import functools
from collections.abc import Iterator

import numpy as np
import pandas as pd

from rnnkit.diagnosis.decay import horizon
from rnnkit.errors import ArgumentError
from rnnkit.report.plot import INK, PAPER, Legend, Panel, Plot
from rnnkit.report.ticks import some_of

SPAN = 1e4  # the colours end at this factor and its inverse
FADED, GROWN = "#2c7fc9", "#d0453a"  # legible on white and on black
MOST = 24  # layers
WIDEST, HIGHEST = 120, 96  # cells


def heat_map(profiles: pd.DataFrame) -> Plot:
    """What is left of a gradient k steps back, R(k), at each diagnosis; a panel for each layer and direction.

    Blue gradients have shrunk, red ones have grown, on a logarithmic scale that ends at 10^4 times. Above the line less
    than 1 % of its initial size is left.

    Args:
        profiles: `Diagnosis.profile` of each diagnosis, with the column `epoch`.

    Raises:
        ArgumentError: there are none.
    """
    if profiles.empty:
        raise ArgumentError("plot: nothing was measured yet. Pass the callback to `fit` first.")
    panels = []
    for name, rows in by_layer(profiles[profiles["path"] == "joint"]):
        table = rows.pivot_table(index="steps_back", columns="epoch", values="decay", dropna=False)
        panels.append(Panel(name, functools.partial(_draw, table=table), _alt(name, table), left=66))
    legend = [
        Legend("10\N{SUPERSCRIPT FOUR} times weaker or more", FADED, "block"),
        Legend("100 times weaker", FADED, "block", 0.5),
        Legend("100 times stronger", GROWN, "block", 0.5),
        Legend("10\N{SUPERSCRIPT FOUR} times stronger or more", GROWN, "block"),
        Legend("1 % is left", INK),
    ]
    caption = (
        "Each column is a measurement during training, from the first to the last, and each row a distance; the paler, "
        "the closer to a gradient that arrives unchanged. Where the line climbs, the layer learns to look further back."
    )
    return Plot("How far back gradients reach, over training", panels, caption, legend)


def by_layer(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each layer and direction, with a name that tells directions apart where there are two."""
    both = frame["direction"].nunique() > 1
    for (layer, direction), rows in list(frame.groupby(["layer", "direction"], sort=False, observed=True))[:MOST]:
        yield f"{layer}, {direction}" if both and str(direction) not in str(layer) else str(layer), rows


def _draw(axis, table: pd.DataFrame) -> None:
    """One layer: a column for each diagnosis, as wide as the time that it stands for."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    line = horizons(table)
    shown = table.iloc[_evenly(len(table), HIGHEST), _evenly(table.shape[1], WIDEST)]
    epochs, lags = shown.columns.to_numpy(float), shown.index.to_numpy(float)
    colors = [(FADED, 1.0), (FADED, 0.0), (GROWN, 0.0), (GROWN, 1.0)]
    shades = LinearSegmentedColormap.from_list("gain", list(zip([0, 0.5, 0.5, 1], colors, strict=True)))
    values = np.clip(shown.to_numpy(float), 1 / SPAN, SPAN)
    look = {"cmap": shades, "norm": LogNorm(1 / SPAN, SPAN), "rasterized": True}
    axis.pcolormesh(edges(epochs), edges(lags), values, **look)
    across, up = edges(table.columns.to_numpy(float)), np.append(line, line[-1])
    axis.step(across, up, where="post", color=PAPER, linewidth=4)
    axis.step(across, up, where="post", color=INK, linewidth=1.5)
    axis.set(ylim=(-0.5, table.index.max() + 0.5), xlabel="epochs of training", ylabel="steps back")
    axis.set_xticks(some_of(table.columns), [f"{epoch:g}" for epoch in some_of(table.columns)])
    axis.grid(visible=False)


def _alt(name: str, table: pd.DataFrame) -> str:
    left = table.to_numpy(float)[-1]
    return (
        f"Gradients in {name}, {table.index.max():.0f} steps back: {left[0]:.2g} is left at the first measurement, "
        f"{left[-1]:.2g} at the last."
    )


def _evenly(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


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
