"""The figure of a spectrum record."""

import pandas as pd
from matplotlib.figure import Figure

from rnnkit.errors import ArgumentError

PANELS = {"sigma": "Largest singular value", "radius": "Spectral radius"}
STYLES = ("-", "--", ":", "-.")


def spectrum_figure(frame: pd.DataFrame) -> Figure:
    """Two panels over the steps, largest singular value and spectral radius: a colour a layer, a line style a gate.

    Args:
        frame: the table of `RecurrentSpectrum`.

    Raises:
        ArgumentError: the table is empty.
    """
    if frame.empty:
        raise ArgumentError("plot: no recurrent kernel has been measured. Pass the callback to `fit` first.")
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for axis, (column, title) in zip(axes, PANELS.items(), strict=True):
        _lines(axis, frame, column)
        axis.axhline(1.0, color="#555555", linestyle="--", linewidth=0.8)
        axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
        axis.grid(visible=True, color="#dddddd", linewidth=0.7)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)
    axes[1].set_xlabel("step")
    return figure


def _lines(axis, frame: pd.DataFrame, column: str) -> None:
    for number, (layer, rows) in enumerate(frame.groupby("layer", sort=False)):
        for gate_number, (gate, line) in enumerate(rows.groupby("gate", sort=False)):
            style = {"color": f"C{number % 10}", "linestyle": STYLES[gate_number % len(STYLES)], "marker": "."}
            axis.plot(line["step"], line[column], label=f"{layer} {gate}".strip(), **style)
