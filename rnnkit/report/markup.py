"""HTML written by functions, so that text from data can never become markup."""

import math
from collections.abc import Iterable
from html import escape
from numbers import Integral, Real

import pandas as pd

MINUS = "\N{MINUS SIGN}"


class Markup(str):
    """HTML that is written as it is; every other string is escaped."""

    __slots__ = ()


def tag(name: str, /, *children, **attributes) -> Markup:
    """An element.

    Args:
        name: such as `"p"`; a void element such as `"meta"` gets no end tag.
        children: `Markup`, or anything else, which is escaped as text; None is left out.
        attributes: an underscore at the end is dropped, others are hyphens (`class_`, `aria_label`); None is left out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    start = "".join([name, *(f' {key}="{escape(str(value))}"' for key, value in given.items())])
    if name in ("meta", "link", "br"):
        return Markup(f"<{start}>")
    return Markup(f"<{start}>{join(children)}</{name}>")


def join(parts: Iterable) -> Markup:
    """Parts one after the other; all that is not `Markup` is escaped."""
    return Markup(
        "".join(part if isinstance(part, Markup) else escape(str(part)) for part in parts if part is not None)
    )


def table(frame: pd.DataFrame, caption: str, *, heads: dict[str, str] | None = None, wrap: bool = False) -> Markup:
    """A table; numbers are set right. On a phone each row is a list of its cells, each with its heading.

    Args:
        frame: its columns and cells, the index left out.
        caption: what it shows.
        heads: other headings for some columns.
        wrap: break lines in cells, as long texts need it.
    """
    heads = heads or {}
    numbers = {name for name in frame if all(isinstance(value, Real) for value in frame[name])}
    kind = {name: "number" if name in numbers else None for name in frame}
    named = {name: heads.get(str(name), str(name)) for name in frame}
    head = [tag("th", _breakable(named[name]), scope="col", class_=kind[name]) for name in frame]
    rows = [
        tag(
            "tr",
            *(
                tag("td", number(value), class_=kind[name], data_head=named[name] or None)
                for name, value in zip(frame, row, strict=True)
            ),
        )
        for row in frame.itertuples(index=False)
    ]
    parts = (tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *rows))
    body = tag("table", *parts, class_="prose" if wrap else None)
    return tag("div", body, class_="scroll", role="region", tabindex="0", aria_label=caption)


def _breakable(name: str) -> Markup:
    """A heading that may go on in the next line after an underscore."""
    return Markup(escape(name).replace("_", "_<wbr>"))


def facts(pairs: dict[str, object]) -> Markup:
    """Names and values, as a list of terms."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", number(value))) for name, value in pairs.items()))


def whole(value) -> str:
    """A count, with commas; empty where there is none."""
    return "" if pd.isna(value) else f"{value:,.0f}"


def number(value) -> object:
    """A number in up to four digits, and anything else as it is."""
    if isinstance(value, bool | Integral) or not isinstance(value, Real):
        return value
    value = float(value)
    if not math.isfinite(value):
        return "n/a" if math.isnan(value) else "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:.4g}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.2g}"
    return text.replace("-", MINUS)


def duration(seconds: float) -> str:
    """Minutes and seconds, in words."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
