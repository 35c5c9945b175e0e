"""Line charts, heat maps and piano rolls as SVG.

Colours are classes of the page's style sheet (`c0` to `c7`), so that one drawing serves light, dark and paper. A chart
is 440 units wide, about the width of a phone, so that its letters stay legible there.
"""

from typing import NamedTuple

import numpy as np

from rnnkit.report.markup import Markup, tag
from rnnkit.report.scale import Scale

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 40
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
    return frame([_y_axis(y), x_axis(x, x_label), _inside(shapes)], alt)


def heat_map(x, y, values, x_label: str, y_label: str, alt: str) -> Markup:
    """A heat map: full colour for 1 and more, and none for 0 and less.

    Args:
        x, y: the middles of the columns (N,) and of the rows (M,), both rising; every cell is as wide as the next, so
            the axes name the first, the middle and the last.
        values: shape (M, N); NaN is left out.
    """
    values = np.clip(values, 0, 1)
    width, height = (WIDTH - LEFT - RIGHT) / len(x), (HEIGHT - BOTTOM - TOP) / len(y)
    cells = [
        _cell(LEFT + column * width, HEIGHT - BOTTOM - (row + 1) * height, width, height, values[row, column])
        for row, column in np.argwhere(values > 0.004)
    ]
    across = Scale(-0.5, len(x) - 0.5, ticks=_named(x)).onto(LEFT, WIDTH - RIGHT)
    up = Scale(-0.5, len(y) - 0.5, ticks=_named(y)).onto(HEIGHT - BOTTOM, TOP)
    name = words(LEFT, TOP - 1, y_label, "label")
    return frame([tag("g", *cells, class_="c0"), _y_axis(up), x_axis(across, x_label), name], alt)


def piano_roll(notes, beats: float, alt: str) -> Markup:
    """Bars for notes: time to the right, pitch upwards, a line at each C from the one below all notes to the one above.

    Args:
        notes: list of MIDI pitch, beginning and end in beats.
        beats: how long the drawing is.
        alt: what there is to see, for those who cannot.
    """
    pitches = [pitch for pitch, _, _ in notes] or [60]
    low = min(pitches) // 12 * 12
    high = max(low + 12, -(-max(pitches) // 12) * 12)
    cs = [(float(pitch), f"C{pitch // 12 - 1}") for pitch in range(low, high + 1, 12)]
    x = Scale(0, beats).onto(LEFT, WIDTH - RIGHT)
    y = Scale(low - 0.5, high + 0.5, ticks=cs).onto(HEIGHT - BOTTOM, TOP)
    bars = [_bar(x(start), x(end), y(pitch + 0.5), y(pitch - 0.5)) for pitch, start, end in notes]
    return frame([_y_axis(y), x_axis(x, "beat"), tag("g", tag("path", d="".join(bars) or "M0 0"), class_="c0")], alt)


def swatch(color: int, *, dashed: bool = False, dots: bool = False) -> Markup:
    """A piece of line or a dot, for a legend."""
    shape = dot(11, 5, color) if dots else tag("path", d="M0 5H22", class_=_class(color, dashed))
    return tag("svg", shape, viewBox="0 0 22 10", width=22, height=10, aria_hidden="true")


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


def frame(parts, alt: str, height: int = HEIGHT) -> Markup:
    """A drawing of the usual width."""
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=alt, class_="chart")


def words(x: float, y: float, said: str, class_: str | None = None) -> Markup:
    """Words at a place."""
    return tag("text", said, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_)


def dot(x: float, y: float, color: int) -> Markup:
    """A dot at a place."""
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.5, class_=f"dot c{color % 8}")


def x_axis(scale: Scale, label: str, height: int = HEIGHT, left: float = LEFT) -> Markup:
    """The axis below a drawing, from `left` to its right margin."""
    base = height - BOTTOM
    parts = [tag("path", d=f"M{left} {base}H{WIDTH - RIGHT}", class_="axis")]
    for value, name in scale.ticks:
        parts.append(words(float(scale(value)), base + 17, name, "middle"))
    return tag("g", *parts, words((left + WIDTH - RIGHT) / 2, height - 6, label, "label middle"))


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
    yield tag("path", d=path or "M0 0", class_=_class(line.color, line.dashed))
    alone = drawn & ~np.r_[False, drawn[:-1]] & ~np.r_[drawn[1:], False]
    yield from (dot(a, b, line.color) for a, b in zip(places[alone], heights[alone], strict=True))


def _limit(limit: Limit, x: Scale, y: Scale) -> Markup:
    if limit.y is not None:
        place = float(y(limit.y))
        said = words(WIDTH - RIGHT - 4, place - 5 if place > TOP + 20 else place + 14, limit.text, "label end")
        return tag("g", tag("path", d=f"M{LEFT} {place:.1f}H{WIDTH - RIGHT}", class_="limit"), said)
    return tag("path", d=f"M{float(x(limit.x)):.1f} {TOP}V{HEIGHT - BOTTOM}", class_="limit")


def _y_axis(scale: Scale) -> Markup:
    parts = []
    for value, name in scale.ticks:
        place = float(scale(value))
        parts.append(tag("path", d=f"M{LEFT} {place:.1f}H{WIDTH - RIGHT}", class_="grid"))
        parts.append(words(LEFT - 7, place + 4, name, "end"))
    return tag("g", *parts)


def _bar(left, right, top, bottom) -> str:
    """The path of a bar, half a unit short, so that a note parts from the next one on its key."""
    return f"M{left:.1f} {top:.1f}H{right - 0.5:.1f}V{bottom:.1f}H{left:.1f}z"


def _cell(x, y, width, height, value) -> Markup:
    return tag(
        "path", d=f"M{x:.1f} {y:.1f}h{width + 0.3:.1f}v{height + 0.3:.1f}h{-width - 0.3:.1f}z", opacity=f"{value:.2f}"
    )


def _named(values) -> list[tuple[float, str]]:
    """The first, the middle and the last place of a row of cells."""
    places = sorted({0, (len(values) - 1) // 2, len(values) - 1})
    return [(place, f"{values[place]:g}") for place in places]


def _class(color: int, dashed: bool) -> str:
    return f"line c{color % 8}{' dashed' if dashed else ''}"
