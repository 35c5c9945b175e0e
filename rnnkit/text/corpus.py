"""Texts of a file or folder, a part at a time in memory."""

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from rnnkit.errors import DataError
from rnnkit.text.textfile import lines
from rnnkit.text.tokenization import END, Tokenization

BLOCK = 1_000_000  # characters that are in memory at a time
SUFFIXES = (".txt", ".txt.gz", ".md", ".gz")


class Corpus:
    """The text of files, plain or `.gz`, read again whenever it is needed.

        model.fit(rnnkit.text.Corpus("novels/"))
        model.fit(rnnkit.text.Corpus("tweets.txt.gz", each_line=True))

    Args:
        path: a file, or a folder whose files that end on `.txt`, `.md` or `.gz` are read in the order of their names.
        each_line: each line is a text of its own; otherwise each file is one, with its line ends.
        encoding: of the files.

    Raises:
        DataError: there is nothing to read at the path.
    """

    columns = ("text",)

    def __init__(self, path: str | os.PathLike[str], *, each_line: bool = False, encoding: str = "utf-8-sig"):
        self.files = _files(Path(path))
        self.each_line, self.encoding = each_line, encoding
        self.name = str(path)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, column: str) -> Iterator[str]:
        """The texts; of a text that is longer than a million characters, blocks of whole lines."""
        return (block for block, _ in self.blocks())

    def take(self, rows: object) -> NoReturn:
        """A part of the rows, as of a `Dataset`, which a file has not.

        Raises:
            DataError: always.
        """
        raise DataError(f"x: {self.name} is read as a stream, and not row by row. Give the parts as files or as texts.")

    def blocks(self) -> Iterator[tuple[str, bool]]:
        """Texts or parts of them, and whether a text ends there."""
        for file in self.files:
            if self.each_line:
                yield from ((line.rstrip("\r\n"), True) for line in lines(file, self.encoding) if line.strip())
            else:
                yield from _whole(lines(file, self.encoding))

    def texts(self) -> list[str]:
        """All texts, in memory."""
        texts: list[str] = []
        parts: list[str] = []
        for block, ends in self.blocks():
            parts.append(block)
            if ends:
                texts.append("".join(parts))
                parts = []
        if not texts:
            raise DataError(f"x: {self.name} holds no text. Give a file with some.")
        return texts

    def encoded(self, tokens: Tokenization) -> np.ndarray:
        """All texts as one stream of token numbers, each with an end behind it, in a temporary file: shape (N,).

        Raises:
            DataError: there is no text.
        """
        kind = np.dtype("uint16" if len(tokens) < 2**16 else "int32")
        with tempfile.NamedTemporaryFile(prefix="rnnkit-") as file:
            for block, ends in self.blocks():
                file.write(tokens.array(block).astype(kind).tobytes())
                if ends:
                    file.write(np.array(END, kind).tobytes())
            size = file.tell() // kind.itemsize
            if size < 2:
                raise DataError(f"x: {self.name} holds no text. Give a file with some.")
            file.flush()
            return np.memmap(file.name, kind, "r", shape=(size,))  # stays readable without its name


def release_pages(tokens: np.ndarray) -> None:
    """Unmaps what was read of an array in a file, which would count as memory of this process until all of it is there.

    It is read again when it is needed. Any other array stays as it is.
    """
    if isinstance(tokens.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        tokens.base.madvise(mmap.MADV_DONTNEED)


def open_corpus(path: str | os.PathLike[str]) -> Corpus:
    """The corpus at a path.

    Raises:
        DataError: there is nothing to read, or a text was given in the place of a path.
    """
    if isinstance(path, str) and ("\n" in path or len(path) > 4096 or not Path(path).exists()):
        raise DataError(
            f"x: expected a list of texts or the path of a file, got the text {path!r:.60}, which is no path. "
            "Give one text as [text]."
        )
    return Corpus(path)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.name.lower().endswith(SUFFIXES) and file.is_file())
        if not files:
            raise DataError(f"x: {path} has no file that ends on {', '.join(SUFFIXES)}. Name another folder.")
        return files
    if not path.exists():
        raise DataError(f"x: there is no file {path}.")
    return [path]


def _whole(text_lines: Iterator[str]) -> Iterator[tuple[str, bool]]:
    """The lines of a file in blocks, the last of which ends the text."""
    block: list[str] = []
    size = 0
    for line in text_lines:
        if size > BLOCK:
            yield "".join(block), False
            block, size = [], 0
        block.append(line)
        size += len(line)
    if block:
        yield "".join(block), True
