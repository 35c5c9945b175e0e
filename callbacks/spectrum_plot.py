"""The figure of a spectrum record."""

import functools

import pandas as pd

from rnnkit.errors import ArgumentError
from rnnkit.recurrent.table import GATES
from rnnkit.report.curves import curve, limit
from rnnkit.report.plot import COLORS, Legend, Panel, Plot

MOST = 24  # layers


def spectrum_plot(frame: pd.DataFrame) -> Plot:
    """A panel per layer: largest singular value (solid) and spectral radius (dashed) of each gate over the steps.

    Args:
        frame: the table of `RecurrentSpectrum`.

    Raises:
        ArgumentError: the table is empty.
    """
    if frame.empty:
        raise ArgumentError("plot: no recurrent kernel has been measured. Pass the callback to `fit` first.")
    colors = dict(zip(dict.fromkeys(frame["gate"]), COLORS, strict=False))
    groups = list(frame.groupby("layer", observed=True, sort=False))[:MOST]
    panels = [
        Panel(str(layer), functools.partial(_lines, frame=rows, colors=colors), _alt(layer, rows))
        for layer, rows in groups
    ]
    legend = [Legend(f"{gate} ({GATES[gate]})" if gate in GATES else gate or "kernel", colors[gate]) for gate in colors]
    caption = (
        "Solid: the largest singular value of the recurrent kernel; dashed: its spectral radius. In a simple RNN with "
        "tanh or relu, a largest singular value below 1 is sufficient for gradients to vanish; above it they can "
        "explode, but need not. A radius below 1 bounds nothing where the kernel is not normal. In gated cells the "
        "kernel is one factor among several."
    )
    return Plot("Recurrent kernels over training", panels, caption, legend)


def _lines(axis, frame: pd.DataFrame, colors: dict[str, str]) -> None:
    axis.set_xlabel("step")
    for gate, rows in frame.groupby("gate", sort=False):
        curve(axis, rows["step"], rows["sigma"], colors[str(gate)], label=f"sigma {gate}".strip())
        curve(axis, rows["step"], rows["radius"], colors[str(gate)], dashed=True, label=f"radius {gate}".strip())
    values = frame[["radius", "sigma"]]
    if values.min().min() < 1 < values.max().max():
        limit(axis, 1.0, "1")


def _alt(layer, frame: pd.DataFrame) -> str:
    last = frame[frame["step"] == frame["step"].max()]
    return (
        f"Recurrent kernel of {layer} by step; at the end the largest singular value is {last['sigma'].max():.3g} and "
        f"the spectral radius {last['radius'].max():.3g}."
    )
