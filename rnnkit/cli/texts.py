"""The texts that a command answers: arguments, a file, or standard input, one a line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.errors import ArgumentError, DataError

Texts = Annotated[
    list[str] | None, typer.Argument(help="Texts; without any, the lines of standard input.", metavar="TEXT")
]
File = Annotated[Path | None, typer.Option(help="A file with one text per line, plain or .gz.", metavar="FILE")]


def read_texts(texts: list[str] | None, file: Path | None) -> list[str]:
    """The texts; blank lines are kept.

    Raises:
        ArgumentError: both are given.
        DataError: there is no text, or what is read is no UTF-8 text.
    """
    if texts and file:
        raise ArgumentError("texts, file: give one of the two.")
    return texts or (_file_lines(file) if file else _input_lines())


def _file_lines(file: Path) -> list[str]:
    from rnnkit.text.textfile import lines

    found = [line.rstrip("\r\n") for line in lines(file, "utf-8-sig")]
    if not found:
        raise DataError(f"texts: {file} is empty.")
    return found


def _input_lines() -> list[str]:
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"texts: standard input cannot be read as UTF-8 text: {error}.") from error
    if not text:
        raise DataError("texts: expected texts, --file, or lines on standard input, got none.")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
