"""What drawings are made of, as SVG.

Colours are classes of the page's style sheet (`c0` to `c7`), so that one drawing serves light, dark and paper. It is
440 units wide, about the width of a phone, so that its letters stay legible there.
"""

from rnnkit.report.markup import Markup, tag
from rnnkit.report.scale import Scale

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 40


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


def y_axis(scale: Scale) -> Markup:
    """The axis on the left of a drawing, with a line for each tick."""
    parts = []
    for value, name in scale.ticks:
        place = float(scale(value))
        parts.append(tag("path", d=f"M{LEFT} {place:.1f}H{WIDTH - RIGHT}", class_="grid"))
        parts.append(words(LEFT - 7, place + 4, name, "end"))
    return tag("g", *parts)


def swatch(color: int, *, dashed: bool = False, dots: bool = False) -> Markup:
    """A piece of line or a dot, for a legend."""
    shape = dot(11, 5, color) if dots else tag("path", d="M0 5H22", class_=line_class(color, dashed))
    return tag("svg", shape, viewBox="0 0 22 10", width=22, height=10, aria_hidden="true")


def line_class(color: int, dashed: bool) -> str:
    """The class of a line."""
    return f"line c{color % 8}{' dashed' if dashed else ''}"
