"""The page around the sections: its head, the top line, and the parts that all sections use."""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

from rnnkit import __version__
from rnnkit.report.markup import Markup, join, tag
from rnnkit.report.plot import Legend, Panel, Plot, panel_figure
from rnnkit.report.svg import css, inline


class Section(NamedTuple):
    """One idea of a page: its anchor, its heading, and what it says."""

    anchor: str
    heading: str
    parts: Sequence[Markup | None]


def page(title: str, top: Markup, sections: Sequence[Section]) -> str:
    """A whole page, as text.

    Args:
        title: of the browser's window.
        top: what stands above all sections.
        sections: in their order.
    """
    style = files("rnnkit.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    links = [tag("li", tag("a", each.heading, href=f"#{each.anchor}")) for each in sections]
    body = tag(
        "body",
        tag("header", top, tag("nav", tag("ul", *links), aria_label="Sections")),
        tag("main", *map(_section, sections)),
        tag("footer", tag("p", f"Written by rnnkit {__version__}.")),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def extended(written: str, section: Section) -> str:
    """A page with one more section at its end."""
    link = tag("li", tag("a", section.heading, href=f"#{section.anchor}"))
    return written.replace("</ul></nav>", f"{link}</ul></nav>", 1).replace("</main>", f"{_section(section)}</main>", 1)


def text(*parts) -> Markup:
    """A paragraph."""
    return tag("p", *parts)


def figure(plot: Plot) -> Markup:
    """A plot, its panels next to each other where there is room."""
    name = re.sub(r"\W+", "-", plot.title.lower())
    charts = [_panel(panel, f"{name}-{place}") for place, panel in enumerate(plot.panels)]
    return tag(
        "figure",
        tag("h3", plot.title),
        _legend(plot.legend),
        tag("div", *charts, class_="panels"),
        tag("figcaption", plot.caption) if plot.caption else None,
    )


def _panel(panel: Panel, name: str) -> Markup:
    heading = tag("h4", panel.title) if panel.title else None
    chart = inline(panel_figure(panel), name, panel.alt)
    return tag("div", heading, _legend(panel.legend), chart, class_="panel")


def _legend(entries: Sequence[Legend]) -> Markup | None:
    items = [tag("li", tag("i", class_=each.mark, style=_look(each)), each.text) for each in entries]
    return tag("ul", *items, class_="legend") if entries else None


def _look(legend: Legend) -> str:
    return f"color:{css(legend.color)}" + (f";opacity:{legend.opacity:.2g}" if legend.opacity < 1 else "")


def tiles(pairs: Sequence[tuple[str, str]]) -> Markup:
    """The few numbers that matter most: name and value."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="tiles")


def conclusion(verdict: str, cure: Mapping[str, str] | None) -> Markup:
    """What a diagnosis concludes, a paragraph per layer, and the cure that it names, if there is a problem."""
    said = [text(line) for line in verdict.splitlines()]
    if cure:
        said += [
            text(tag("strong", f"Try first: {cure['name']}. "), cure["why"]),
            tag("pre", tag("code", cure["line"])),
            text(
                f"What it can make worse: {cure['side_effect']}", tag("br"), tag("small", f"Source: {cure['source']}.")
            ),
        ]
    return tag("aside", *said, class_=f"verdict {'other' if cure else 'good'}", aria_label="Verdict")


def _section(section: Section) -> Markup:
    name = f"{section.anchor}-heading"
    heading = tag("h2", section.heading, id=name)
    return tag("section", heading, join(section.parts), id=section.anchor, aria_labelledby=name)
