"""Readers of texts and their translations.

A pair whose text or translation is blank is an untranslated line and no example: it is left out, and a warning says so.
"""

import os
import warnings
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import counted
from rnnkit.datasets.pair_columns import find_columns
from rnnkit.errors import ArgumentError, DataError, DataNotice
from rnnkit.text.textfile import lines

Row = tuple[int, list[str]]  # line number, cells
Pair = tuple[int, str, str]  # line number, source, target


def read_pairs(
    path: str | os.PathLike[str],
    target_path: str | os.PathLike[str] | None = None,
    *,
    columns: Sequence[int | str] | None = None,
    header: bool | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and their translations from one file with tabs, or from two files line by line.

    A line of one file holds a text, a tab and its translation, and may go on with whose they are, as the files of
    Tatoeba and Anki do. Columns of numbers alone and of a code of a language are no texts, so `id, text, translation`
    and `id, text, id, translation` are read as well, and a first line of names such as `english` and `source` is a
    header. A warning says what was taken for what.

    Of two files, the same lines belong together, blank ones included. Only LF and CR LF end a line, or CR in a file
    without LF, and white space at both ends of a text is taken off.

    Args:
        path: a text file, plain or `.gz`, of any suffix: the pairs, or with `target_path` the texts alone.
        target_path: a file with the translations of the lines of `path`.
        columns: those of texts and translations in one file, as numbers from 0 or as names in its header line; None
            finds out.
        header: whether the first line of one file is a header; None finds out.
        encoding: of the files; a byte order mark is fine.

    Returns:
        A data set with the columns `source` and `target`.

    Raises:
        ArgumentError: `columns` are not two, or are given for two files, or there is no such encoding.
        DataError: a file cannot be read, a line has too few cells, it is not clear which columns hold the texts, the
            two files differ in their number of lines, or there is no pair.

    Warns:
        DataNotice: columns or a header line were found out, or pairs left out, as one of their sides is blank.
    """
    path = Path(path)
    notices: list[DataNotice] = []
    if target_path is None:
        pairs = _from_columns(path, encoding, _two(columns), header, notices)
    elif columns is None and header is None:
        pairs = _aligned(path, Path(target_path), encoding)
    else:
        raise ArgumentError("columns, header: expected neither with target_path, as two files have no columns.")
    sources, targets, blank = [], [], []
    for number, source, target in pairs:
        if source and target:
            sources.append(source)
            targets.append(target)
        elif source or target:
            blank.append(number)
    if not sources:
        raise DataError(f"{path} has no pair: no line has both a text and its translation.")
    if blank:
        notices.append(DataNotice(f"{path}: {counted('pair', blank)} without text or translation left out."))
    for notice in notices:
        warnings.warn(notice, stacklevel=2)
    return Dataset({"source": sources, "target": targets}, name=path.name)


def _two(columns: Sequence[int | str] | None) -> Sequence[int | str] | None:
    kinds = [] if columns is None or isinstance(columns, str) else [type(each) for each in columns]
    if columns is None or (kinds in ([int, int], [str, str]) and columns[0] != columns[1]):
        return columns
    raise ArgumentError(
        f"columns: expected the numbers or the names of two columns, such as (0, 1) or ('en', 'de'), got {columns!r}."
    )


def _from_columns(
    path: Path, encoding: str, columns: Sequence[int | str] | None, header: bool | None, notices: list[DataNotice]
) -> Iterator[Pair]:
    """Yield the pairs of one file."""
    rows = _rows(path, encoding, same=columns is None)
    if len(rows) <= bool(header):
        return
    found = find_columns(path, [cells for _, cells in rows], columns, header)
    if found.guessed:
        advice = f"Say so by <columns={found.source},{found.target}> and <header={found.header}>."
        notices.append(DataNotice(f"{path}, as it seems: {found.guessed}.", advice=advice))
    for number, cells in rows[found.header :]:
        for place in (found.source, found.target):
            if not 0 <= place < len(cells):
                raise DataError(f"{path}, line {number}: expected a column {place}, counted from 0, {_found(cells)}.")
        yield number, cells[found.source], cells[found.target]


def _rows(path: Path, encoding: str, same: bool) -> list[Row]:
    """The cells of each line that is not blank: on all lines as many where `same`, or else 2 or 3."""
    numbered = enumerate(lines(path, encoding), start=1)
    rows = [(number, line.rstrip("\r\n").split("\t")) for number, line in numbered if line.strip()]
    for number, cells in rows if same else ():
        width = len(rows[0][1])
        if len(cells) < 2 or (len(cells) != width and {len(cells), width} != {2, 3}):
            raise DataError(
                f"{path}, line {number}: expected a text, a tab and its translation"
                f"{f' in {width} cells, as on line {rows[0][0]}' if width > 3 else ''}, {_found(cells)}.",
                advice="Where the translations are in a file of their own, give it too.",
            )
    return [(number, [cell.strip() for cell in cells]) for number, cells in rows]


def _found(cells: list[str]) -> str:
    return f"found {len(cells)} cell{'' if len(cells) == 1 else 's'}"


def _aligned(path: Path, target_path: Path, encoding: str) -> Iterator[Pair]:
    both = zip_longest(lines(path, encoding), lines(target_path, encoding))
    for number, (source, target) in enumerate(both, start=1):
        if source is None or target is None:
            counts = [sum(1 for _ in lines(each, encoding)) for each in (path, target_path)]
            raise DataError(
                f"{path} has {counts[0]} lines and {target_path} has {counts[1]}: expected as many, as the same lines "
                "belong together. Leave the lines of missing translations blank."
            )
        yield number, source.strip(), target.strip()
