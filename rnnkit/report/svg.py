"""A matplotlib figure as a part of a page: its SVG, as short as it can be, in the page's own colours and letters."""

import io
import re
from xml.etree import ElementTree

from rnnkit.report.markup import Markup, join, tag
from rnnkit.report.plot import COLORS, GRID, INK, PAPER, QUIET, STYLE, WIDTH

VARIABLES = {
    **{color: f"var(--c{number})" for number, color in enumerate(COLORS)},
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
}
IDLE = {"stroke-linecap", "stroke-linejoin", "font", "stroke-miterlimit"}  # of a style
ROUNDED = {"d", "x", "y", "transform", "width", "height"}


def inline(figure, name: str, alt: str) -> Markup:
    """An `<svg>` element whose colours are those of the page, in light and in dark.

    Args:
        figure: a `matplotlib.figure.Figure`, `WIDTH` points wide.
        name: what its ids begin with, unique on the page.
        alt: what there is to see, for those who cannot.
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())
    height = round(figure.get_figheight() * 72)
    parts = [_element(child, name) for child in root]
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=alt, class_="chart")


def css(color: str) -> str:
    """A colour as the page has it."""
    return VARIABLES.get(color, color)


def _element(node: ElementTree.Element, name: str) -> Markup | None:
    """An element and all that is in it, without what nobody sees; groups that say nothing are opened."""
    kind, label = node.tag.rpartition("}")[2], (node.get("id") or "").startswith("label")
    inside = join([node.text or "" if kind == "text" else "", *(_element(child, name) for child in node)])
    attributes = {key.rpartition("}")[2]: value for key, value in node.attrib.items()}
    if kind in ("metadata", "style") or (kind in ("g", "defs") and not inside):
        return None
    if kind in ("g", "defs"):
        attributes.pop("id", None)
    if kind == "g" and label:
        attributes["class"] = "label"
    written = {key.replace("-", "_"): _attribute(key, value, kind, name) for key, value in attributes.items()}
    written = {key: value for key, value in written.items() if value}
    return inside if kind == "g" and not written else tag(kind, inside, **written)


def _attribute(key: str, value: str, kind: str, name: str) -> str:
    if key == "style":
        return _style(value, kind)
    if key == "id":
        return f"{name}-{value}"
    if key in ("href", "clip-path"):
        return value.replace("#", f"#{name}-")
    if key in ROUNDED:
        value = re.sub(r"-?\d+\.\d+", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
        value = re.sub(r"\s+", " ", value).strip()
        return "" if value.startswith(("rotate(-0 ", "rotate(0 ")) else value
    return value


def _style(text: str, kind: str) -> str:
    """The declarations that matter; letters have those of the style sheet but for their anchor."""
    pairs = [each.split(": ", 1) for each in text.split("; ") if ": " in each]
    kept = {key: value for key, value in pairs if key not in IDLE and not (kind == "text" and key != "text-anchor")}
    written = ";".join(f"{key}:{value}" for key, value in kept.items())
    return re.sub(r"#[0-9a-f]{6}", lambda found: css(found[0]), written)
