"""The parts of panels: curves, limits, dots, and rows with a name each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnnkit.report.markup import number
from rnnkit.report.plot import BOTTOM, COLORS, QUIET, TOP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 160  # of a curve
ROW = 38  # points of height of a row


class Row(NamedTuple):
    """A row of dots or a bar.

    Attributes:
        name: what it is.
        values: shape (N,); those that are not finite are left out.
        color: a colour of matplotlib.
    """

    name: str
    values: np.ndarray
    color: str = COLORS[0]


def curve(axis: "Axes", x, y, color: str, *, dashed: bool = False, opacity: float = 1.0, label: str = "_") -> None:
    """A line, broken where `y` is not finite. Of more than 160 points, neighbours are joined to their median, with a
    band from 10 to 90 %; a point without neighbours is a dot."""
    x, y, band = thin(x, y)
    style: dict[str, Any] = {"color": color, "alpha": None if opacity == 1 else opacity}
    axis.plot(x, y, linestyle="--" if dashed else "-", label=label, **style)
    if band is not None:
        axis.fill_between(x, *band, color=color, alpha=0.16 * opacity, linewidth=0)
    finite = np.isfinite(y)
    alone = finite & ~np.r_[False, finite[:-1]] & ~np.r_[finite[1:], False]
    if alone.any():
        axis.plot(x[alone], y[alone], "o", **style)


def thin(x, y) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """At most 160 points: places, medians, and the edges of the band, shape (2, N), None where nothing was joined."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) <= POINTS:
        return x, y, None
    parts = [part[np.isfinite(part)] for part in np.array_split(y, POINTS)]
    low, middle, high = np.transpose(
        [np.quantile(part, [0.1, 0.5, 0.9]) if len(part) else [np.nan] * 3 for part in parts]
    )
    return np.array([part.mean() for part in np.array_split(x, POINTS)]), middle, np.array([low, high])


def limit(axis: "Axes", y: float, text: str) -> None:
    """A dotted line at `y`, with a few words on its right end; to be drawn last."""
    axis.axhline(y, color=QUIET, linestyle=":", linewidth=1)
    place = axis.transData.transform((axis.get_xlim()[0], y))
    below = axis.transAxes.inverted().transform(place)[1] > 0.9
    where: dict[str, Any] = {"transform": axis.get_yaxis_transform(), "ha": "right", "va": "top" if below else "bottom"}
    axis.text(0.99, y, text, gid="label", **where)


def log_limits(axis: "Axes", arrays: Sequence, *, floor: float) -> None:
    """A logarithmic vertical axis for all positive numbers of some arrays, down to `floor` times the highest."""
    values = np.concatenate([np.ravel(np.asarray(each, float)) for each in arrays])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (max(values.min(), floor * values.max()), values.max()) if len(values) else (0.1, 1.0)
    room = (high / low) ** 0.04 if high > low else 1.6
    axis.set_yscale("log")
    axis.set_ylim(low / room, high * room)


def bars(axis: "Axes", rows: Sequence[Row], highest: float | None = None) -> None:
    """A bar per row, from 0 to its first value, with the value at the right; negative ones have no bar.

    Args:
        axis: of a panel as high as `rows_height`.
        rows: from top to bottom.
        highest: the value of a whole bar; None is the largest.
    """
    values = [float(row.values[0]) for row in rows]
    _name_rows(axis, rows)
    right: dict[str, Any] = {"transform": axis.get_yaxis_transform(), "ha": "right", "va": "bottom"}
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        axis.barh(-place - 0.2, max(value, 0.0) if np.isfinite(value) else 0.0, 0.24, color=row.color)
        axis.text(1, -place, str(number(value)), **right)
    axis.set(xlim=(0, highest or max([1e-12, *values])), xticks=[])
    axis.spines["bottom"].set_visible(False)


def strips(axis: "Axes", rows: Sequence[Row], label: str, *, log: bool = False) -> None:
    """A dot for each value, on one horizontal axis for all rows, with a vertical line at a row's mean.

    Args:
        axis: of a panel as high as `rows_height`.
        rows: from top to bottom.
        label: of the horizontal axis.
        log: whether that is logarithmic.
    """
    _name_rows(axis, rows)
    for place, row in enumerate(rows):
        finite = row.values[np.isfinite(row.values)]
        axis.plot(finite, np.full(len(finite), -place - 0.2), "o", color=row.color, alpha=0.8)
        if len(finite):
            axis.vlines(finite.mean(), -place - 0.4, -place, color=row.color)
    axis.set(xscale="log" if log else "linear", xlabel=label)
    axis.grid(visible=True, axis="x")
    axis.margins(x=0.06)


def rows_height(rows: Sequence) -> float:
    """The height of a panel of rows, in points."""
    return TOP + ROW * len(rows) + BOTTOM


def _name_rows(axis: "Axes", rows: Sequence[Row]) -> None:
    """Names stand above their rows, where they may be long."""
    for place, row in enumerate(rows):
        name = "".join(letter for letter in row.name if letter.isprintable())
        axis.text(0, -place, name, transform=axis.get_yaxis_transform(), ha="left", va="bottom", gid="label")
    axis.set(ylim=(-len(rows) + 0.4, 0.6), yticks=[])
