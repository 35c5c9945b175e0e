"""Readers of JSON lines, one object per line: texts and labels here; tagged sentences in `entities`."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import listed
from rnnkit.datasets.tables import Example, assemble
from rnnkit.errors import DataError
from rnnkit.text.textfile import lines

Record = dict[str, Any]


def read_jsonl(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    label: str | None = "label",
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and labels from a file with one JSON object per line.

    Labels stay what they are: text, bool or number; 5.0 is the number 5, and a list of one text is that text.

    Args:
        path: a `.jsonl` or `.jsonl.gz` file.
        text: the field of the texts.
        label: the field of the labels, or None for data without labels.
        encoding: as for `read_csv`.

    Returns:
        As `read_csv`.

    Raises:
        DataError: the file cannot be read or is empty, a line is no JSON object, or lacks a field.
    """
    path = Path(path)
    return assemble(path, _examples(path, records(path, lines(path, encoding)), text, label), label)


def records(path: Path, text_lines: Iterable[str]) -> Iterator[tuple[int, Record]]:
    """Yield the number and the object of every line that is not blank.

    A list of a text and an object, as spaCy's examples are, is taken for one object.

    Raises:
        DataError: a line is no JSON object.
    """
    for number, line in enumerate(text_lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number} is not JSON: {error}. Expected one object per line. pandas turns a list into "
                "lines: read_json(...).to_json(..., orient='records', lines=True)."
            ) from error
        if isinstance(record, list) and [type(each) for each in record] == [str, dict]:
            record = {"text": record[0], **record[1]}
        if not isinstance(record, dict):
            raise DataError(f"{path}, line {number}: expected a JSON object, found {type(record).__name__}.")
        yield number, record


def field(path: Path, number: int, record: Record, name: str) -> Any:
    """A field of the object on a line.

    Raises:
        DataError: it is not there.
    """
    if name not in record:
        raise DataError(f"{path}, line {number} has no field '{name}'; it has: {listed(record)}.")
    return record[name]


def _examples(path: Path, numbered: Iterable[tuple[int, Record]], text: str, label: str | None) -> Iterator[Example]:
    for number, record in numbered:
        given = None if label is None else _label(path, number, field(path, number, record, label))
        yield number, field(path, number, record, text), given


def _label(path: Path, number: int, label: Any) -> str | int | float | None:
    """A label as Python has it; JSON does not tell 5 and 5.0 apart."""
    if isinstance(label, list) and [type(each) for each in label] == [str]:  # as doccano writes the label of a text
        return label[0]
    if isinstance(label, float) and math.isfinite(label):
        return int(label) if label.is_integer() else label
    if label is None or isinstance(label, str | int):
        return label
    found = type(label).__name__ if not isinstance(label, float) else label
    raise DataError(
        f"{path}, line {number}: a label is text, bool or a number; found {found}. Entities in texts are read by "
        "read_entities."
    )
