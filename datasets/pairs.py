"""Readers of texts and their translations, and the split that keeps a text and all its translations together.

A pair whose text or translation is blank is an untranslated line and no example: it is left out, and a warning says so.
"""

import os
import random
import unicodedata
import warnings
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.textfile import lines
from rnnkit.errors import DataError

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


def split_pairs(data: Dataset, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """As `Dataset.split`, but rows of the same source stay on one side, so that no test sentence was trained on.

    Sources that differ in nothing but case, white space or Unicode's compatibility forms count as the same.

    Args:
        data: rows with a column `source`.
        fraction: the share of the different sources whose rows go to the second part, between 0 and 1.
        seed: of the shuffle.

    Returns:
        `(rest, part)`: two data sets that share no source; each keeps the order of `data`.

    Raises:
        DataError: one of the two would be empty.
    """
    keys = [_folded(source) for source in data["source"]]
    known = list(dict.fromkeys(keys))
    size = round(fraction * len(known)) if 0 < fraction < 1 else 0
    if not 0 < size < len(known):
        raise DataError(
            "fraction: expected a share that leaves sources on both sides of the split, "
            f"got {fraction} of {len(known)} different sources."
        )
    held_out = set(random.Random(seed).sample(known, size))
    sides = [[row for row, key in enumerate(keys) if (key in held_out) is side] for side in (False, True)]
    return data.take(sides[0]), data.take(sides[1])


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


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
