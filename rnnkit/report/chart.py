"""Line charts."""

from typing import NamedTuple

import numpy as np

from rnnkit.report.markup import Markup, tag
from rnnkit.report.scale import Scale
from rnnkit.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, dot, frame, line_class, words, x_axis, y_axis

POINTS = 160


class Line(NamedTuple):
    """One curve of a chart.

    Attributes:
        x, y: places, shape (N,); the line is broken where `y` cannot be drawn.
        color: number of a colour, from 0.
        dashed: as a second sign beside the colour.
        low, high: a band around the line, shape (N,), or None.
        dots: a dot at each place, and no line.
    """

    x: np.ndarray
    y: np.ndarray
    color: int = 0
    dashed: bool = False
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dots: bool = False


class Limit(NamedTuple):
    """A straight dotted line across the chart: at `y`, with a few words on it, or at `x`."""

    y: float | None = None
    text: str = ""
    x: float | None = None


def line_chart(lines, x_label: str, alt: str, *, y_scale=None, x_scale=None, limits=()) -> Markup:
    """A chart of lines.

    Args:
        lines: list of `Line`.
        x_label: below the axis, with the unit.
        alt: what there is to see, for those who cannot.
        y_scale, x_scale: `Scale`s in data units; made to fit by default.
        limits: list of `Limit`.
    """
    ys = [values for line in lines for values in (line.y, line.low, line.high) if values is not None]
    x = (x_scale or Scale.fit([line.x for line in lines])).onto(LEFT, WIDTH - RIGHT)
    y = (y_scale or Scale.fit(ys, margin=0.05)).onto(HEIGHT - BOTTOM, TOP)
    shapes = [shape for line in lines for shape in _shapes(line, x, y)] + [_limit(limit, x, y) for limit in limits]
    return frame([y_axis(y), x_axis(x, x_label), _inside(shapes)], alt)


def thin(x, y) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
    """At most 160 points: of more, neighbours are joined to their median, with the span from 10 to 90 % as a band.

    Returns:
        Places, medians, and the lower and upper edge of the band, None where nothing was joined.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) <= POINTS:
        return x, y, None, None
    parts = [part[np.isfinite(part)] for part in np.array_split(y, POINTS)]
    low, middle, high = np.array(
        [np.quantile(part, [0.1, 0.5, 0.9]) if len(part) else [np.nan] * 3 for part in parts]
    ).T
    return np.array([part.mean() for part in np.array_split(x, POINTS)]), middle, low, high


def _inside(shapes) -> Markup:
    """What must not leave the axes: an inner drawing clips at its edge."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM - TOP
    box = {"x": LEFT, "y": TOP, "width": width, "height": height, "viewBox": f"{LEFT} {TOP} {width} {height}"}
    return tag("svg", *shapes, **box)


def _shapes(line: Line, x: Scale, y: Scale):
    if line.low is not None and line.high is not None:
        keep = np.isfinite(y(line.low)) & np.isfinite(y(line.high))
        there = [f"{a:.1f} {b:.1f}" for a, b in zip(x(line.x)[keep], y(line.high)[keep], strict=True)]
        back = [f"{a:.1f} {b:.1f}" for a, b in zip(x(line.x)[keep], y(line.low)[keep], strict=True)]
        if there:
            yield tag("path", d=f"M{'L'.join(there + back[::-1])}Z", class_=f"band c{line.color % 8}")
    places, heights = x(line.x), y(line.y)
    drawn = np.isfinite(places) & np.isfinite(heights)
    if line.dots:
        yield from (dot(a, b, line.color) for a, b in zip(places[drawn], heights[drawn], strict=True))
        return
    starts = drawn & ~np.r_[False, drawn[:-1]]
    steps = zip(starts[drawn], places[drawn], heights[drawn], strict=True)
    path = "".join(f"{'M' if start else 'L'}{a:.1f} {b:.1f}" for start, a, b in steps)
    yield tag("path", d=path or "M0 0", class_=line_class(line.color, line.dashed))
    alone = drawn & ~np.r_[False, drawn[:-1]] & ~np.r_[drawn[1:], False]
    yield from (dot(a, b, line.color) for a, b in zip(places[alone], heights[alone], strict=True))


def _limit(limit: Limit, x: Scale, y: Scale) -> Markup:
    if limit.y is not None:
        place = float(y(limit.y))
        said = words(WIDTH - RIGHT - 4, place - 5 if place > TOP + 20 else place + 14, limit.text, "label end")
        return tag("g", tag("path", d=f"M{LEFT} {place:.1f}H{WIDTH - RIGHT}", class_="limit"), said)
    return tag("path", d=f"M{float(x(limit.x)):.1f} {TOP}V{HEIGHT - BOTTOM}", class_="limit")
