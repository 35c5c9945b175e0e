"""Readers of texts and their translations, and the split that keeps a text and all its translations together.

A pair whose text or translation is blank is an untranslated line and no example: it is left out, and a warning says so.
"""

import os
import warnings
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from rnnkit.datasets.dataset import Dataset
from rnnkit.errors import DataError
from rnnkit.text.textfile import lines

Pair = tuple[int, str, str]  # line number, source, target


def read_pairs(
    path: str | os.PathLike[str],
    target_path: str | os.PathLike[str] | None = None,
    *,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read texts and their translations from one file with tabs, or from two files line by line.

    One file has no header line, and a line holds a text, a tab and its translation, as those of Tatoeba and Anki do;
    their third column, which says whose sentences they are, is passed over. Of two files, the same lines belong
    together, blank ones included. Only LF and CR LF end a line, and white space at both ends of a text is taken off.

    Args:
        path: a text file, plain or `.gz`, of any suffix: the pairs, or with `target_path` the texts alone.
        target_path: a file with the translations of the lines of `path`.
        encoding: of the files; a byte order mark is fine.

    Returns:
        A data set with the columns `source` and `target`.

    Raises:
        ArgumentError: there is no such encoding.
        DataError: a file cannot be read, a line has not 2 or 3 cells, the two files differ in their number of lines,
            or there is no pair.

    Warns:
        UserWarning: pairs were left out, as one of their sides is blank.
    """
    path = Path(path)
    pairs = _table(path, encoding) if target_path is None else _aligned(path, Path(target_path), encoding)
    sources, targets, blank = [], [], []
    for number, source, target in pairs:
        if source and target:
            sources.append(source)
            targets.append(target)
        elif source or target:
            blank.append(number)
    if not sources:
        raise DataError(f"{path} holds no pair: no line has both a text and its translation.")
    if blank:
        warnings.warn(f"{path}: {_counted(blank)} without text or translation left out.", stacklevel=2)
    return Dataset({"source": sources, "target": targets}, name=path.name)


def _table(path: Path, encoding: str) -> Iterator[Pair]:
    for number, line in enumerate(lines(path, encoding), start=1):
        cells = line.rstrip("\r\n").split("\t")
        if line.strip() and len(cells) not in (2, 3):
            raise DataError(
                f"{path}, line {number}: expected a text, a tab and its translation, found {len(cells)} "
                f"cell{'' if len(cells) == 1 else 's'}. Where the translations are in a file of their own, give it too."
            )
        yield number, cells[0].strip(), cells[1].strip() if len(cells) > 1 else ""


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


def _counted(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"{len(numbers)} pair{'s' if len(numbers) > 1 else ''} (line {shown}{more})"
