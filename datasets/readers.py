"""The reader of a file by its suffix."""

import os
from collections.abc import Callable
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import Any

from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.conllu import read_conllu
from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.entities import has_entities, read_entities
from rnnkit.datasets.json_lines import read_jsonl, records
from rnnkit.datasets.tables import read_csv, read_tsv
from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.textfile import lines

READERS: dict[str, Callable[..., Dataset]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".json": read_jsonl,
    ".conll": read_conll,
    ".iob": read_conll,
    ".bio": read_conll,
    ".conllu": read_conllu,
    ".conllup": read_conllu,
}


def read(path: str | os.PathLike[str], **options: Any) -> Dataset:
    """Read a file by its suffix, which may be followed by `.gz`.

    Texts and labels: `.csv`, `.tsv`, and `.jsonl` or `.json` with one object per line. Tagged sentences: `.conll`,
    `.iob`, `.bio`, `.conllu`, and JSON lines whose first object holds a list of entities, or tokens and tags; those in
    a file of another name, such as `train.txt`, are read by `read_conll`.

    Args:
        path: the file.
        **options: passed to `read_csv`, `read_tsv`, `read_jsonl`, `read_entities`, `read_conll` or `read_conllu`.

    Returns:
        As the reader: the columns `text` and `label`, or `tokens` and `tags`.

    Raises:
        ArgumentError: the reader of such files has no such option.
        DataError: the suffix is not known, or as the reader.
    """
    suffix = Path(str(path).lower().removesuffix(".gz")).suffix
    if suffix not in READERS:
        known = ", ".join(READERS)
        raise DataError(f"path: expected a file that ends on one of {known} (or with .gz), got {path}.")
    reader = READERS[suffix]
    if reader is read_jsonl and _holds_entities(Path(path), options):
        reader = read_entities
    known_options = list(signature(reader).parameters)[1:]
    for option in options:
        if option not in known_options:
            raise ArgumentError(
                f"{option}: {path} is read by {reader.__name__}, whose options are {', '.join(known_options)}."
            )
    return reader(path, **options)


def _holds_entities(path: Path, options: dict[str, Any]) -> bool:
    text_lines = lines(path, options.get("encoding", "utf-8-sig"))
    return any(has_entities(record) for _, record in islice(records(path, text_lines), 1)) and "label" not in options
