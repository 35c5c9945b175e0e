"""Readers of the user's own files: CSV, TSV and JSON lines, plain or .gz, into a `Dataset` of texts and labels.

`read` also knows the files of tagged sentences that `read_conll` reads.
"""

import os
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.rows import assemble, csv_rows, json_examples, long_cells, table_examples, tsv_rows
from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.textfile import lines


def read_csv(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    label: str | None = "label",
    columns: Sequence[str] | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and labels from a CSV file. Cells may be quoted, and quoted cells may hold line ends.

    Blank lines are passed over. Every cell is text, and labels lose the white space around them.

    Args:
        path: a `.csv` or `.csv.gz` file.
        text: the column of the texts.
        label: the column of the labels, or None for data without labels.
        columns: the names of the columns of a file without a header line; None takes them from its first line.
        delimiter: what stands between cells.
        encoding: of the file; a byte order mark is fine.

    Returns:
        A data set with the columns `text` and, unless `label` is None, `label`.

    Raises:
        DataError: the file cannot be read or is empty, a column is not there, a line has too many or too few cells,
            or a label is missing.
    """
    path = Path(path)
    rows = csv_rows(path, lines(path, encoding, newline=""), delimiter)
    with long_cells():
        return assemble(path, table_examples(path, rows, columns, text, label), label)


def read_tsv(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    label: str | None = "label",
    columns: Sequence[str] | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and labels from a file with tabs between its cells, where a quote is a character like any other.

    Args:
        path: a `.tsv` or `.tsv.gz` file.
        text: as for `read_csv`.
        label: as for `read_csv`.
        columns: as for `read_csv`.
        encoding: as for `read_csv`.

    Returns:
        As `read_csv`.

    Raises:
        DataError: as `read_csv`.
    """
    path = Path(path)
    rows = tsv_rows(lines(path, encoding))
    return assemble(path, table_examples(path, rows, columns, text, label), label)


def read_jsonl(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    label: str | None = "label",
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and labels from a file with one JSON object a line. Labels stay what they are: text, int or bool.

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
    return assemble(path, json_examples(path, lines(path, encoding), text, label), label)


READERS: dict[str, Callable[..., Dataset]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".json": read_jsonl,
    ".conll": read_conll,
    ".iob": read_conll,
    ".bio": read_conll,
}


def read(path: str | os.PathLike[str], **options: Any) -> Dataset:
    """Read a file by its suffix, which may be followed by `.gz`.

    Texts and labels: `.csv`, `.tsv`, and `.jsonl` or `.json` with one object a line. Tagged sentences: `.conll`,
    `.iob` and `.bio`; those in a file of another name, such as `train.txt`, are read by `read_conll`.

    Args:
        path: the file.
        **options: passed to `read_csv`, `read_tsv`, `read_jsonl` or `read_conll`.

    Returns:
        As `read_csv`, or as `read_conll`.

    Raises:
        ArgumentError: the reader of such files has no such option.
        DataError: the suffix is not known, or as the reader.
    """
    suffix = Path(str(path).lower().removesuffix(".gz")).suffix
    if suffix not in READERS:
        known = ", ".join(READERS)
        raise DataError(f"path: expected a file that ends on one of {known} (or with .gz), got {path}.")
    reader = READERS[suffix]
    known_options = list(signature(reader).parameters)[1:]
    for option in options:
        if option not in known_options:
            raise ArgumentError(
                f"{option}: {path} is read by {reader.__name__}, whose options are {', '.join(known_options)}."
            )
    return reader(path, **options)
