"""Answers and data on the terminal."""

import contextlib
import math
import os
import re
import sys
import warnings

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from rnnkit.errors import Told, in_shell

UNWRAPPED = 100_000  # characters of a line that nobody sees on a terminal
WIDEST = 24  # characters that a column of a table asks for; what is longer is folded


def console(stderr: bool = False) -> Console:
    """Where a command prints. Into a file or pipe: no colour, and no line is wrapped. `NO_COLOR` is respected."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty():
        return Console(stderr=stderr, highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    return Console(stderr=stderr, highlight=False, color_system=None, width=UNWRAPPED)


def shown(text: str) -> str:
    """A text for a console: no markup, no control characters and no half ones, as what it quotes may hold any."""
    return escape(printable(text))


def printable(text: str) -> str:
    """The same where markup is not read."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", text)


def _words(notice: Warning | str) -> str:
    """A warning in the words of the command line."""
    return notice.told(in_shell) if isinstance(notice, Told) else str(notice)


@contextlib.contextmanager
def notices(console: Console):
    """Prints the warnings of what is done within, each once, when it is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for message in dict.fromkeys(_words(warning.message) for warning in caught):
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
        console.print(f"[yellow]note:[/] {shown(_words(message))}", highlight=False, soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def show_table(console: Console, frame, title: str, rest: str = "") -> None:
    """Prints a DataFrame; numbers get three significant digits, and what is not a number stays empty.

    On a terminal, the columns that have no room are left out from the right. Elsewhere, each row is one line, with all
    columns, at least two spaces apart.

    Args:
        console, frame, title: what to print, and where.
        rest: where the columns are that were left out, in a few words.
    """
    names = [str(name) for name in frame.columns]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    console.print(title, style="italic", markup=False, soft_wrap=True)
    if not console.is_terminal:
        for row in [names, *rows]:
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            console.print(line.rstrip(), markup=False, soft_wrap=True)
        return
    fitting = _fitting(widths, console.width)
    table = Table(*(Column(escape(name), overflow="fold") for name in names[:fitting]))
    for row in rows:
        table.add_row(*map(escape, row[:fitting]))
    console.print(table)
    if rest and fitting < len(names):
        console.print(f"{', '.join(names[fitting:])}: see {rest}", markup=False)


def _fitting(widths: list[int], room: int) -> int:
    """How many columns have room next to each other, with their borders; two at least."""
    ends = [1 + sum(min(width, WIDEST) + 3 for width in widths[:count]) for count in range(1, len(widths) + 1)]
    return max(2, sum(end <= room for end in ends))


def _cell(value) -> str:
    if not isinstance(value, float):
        return " ".join(printable(str(value)).split())
    return "" if math.isnan(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def show_words(console: Console, verdict: str, cure, config) -> None:
    """Prints a verdict and the cure to try first, if there is one: as a command where the shell has one for it.

    Args:
        console, verdict, cure: of a diagnosis.
        config: the `RunConfig` of the run; None where it is not known.
    """
    console.print(shown(verdict), highlight=False, soft_wrap=not console.is_terminal)
    if cure is not None:
        line = config.command_with(cure.shell) if cure.shell and config else cure.python
        console.print(f"[bold]Try[/] {shown(cure.said(line))}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def counted(console: Console, what: str, total: int):
    """A bar under which something is done; gives what to call with the number of those that were done."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.advance(task, done)
