"""From lines to rows, from rows to examples, from examples to a `Dataset`; what does not fit is named by its line."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import shorten
from rnnkit.errors import DataError
from rnnkit.text.textfile import MAX_LINE

Row = tuple[int, list[str]]  # line number, cells
Example = tuple[int, Any, Any]  # line number, text, label

MOST = 20  # columns that an error lists

_SURROGATE = re.compile("[\ud800-\udfff]")


def csv_rows(path: Path, text_lines: Iterable[str], delimiter: str) -> Iterator[Row]:
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
def long_cells() -> Iterator[None]:
    """Let the csv module read long texts: its limit belongs to the whole process, so it is set back afterwards."""
    limit = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def tsv_rows(text_lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a file with tabs and no quoting."""
    for number, line in enumerate(text_lines, start=1):
        if cells := line.rstrip("\r\n"):
            yield number, cells.split("\t")


def table_examples(
    path: Path, rows: Iterable[Row], columns: Sequence[str] | None, text: str, label: str | None
) -> Iterator[Example]:
    """Yield the text and label of every row; `columns` None takes the names from the first row."""
    rows = iter(rows)
    header = [name.strip() for name in columns or next(rows, (0, []))[1]]
    if not header:
        raise DataError(f"{path} is empty. Expected a header line, and a row a text.")
    places = [_place(path, header, column) for column in (text, label) if column is not None]
    for number, row in rows:
        if len(row) != len(header):
            raise DataError(f"{path}, line {number}: expected {len(header)} cells, found {len(row)}.")
        cells = [row[place] for place in places]
        yield number, cells[0], cells[1].strip() if label is not None else None


def json_examples(path: Path, text_lines: Iterable[str], text: str, label: str | None) -> Iterator[Example]:
    """Yield the text and label of every line that is not blank."""
    for number, line in enumerate(text_lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number} is not JSON: {error}. Expected one object a line.") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: expected a JSON object, found {type(record).__name__}.")
        for field in (text, label):
            if field is not None and field not in record:
                raise DataError(f"{path}, line {number} has no field '{field}'; it has: {_listed(record)}.")
        yield number, record[text], record[label] if label is not None else None


def assemble(path: Path, examples: Iterable[Example], label: str | None) -> Dataset:
    """Check all texts and labels, and make them a data set with the columns `text` and, if labelled, `label`."""
    texts, labels, unlabelled = [], [], []
    for number, content, verdict in examples:
        _check_text(path, number, content)
        texts.append(content)
        labels.append(verdict)
        if label is not None and (verdict is None or verdict == ""):
            unlabelled.append(number)
        elif label is not None and not isinstance(verdict, str | int):
            raise DataError(f"{path}, line {number}: a label is text, int or bool; found {type(verdict).__name__}.")
        elif isinstance(verdict, str):
            _check_whole(path, number, "label", verdict)
    if unlabelled:
        raise DataError(
            f"{path} has no label on {_lines(unlabelled)}. "
            "Add them, remove those rows, or pass label=None for data without labels."
        )
    if not texts:
        raise DataError(f"{path} has no rows. Expected one a text.")
    return Dataset({"text": texts} if label is None else {"text": texts, "label": labels}, name=path.name)


def _check_text(path: Path, number: int, content: Any) -> None:
    if not isinstance(content, str):
        raise DataError(f"{path}, line {number}: expected a text, found {type(content).__name__}.")
    _check_whole(path, number, "text", content)


def _check_whole(path: Path, number: int, name: str, content: str) -> None:
    if _SURROGATE.search(content):
        raise DataError(f"{path}, line {number}: the {name} holds half a character (a lone surrogate); repair it.")


def _place(path: Path, header: Sequence[str], column: str) -> int:
    if header.count(column) != 1:
        found = "more than one column" if column in header else "no column"
        raise DataError(
            f"{path} has {found} '{column}'; its columns are: {_listed(header)}. Name the column by text= or label= "
            "(label=None: no labels); if the file has no header line, name its columns by columns=."
        )
    return header.index(column)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return (", ".join(map(shorten, names[:MOST])) or "none") + more


def _lines(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
