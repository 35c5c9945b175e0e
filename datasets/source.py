"""What is known about a data set: where it comes from, its licence, its files and how they are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rnnkit.datasets.dataset import Splits


@dataclass(frozen=True)
class SourceFile:
    """One file of a public data set, pinned by its digest.

    Attributes:
        name: what it is called in the data set's cache folder.
        url: where it is downloaded from.
        sha256: hexadecimal digest of its bytes.
        size: in bytes; None where nobody wrote it down, and then only the server knows.
    """

    name: str
    url: str
    sha256: str
    size: int | None


@dataclass(frozen=True)
class Source:
    """One entry of the table of data sets.

    Attributes:
        name: what `load` finds it by.
        task: what it is for: `"sentiment"`, `"ner"`, `"music"`, `"translation"`, `"forecasting"` or `"language-model"`.
        description: what it holds, in a sentence or two.
        licence: as its source states it.
        homepage: where to read about it.
        read: cache folder, with all files in it -> the splits.
        files: what has to be downloaded; empty for a generated sample.
        folder: of the cache, where data sets that have files in common share one; empty takes the name.
        steps_per_beat: of music, steps per quarter note.
    """

    name: str
    task: str
    description: str
    licence: str
    homepage: str
    read: Callable[[Path], Splits] = field(repr=False)
    files: tuple[SourceFile, ...] = ()
    folder: str = ""
    steps_per_beat: int | None = None

    def splits(self, folder: Path) -> Splits:
        """What `read` gives, each part called by its name."""
        splits = self.read(folder)
        for part, data in splits._asdict().items():
            data.name = f"{self.name} {part}"
        return splits
