"""Answers and data on the terminal."""

import contextlib
import math
import re
import warnings

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from rnnkit.errors import Told, in_shell


def shown(text: str) -> str:
    """A text for a console: no markup, no control characters and no half ones, as what it quotes may hold any."""
    return escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", "\ufffd", text))


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


def show_words(console: Console, verdict: str, cure, config) -> None:
    """Prints a verdict and the cure to try first, if there is one: as a command where the shell has one for it.

    Args:
        console, verdict, cure: of a diagnosis.
        config: the `RunConfig` of the run.
    """
    console.print(shown(verdict), highlight=False)
    if cure is not None:
        line = config.command_with(cure.shell) if cure.shell else cure.python
        console.print(f"[bold]Try[/] {shown(cure.said(line))}", highlight=False)


@contextlib.contextmanager
def counted(console: Console, what: str, total: int):
    """A bar under which something is done; gives what to call with the number of those that were done."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.advance(task, done)
