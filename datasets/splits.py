"""Data of the user's in three parts: from its files, stratified, or with all translations of a text in one of them."""

import os
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.midi import SUFFIXES
from rnnkit.datasets.readers import read as read_file
from rnnkit.errors import DataError

FRACTION = 0.1  # of the rows, for each of validation and test
NAMES = {  # of the files of each part, as public data sets have them
    "train": {"train", "training"},
    "valid": {"valid", "val", "validation", "dev", "devel", "development", "testa"},
    "test": {"test", "testing", "testb"},
}

PathLike = str | os.PathLike[str]


def read_split(
    path: PathLike,
    valid: PathLike | None = None,
    test: PathLike | None = None,
    *,
    read: Callable[[PathLike], Dataset] = read_file,
    split: Callable[[Dataset, float], tuple[Dataset, Dataset]] = Dataset.split,
) -> Splits:
    """Training, validation and test data from a user's file, files or folder.

    A folder that has a file (or folder) for training and for at least one of the other parts is read by their names:
    one word of a name is `train`, `valid`, `val`, `dev` or `test`, in `eng.testa` and `eng.testb` the last. Any other
    folder, such as one of MIDI files, goes to `read` as it is. A part without a file is split off from the training
    data, a tenth of them.

    Args:
        path: the folder, or the file of all data but those of `valid` and `test`.
        valid, test: files of these parts; None takes the folder's, or splits the part off.
        read: a path -> the data.
        split: data and a fraction -> the rest and a part of that fraction; for instance `split_pairs`.

    Raises:
        DataError: two files have the name of one part, or as `read` and `split` raise it.
    """
    found = part_files(Path(path)) or {"train": Path(path)}
    given = {"valid": valid, "test": test}
    files = found | {part: file for part, file in given.items() if file is not None}
    parts = {part: read(file) for part, file in files.items()}
    for part, fraction in {"test": FRACTION, "valid": FRACTION / (1 - FRACTION if "test" not in files else 1)}.items():
        if part not in parts:
            parts["train"], parts[part] = split(parts["train"], fraction)
    return Splits(**parts)


def part_files(folder: Path) -> dict[str, Path]:
    """The files of a folder by their parts; none unless there is one for training and one for another part.

    Raises:
        DataError: two files have the name of one part.
    """
    found: dict[str, Path] = {}
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    for file in (file for file in inside if file.suffix.lower() not in SUFFIXES):  # pieces have names of all kinds
        words = set(re.split("[^a-z]+", file.name.lower()))
        for part in (part for part, names in NAMES.items() if words & names):
            if part in found:
                raise DataError(
                    f"{folder} has two files for the part '{part}': {found[part].name} and {file.name}.",
                    advice="Leave one of them, or name the files of the parts, with <valid> and <test>.",
                )
            found[part] = file
    return found if "train" in found and len(found) > 1 else {}


def stratified_split(
    data: Dataset, fraction: float, kinds: Sequence[Collection[str]], seed: int = 0
) -> tuple[Dataset, Dataset]:
    """As `Dataset.split`, but each kind has about the same fraction of its rows in both parts.

    Args:
        data: the rows.
        fraction: of the rows, that goes to the second part, between 0 and 1.
        kinds: of each row its label, as a set of one, or the types of its entities; of several, the rarest counts.
        seed: of the shuffle.

    Returns:
        `(rest, part)`: two data sets that share no row. A row with a kind that the rest would not know is in the rest.

    Raises:
        DataError: one of the two would be empty.
    """
    counts = Counter(kind for row in kinds for kind in row)
    rows = Dataset({"row": range(len(data))}).sample(max(1, len(data)), seed)[0]
    rarest = [min(((counts[kind], str(kind)) for kind in row), default=(0, "")) for row in kinds]
    ordered = sorted(rows, key=lambda row: rarest[row])  # kind by kind
    steps = pairwise(int(total) for total in accumulate([fraction] * len(rows), initial=0.5))
    drawn = {row for row, (before, after) in zip(ordered, steps, strict=True) if after > before}
    known = {kind for row in rows if row not in drawn for kind in kinds[row]}
    drawn = {row for row in drawn if known.issuperset(kinds[row])}
    if not 0 < len(drawn) < len(rows):
        raise DataError(
            f"fraction: expected rows on both sides of the split, got {fraction} of {len(rows)} rows. Too many have a "
            "label that no other row has. Give more rows of each label."
        )
    return data.take(row for row in rows if row not in drawn), data.take(row for row in rows if row in drawn)


def split_pairs(data: Dataset, fraction: float, seed: int = 0) -> tuple[Dataset, Dataset]:
    """As `Dataset.split`, but rows of the same source stay on one side, so that no test sentence was trained on.

    Sources that differ in nothing but case, white space or Unicode's compatibility forms count as the same.

    Args:
        data: rows with a column `source`.
        fraction: the fraction of the different sources whose rows go to the second part, between 0 and 1.
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
            "fraction: expected a fraction that leaves sources on both sides of the split, "
            f"got {fraction} of {len(known)} different sources."
        )
    held_out = set(random.Random(seed).sample(known, size))
    sides = [[row for row, key in enumerate(keys) if (key in held_out) is side] for side in (False, True)]
    return data.take(sides[0]), data.take(sides[1])


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
