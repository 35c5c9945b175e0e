"""Readers of texts and labels in tables: CSV and TSV, plain or .gz; what does not fit is named by its line."""

import csv
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import counted, listed
from rnnkit.errors import ArgumentError, DataError, DataNotice
from rnnkit.errors.checks import close_to
from rnnkit.text.textfile import MAX_LINE, lines

Row = tuple[int, list[str]]  # line number, cells
Example = tuple[int, Any, Any]  # line number, text, label

DELIMITERS = (",", ";", "\t", "|")

_SURROGATE = re.compile("[\ud800-\udfff]")


def read_csv(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    label: str | None = "label",
    columns: Sequence[str] | Sequence[int] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and labels from a CSV file. Cells may be quoted, and quoted cells may hold line ends.

    Blank lines are passed over. Every cell is text, and labels lose the white space around them.

    Args:
        path: a `.csv` or `.csv.gz` file.
        text: the column of the texts.
        label: the column of the labels, or None for data without labels.
        columns: the names of all columns; or, in place of `text` and `label`, the numbers of theirs from 0. None takes
            the names from the header line.
        header: whether the first line is a header; None takes it for one unless there are names in `columns`. A file
            without a header and `columns` holds texts and then labels.
        delimiter: what stands between cells, one character. None finds out which of `,`, `;`, tab and `|` does: the one
            that makes columns of these names, or else the one that makes most columns of the first line.
        encoding: of the file; a byte order mark is fine.

    Returns:
        A data set with the columns `text` and, unless `label` is None, `label`.

    Raises:
        ArgumentError: `delimiter` is no character, or there is no such encoding.
        DataError: the file cannot be read or is empty, a column is not there, a line has too many or too few cells,
            or a label is missing.

    Warns:
        DataNotice: the delimiter of a file without a header was found to be another one than a comma.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from rnnkit import datasets
        >>> file = Path(tempfile.mkdtemp(), "reviews.csv")
        >>> _ = file.write_text("text,label\\ngood film,1\\nbad film,0\\n")
        >>> data = datasets.read_csv(file)
        >>> data["text"], data["label"]
        (['good film', 'bad film'], ['1', '0'])
    """
    if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"'):
        raise ArgumentError(f"delimiter: expected one character, the delimiter of cells, got {delimiter!r}.")
    path = Path(path)
    text_lines = lines(path, encoding, newline="")
    with _long_cells():
        if delimiter is None:
            first = next(text_lines, "")
            delimiter, is_sure = _find_delimiter(first, {text, *([label] if label else [])})
            if not (is_sure or (header is None and columns is None) or delimiter == ","):
                _tell_delimiter(path, delimiter)
            text_lines = chain([first] if first else [], text_lines)
        rows = _csv_rows(path, text_lines, delimiter)
        return assemble(path, _examples(path, rows, columns, header, text, label), label)


def read_tsv(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    label: str | None = "label",
    columns: Sequence[str] | Sequence[int] | None = None,
    header: bool | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and labels from a file with tabs between its cells, where a quote is a character like any other.

    Args:
        path: a `.tsv` or `.tsv.gz` file.
        text, label, columns, header, encoding: as for `read_csv`.

    Returns:
        As `read_csv`.

    Raises:
        DataError: as `read_csv`.
    """
    path = Path(path)
    cells = ((number, line.rstrip("\r\n")) for number, line in enumerate(lines(path, encoding), start=1))
    rows = ((number, line.split("\t")) for number, line in cells if line)
    return assemble(path, _examples(path, rows, columns, header, text, label), label)


def assemble(path: Path, examples: Iterable[Example], label: str | None) -> Dataset:
    """Check all texts and labels, and make them a data set with the columns `text` and, if labelled, `label`."""
    texts, labels, unlabelled = [], [], []
    for number, content, given in examples:
        texts.append(check_text(path, number, "text", content))
        labels.append(given)
        if label is not None and (given is None or given == ""):
            unlabelled.append(number)
        elif isinstance(given, str):
            check_text(path, number, "label", given)
    if unlabelled:
        raise DataError(
            f"{path} has no label on {counted('line', unlabelled)}.", advice="Add them or remove those rows."
        )
    if not texts:
        raise DataError(f"{path} has no rows. Expected one per text.")
    return Dataset({"text": texts} if label is None else {"text": texts, "label": labels}, name=path.name)


def check_text(path: Path, number: int, name: str, content: Any) -> str:
    """The content of a cell or field, if it is whole text."""
    if not isinstance(content, str):
        raise DataError(f"{path}, line {number}: expected a {name}, found {type(content).__name__}.")
    if _SURROGATE.search(content):
        raise DataError(f"{path}, line {number}: the {name} holds half a character (a lone surrogate); repair it.")
    return content


def _find_delimiter(line: str, wanted: set[str]) -> tuple[str, bool]:
    """What separates the cells of a table, by its first line, and whether the wanted columns show it."""
    heads = {}
    for each in DELIMITERS:
        try:
            heads[each] = {cell.strip() for cell in next(csv.reader([line], delimiter=each), [])}
        except csv.Error:
            heads[each] = set()
    named = [each for each, cells in heads.items() if wanted <= cells]
    return (named or [max(DELIMITERS, key=lambda each: len(heads[each]))])[0], bool(named)


def _tell_delimiter(path: Path, delimiter: str) -> None:
    warnings.warn(
        DataNotice(f"{path}: its cells are taken to be separated by {delimiter!r}.", advice="<delimiter> says it."),
        stacklevel=3,
    )


def _csv_rows(path: Path, text_lines: Iterable[str], delimiter: str) -> Iterator[Row]:
    """Yield the rows of a CSV file, each with the number of the line on which it begins."""
    reader = csv.reader(text_lines, delimiter=delimiter, strict=True)
    number = 1
    try:
        for row in reader:
            if row:
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {number} is not CSV: {error}. Quotes must be doubled and closed.") from error


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let the csv module read long texts: its limit belongs to the whole process, so it is restored afterwards."""
    limit = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _examples(
    path: Path,
    rows: Iterable[Row],
    columns: Sequence[str] | Sequence[int] | None,
    header: bool | None,
    text: str,
    label: str | None,
) -> Iterator[Example]:
    """Yield the text and label of every row."""
    rows, wanted = iter(rows), [text] if label is None else [text, label]
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty. Expected a header line, and one row per text.")
    named, numbers = _columns(columns, len(wanted))
    if header or (header is None and not named):
        names = named or [name.strip() for name in first[1]]
    else:
        names, rows = named or (first[1] if numbers else wanted), chain([first], rows)
    places = numbers or [_place(path, names, column) for column in wanted]
    if max(places) >= len(names):
        raise DataError(f"columns: expected numbers below {len(names)}, the columns of {path}, got {max(places)}.")
    for number, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {number}: expected {len(names)} cells, found {len(row)}.",
                advice="Repair the line, or name all columns by <columns>.",
            )
        cells = [row[place] for place in places]
        yield number, cells[0], cells[1].strip() if label is not None else None


def _columns(columns: Sequence[str] | Sequence[int] | None, count: int) -> tuple[list[str], list[int]]:
    """The names of all columns, or the numbers of the `count` wanted ones."""
    given = [] if columns is None or isinstance(columns, str) else list(columns)
    names = [each.strip() for each in given if isinstance(each, str)]
    numbers = [each for each in given if type(each) is int and each >= 0]
    if columns is None or (given and (len(names) == len(given) or len(numbers) == len(given) == count)):
        return names, numbers
    raise ArgumentError(f"columns: expected the names of all columns, or {count} numbers from 0, got {columns!r}.")


def _place(path: Path, names: Sequence[str], column: str) -> int:
    if names.count(column) != 1:
        found = "more than one column" if column in names else "no column"
        raise DataError(
            f"{path} has {found} '{column}'; its columns are: {listed(names)}.{close_to(column, names)}",
            advice="Name the columns of texts and labels by <text> and <label>. If the first line is no header, pass "
            "<header=False>, or name all columns by <columns>.",
        )
    return names.index(column)
