"""Figures that are drawn once, with matplotlib, for `plot()`, notebooks, TensorBoard and the pages.

A figure is a `Plot`: panels, each with a function that draws it on matplotlib axes. `Plot.figure` puts them into one
matplotlib figure; `rnnkit.report.page.figure` embeds each of them as SVG.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Those of style.css on white paper; on a page they become its variables.
COLORS = ("#0b5cad", "#c2500a", "#1a7f5a", "#8e3a9d", "#8a6d00", "#b3264a", "#007a91", "#5f6670")
INK, QUIET, GRID, PAPER = "#1d2329", "#59636e", "#e9ebea", "#fcfcfa"
WIDTH, HEIGHT = 440, 250  # of a panel on a page, about the width of a phone, so that its letters stay legible there
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 10, 40  # its margins
STYLE: dict[Any, Any] = {
    "font.size": 12.5,
    "axes.titlesize": 12.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.xmargin": 0.0,
    "grid.color": GRID,
    "xtick.bottom": False,
    "xtick.color": QUIET,
    "ytick.left": False,
    "ytick.color": QUIET,
    "text.color": QUIET,
    "text.parse_math": False,  # a pair of dollar signs in a name is no formula
    "lines.linewidth": 2.0,
    "lines.markersize": 7.0,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "rnnkit",
}


class Legend(NamedTuple):
    """What a colour stands for, or a colour dashed, or its dots.

    Attributes:
        text: the words.
        color: a colour of matplotlib.
        mark: `"line"`, `"dashed"`, `"dotted"`, `"dots"` or `"block"`.
        opacity: of the mark.
    """

    text: str
    color: str
    mark: str = "line"
    opacity: float = 1.0


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        title: empty where the figure has but one panel.
        draw: draws it on matplotlib axes; `Plot` sets the ticks that it leaves open.
        alt: what there is to see, for those who cannot.
        legend: what the colours stand for in this panel alone.
        height: in points.
        left: the margin on a page, in points, for the labels of the vertical axis.
    """

    title: str
    draw: "Callable[[Axes], None]"
    alt: str
    legend: Sequence[Legend] = ()
    height: float = HEIGHT
    left: float = LEFT


class Plot(NamedTuple):
    """A figure: panels that belong together.

    Attributes:
        title: what they show.
        panels: in their order.
        caption: how to read them.
        legend: what the colours stand for in all panels.
    """

    title: str
    panels: Sequence[Panel]
    caption: str = ""
    legend: Sequence[Legend] = ()

    def figure(self, columns: int = 2, width: float = WIDTH) -> "Figure":
        """All panels as one matplotlib figure.

        Args:
            columns: the largest number of panels side by side.
            width: of a panel, in points.
        """
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        columns = min(columns, len(self.panels))
        rows = [self.panels[first : first + columns] for first in range(0, len(self.panels), columns)]
        heights = [max(panel.height for panel in row) for row in rows]
        size = (columns * width / 72, (sum(heights) + 30 * len(rows)) / 72)
        with rc_context(STYLE):
            figure = Figure(figsize=size, layout="constrained")
            axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
            for panel, axis in zip(self.panels, axes.flat, strict=False):
                draw(panel, axis)
                axis.set_title(panel.title)
                if panel.legend:
                    axis.legend(handles=list(map(_handle, panel.legend)), loc="upper left", bbox_to_anchor=(1.01, 1.0))
            for axis in axes.flat[len(self.panels) :]:
                axis.remove()
            if self.legend:
                figure.legend(handles=list(map(_handle, self.legend)), loc="outside upper left", ncols=4)
        return figure


def panel_figure(panel: Panel) -> "Figure":
    """One panel alone, as it stands on a page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    width, height = WIDTH - panel.left - RIGHT, panel.height - TOP - BOTTOM
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / 72, panel.height / 72))
        box = (panel.left / WIDTH, BOTTOM / panel.height, width / WIDTH, height / panel.height)
        axis = figure.add_axes(box)
        draw(panel, axis)
        figure.patch.set_visible(False)
        axis.patch.set_visible(False)
    return figure


def draw(panel: Panel, axis: "Axes") -> None:
    """Draws a panel on axes, with few and round ticks where it sets none itself."""
    from matplotlib.ticker import FixedLocator, NullLocator

    from rnnkit.report.ticks import decades, round_numbers

    panel.draw(axis)
    for one, limits in ((axis.xaxis, axis.get_xlim()), (axis.yaxis, axis.get_ylim())):
        if not isinstance(one.get_major_locator(), FixedLocator):
            marks = (decades if one.get_scale() == "log" else round_numbers)(*sorted(limits))
            one.set_ticks(*zip(*marks, strict=True))
        one.set_minor_locator(NullLocator())


def _handle(legend: Legend):
    """A legend's mark, for matplotlib."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    look: dict[str, Any] = {"color": legend.color, "alpha": legend.opacity, "label": legend.text}
    if legend.mark == "block":
        return Patch(**look)
    if legend.mark == "dots":
        return Line2D([], [], linestyle="", marker="o", **look)
    styles: dict[str, Any] = {"dashed": "--", "dotted": ":"}
    return Line2D([], [], linestyle=styles.get(legend.mark, "-"), **look)
