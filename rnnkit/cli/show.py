"""Answers and data on the terminal."""

import contextlib
import math
import re
import warnings

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def shown(text: str) -> str:
    """A text for a console: no markup, no control characters and no half ones, as what it quotes may hold any."""
    return escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", text))


@contextlib.contextmanager
def notices(console: Console):
    """Prints the warnings of what is done within, each once, when it is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        console.print(f"[yellow]note:[/] {shown(message)}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def reading(console: Console, data: str | None):
    """`notices`, and word that data are read; not where a download has a bar of its own."""
    from rnnkit import datasets

    downloaded = data is not None and datasets.is_known(data) and bool(datasets.info(data).files)
    with notices(console), contextlib.nullcontext() if downloaded else console.status("Reading the data"):
        yield


@contextlib.contextmanager
def notices_at_once(console: Console):
    """Prints the warnings of what is done within as they come: it may take long."""

    def show(message, *where, **more):
        console.print(f"[yellow]note:[/] {shown(str(message))}", highlight=False, soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def show_signatures(console: Console, signatures, hypotheses) -> None:
    """How BLEU and chrF were counted, and where the translations are from which both can be counted again."""
    for name, signature in signatures.items():
        console.print(f"{name}: {signature}", highlight=False, soft_wrap=True)
    console.print(f"The translations are in {escape(str(hypotheses))}", highlight=False, soft_wrap=True)


def show_types(console: Console, scores) -> None:
    """Precision, recall and F1 by type of entity."""
    table = scores.map(lambda value: f"{value:.3f}" if isinstance(value, float) else value)
    console.print(data_table(table, "Entities by type"))


def entity_text(text: str, entities, types) -> Text:
    """A text with its entities in brackets, coloured by type, each with its type and probability."""
    shown, end = Text(), 0
    for entity in entities:
        shown.append(text[end : entity.start])
        colour = COLOURS[types.index(entity.label) % len(COLOURS)]
        shown.append(f"[{entity.text} {entity.label} {entity.score:.2f}]", style=f"bold {colour}")
        end = entity.end
    return shown.append(text[end:])


def data_table(frame, title: str) -> Table:
    """A DataFrame as a table; numbers get three significant digits, what is not a number stays empty, and what is too
    wide goes on in a line below.
    """
    columns = (Column(str(name), overflow="fold") for name in frame.columns)
    table = Table(*columns, title=title, title_justify="left")
    for row in frame.itertuples(index=False):
        table.add_row(*map(_cell, row))
    return table


def _cell(value) -> str:
    if not isinstance(value, float):
        return escape(str(value))
    return "" if math.isnan(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
