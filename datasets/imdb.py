"""The Large Movie Review Dataset: whole film reviews from IMDb, read straight from its archive.

A. L. Maas et al., "Learning word vectors for sentiment analysis", ACL 2011.

Nothing is unpacked to disk: members are read in memory, and only regular files of a bounded size whose name is exactly
that of a review, so an archive with odd names or links can do nothing. It unpacks to 20 times its size at the most.
"""

import gzip
import random
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.download import reading
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.errors import DataError
from rnnkit.text.textfile import regular_file

ARCHIVE = "aclImdb_v1.tar.gz"
LABELS = {"neg": "negative", "pos": "positive"}
VALID = 0.1  # fraction of the training reviews that `read` sets aside, as the data has no validation part
MAX_BYTES = 1_000_000  # the longest review has about 14,000
MAX_RATIO = 20  # of the archive above 10 MB; the true one unpacks to 4 or 5 times its size

_MEMBER = re.compile(r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt", re.ASCII)
_BREAKS = re.compile(r"(?:\s*<br\s*/?>)+\s*")


def read(folder: Path) -> Splits:
    """The 25000 reviews of each part, labelled `negative` or `positive`, in a shuffled order that is always the same.

    The data has no validation part: a tenth of the training reviews, drawn with a fixed seed, is set aside for it.

    Raises:
        DataError: the archive cannot be read, or holds no reviews.
    """
    rows: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    for part, text, label in _reviews(folder / ARCHIVE):
        rows[part].append((text, label))
    if not all(rows.values()):
        raise DataError(f"{folder / ARCHIVE} holds no reviews under aclImdb/train and aclImdb/test.")
    train, valid = _dataset(rows["train"]).split(VALID)
    return Splits(train, valid, _dataset(rows["test"]))


def _dataset(rows: list[tuple[str, str]]) -> Dataset:
    random.Random(0).shuffle(rows)  # the archive has all reviews of one label first
    texts, labels = zip(*rows, strict=True)
    return Dataset({"text": texts, "label": labels})


def _reviews(archive: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (part, text, label) for every review in the archive."""
    try:
        size = regular_file(archive).stat().st_size
        with (
            archive.open("rb") as file,
            reading(file, size, f"Reading {ARCHIVE}") as stream,
            gzip.open(stream) as unpacked,
            tarfile.open(fileobj=cast("IO[bytes]", _Bounded(unpacked, _most(size))), mode="r|") as tar,
        ):
            for member in tar:
                match = _MEMBER.fullmatch(member.name)
                if match and member.isreg():
                    yield match[1], _text(tar, member), LABELS[match[2]]
    except DataError:
        raise
    except Exception as error:  # broken headers make tarfile raise errors of many types
        raise DataError(f"{archive} cannot be read: {error}. Remove it, and it is downloaded again.") from error


def _most(size: int) -> int:
    """Bytes that an archive of `size` may unpack to."""
    return max(10 * MAX_BYTES, MAX_RATIO * size)


class _Bounded:
    """A stream that ends after a number of bytes."""

    def __init__(self, stream: gzip.GzipFile, most: int):
        self.stream, self.left = stream, most

    def read(self, size: int) -> bytes:
        content = self.stream.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise OSError(f"it unpacks to more than {MAX_RATIO} times its size")
        return content


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = tar.extractfile(member)
    if content is None or member.size > MAX_BYTES:
        raise DataError(f"{member.name} in the archive has {member.size} bytes; a review has at most {MAX_BYTES}.")
    return _BREAKS.sub("\n", content.read().decode("utf-8", errors="replace")).strip()


SOURCE = Source(
    name="imdb",
    task="sentiment",
    description="Film reviews, positive or negative: 25000 to train (a tenth set aside to validate), 25000 to test.",
    licence="research use",
    homepage="https://ai.stanford.edu/~amaas/data/sentiment/",
    read=read,
    files=(
        SourceFile(
            ARCHIVE,
            f"https://ai.stanford.edu/~amaas/data/sentiment/{ARCHIVE}",
            "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
            84_125_825,
        ),
    ),
)
