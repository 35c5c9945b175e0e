"""Reader of tagged sentences in columns: one token a line, a blank line after each sentence.

The form is that of the shared tasks of CoNLL; which column holds what differs from file to file.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from rnnkit.datasets.dataset import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.textfile import lines

DOCUMENT = "-DOCSTART-"  # begins a line that parts documents and holds no token


def read_conll(
    path: str | os.PathLike[str],
    *,
    token_column: int = 0,
    tag_column: int | None = -1,
    separator: str | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read tokens and their tags from a file with one token a line.

    A blank line ends a sentence, and so does a `-DOCSTART-` line. Tags stay as they stand: IOB1, IOB2 and IOBES alike.
    Only LF and CR LF end a line, so a token may be any other Unicode; spaces around a cell are taken off.

    Args:
        path: a text file, plain or `.gz`, of any suffix.
        token_column: the number of the column of the tokens, from 0; negative numbers count from the last column.
        tag_column: the number of the column of the tags, or None for a file without tags.
        separator: what stands between columns; None takes tabs if the file's first token line has one, and runs of
            spaces if not.
        encoding: of the file; a byte order mark is fine.

    Returns:
        A data set with the columns `tokens` and, unless `tag_column` is None, `tags`: for each sentence a list of str,
        as long as the sentence.

    Raises:
        ArgumentError: `separator` is empty, or there is no such encoding.
        DataError: the file cannot be read or holds no sentence, there is no such column or one is named twice, a line
            has more or fewer columns than the first, or a token or tag is empty.
    """
    if separator == "":
        raise ArgumentError("separator: expected what stands between columns, or None to find out, got ''.")
    path = Path(path)
    wanted = {"token": token_column} | ({} if tag_column is None else {"tag": tag_column})
    rows = _rows(path, lines(path, encoding), wanted, separator)
    sentences = [zip(*sentence, strict=True) for filled, sentence in groupby(rows, key=bool) if filled]
    if not sentences:
        raise DataError(f"{path} holds no sentence: no line has a token.")
    columns = zip(wanted, zip(*sentences, strict=True), strict=True)
    return Dataset({f"{name}s": [list(cells) for cells in column] for name, column in columns}, name=path.name)


def _rows(
    path: Path, text_lines: Iterable[str], wanted: dict[str, int], separator: str | None
) -> Iterator[tuple[str, ...]]:
    """Yield the wanted cells of every token, and an empty tuple for a line that ends a sentence."""
    first, width, places = 0, 0, []
    for number, line in enumerate(text_lines, start=1):
        if line.isspace() or line.startswith(DOCUMENT):
            yield ()
            continue
        if not first:
            separator = separator or ("\t" if "\t" in line else None)
            first, width = number, len(_cells(line, separator))
            places = _places(path, wanted, width)
        cells = _cells(line, separator)
        if len(cells) != width:
            parted = f"separator {separator!r}" if separator else "spaces"
            raise DataError(
                f"{path}, line {number}: expected {width} columns as on line {first}, found {len(cells)}. "
                f"The line was split at {parted}; repair it, or pass another separator=."
            )
        row = tuple([cells[place] for place in places])
        if not all(row):
            name = list(wanted)[row.index("")]
            raise DataError(f"{path}, line {number}: expected a {name} in column {wanted[name]}, found nothing.")
        yield row


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:  # not line.split(): it would cut tokens with other white space, such as U+00A0
        return [cell for cell in line.rstrip("\r\n").split(" ") if cell]
    return [cell.strip(" ") for cell in line.rstrip("\r\n").split(separator)]


def _places(path: Path, wanted: dict[str, int], width: int) -> list[int]:
    """The columns' numbers from the left."""
    for name, number in wanted.items():
        if not -width <= number < width:
            raise DataError(
                f"{name}_column: {path} has {_columns(width)}, so expected a number from {-width} to {width - 1}, "
                f"got {number}."
            )
    places = [number % width for number in wanted.values()]
    if len(set(places)) < len(places):
        raise DataError(
            f"{path} has {_columns(width)}; token_column and tag_column both name column {places[0]}. "
            "Pass other numbers, tag_column=None for a file without tags, or another separator=."
        )
    return places


def _columns(width: int) -> str:
    return f"{width} column{'' if width == 1 else 's'}"
