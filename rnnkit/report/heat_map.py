"""Heat maps."""

import numpy as np

from rnnkit.report.markup import Markup, tag
from rnnkit.report.scale import Scale
from rnnkit.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, frame, words, x_axis, y_axis


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
    return frame([tag("g", *cells, class_="c0"), y_axis(up), x_axis(across, x_label), name], alt)


def _cell(x, y, width, height, value) -> Markup:
    return tag(
        "path", d=f"M{x:.1f} {y:.1f}h{width + 0.3:.1f}v{height + 0.3:.1f}h{-width - 0.3:.1f}z", opacity=f"{value:.2f}"
    )


def _named(values) -> list[tuple[float, str]]:
    """The first, the middle and the last place of a row of cells."""
    places = sorted({0, (len(values) - 1) // 2, len(values) - 1})
    return [(place, f"{values[place]:g}") for place in places]
