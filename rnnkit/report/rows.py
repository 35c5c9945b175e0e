"""Drawings with a row for each name: bars, and dots along an axis. Names stand above their rows and may be long."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnkit.report.markup import Markup, number, tag
from rnnkit.report.scale import Scale
from rnnkit.report.svg import BOTTOM, RIGHT, WIDTH, dot, frame, words, x_axis

LEFT, TOP, HIGH = 12, 6, 38  # a row is so high, with its name


class Row(NamedTuple):
    """A row.

    Attributes:
        name: what it is.
        values: shape (N,); those that are not finite are left out.
        color: number of a colour, from 0.
    """

    name: str
    values: np.ndarray
    color: int = 0


def bars(rows: Sequence[Row], alt: str, *, highest: float | None = None) -> Markup:
    """A bar a row, from 0 to its first value, with the value at the right; negative ones have no bar.

    Args:
        rows: from top to bottom.
        alt: what there is to see, for those who cannot.
        highest: the value of a whole bar; None is the largest.
    """
    firsts = [float(row.values[0]) for row in rows]
    scale = Scale(0.0, highest or max([1e-12, *firsts])).onto(LEFT, WIDTH - RIGHT)
    parts = []
    for row, top, value in zip(rows, _tops(rows), firsts, strict=True):
        end = float(scale(max(value, 0.0))) if np.isfinite(value) else LEFT
        bar = tag("path", d=f"M{LEFT} {top + 20}H{max(end, LEFT + 1):.1f}v9H{LEFT}z", class_=f"dot c{row.color % 8}")
        parts += [_name(row, top), words(WIDTH - RIGHT, top + 14, str(number(value)), "end"), bar]
    return frame(parts, alt, TOP + HIGH * len(rows) + 4)


def strips(rows: Sequence[Row], x_label: str, alt: str, *, scale: Scale | None = None) -> Markup:
    """A dot for each value, along one axis for all rows, with an upright at a row's mean.

    Args:
        rows: from top to bottom.
        x_label: below the axis.
        alt: what there is to see, for those who cannot.
        scale: in data units; made to fit by default.
    """
    scale = (scale or Scale.fit([row.values for row in rows], margin=0.05)).onto(LEFT + 4, WIDTH - RIGHT - 4)
    height = TOP + HIGH * len(rows) + BOTTOM
    parts = [
        tag("path", d=f"M{float(scale(tick)):.1f} {TOP}V{height - BOTTOM}", class_="grid") for tick, _ in scale.ticks
    ]
    for row, top in zip(rows, _tops(rows), strict=True):
        there = row.values[np.isfinite(row.values)]
        parts.append(_name(row, top))
        parts += [dot(float(place), top + 25, row.color) for place in scale(there)]
        if len(there):
            mean = float(scale(there.mean()))
            parts.append(tag("path", d=f"M{mean:.1f} {top + 18}v14", class_=f"line c{row.color % 8}"))
    return frame([*parts, x_axis(scale, x_label, height, LEFT)], alt, height)


def _tops(rows) -> list[int]:
    return [TOP + HIGH * place for place in range(len(rows))]


def _name(row: Row, top: int) -> Markup:
    return tag("g", words(LEFT, top + 14, row.name, "label"))
