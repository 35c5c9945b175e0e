"""Reader of tagged sentences in columns: one token per line, a blank line after each sentence.

The form is that of the shared tasks of CoNLL; which column holds what differs from file to file.
"""

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, groupby
from pathlib import Path
from typing import NamedTuple

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import shorten
from rnnkit.errors import ArgumentError, DataError, DataNotice
from rnnkit.text.textfile import lines

DOCUMENT = "-DOCSTART-"  # begins a line that separates documents and holds no token
COMMENT = "#"

_TAG = re.compile(r"O|[BIESMLU]-\S+")

Sentence = list[tuple[int, str]]  # numbered lines


def read_conll(
    path: str | os.PathLike[str],
    *,
    token_column: int = 0,
    tag_column: int | None = -1,
    columns: Sequence[int] | None = None,
    comment: str | None = "auto",
    separator: str | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read tokens and their tags from a file with one token per line.

    A blank line ends a sentence, and so does a `-DOCSTART-` line. Tags stay as they stand, whatever their scheme. Only
    LF and CR LF end a line, or CR in a file without LF, so a token may be any other Unicode; spaces around a cell are
    taken off.

    A line that begins like a comment is one only if it has not the columns of a token: another number of them, or,
    before the first token of a sentence, what is neither a tag like `B-PER` nor one of the file's other tags. So a
    hashtag is a token.

    Args:
        path: a text file, plain or `.gz`, of any suffix.
        token_column: the number of the column of the tokens, from 0; negative numbers count from the last column.
        tag_column: the number of the column of the tags, or None for a file without tags.
        columns: the two numbers together, or only that of the tokens; in place of `token_column` and `tag_column`.
        comment: what comment lines begin with, or None for a file that has none; `"auto"` takes `#`, and warns where it
            finds comments.
        separator: what stands between columns; None takes tabs if the file's first token line has one, and runs of
            spaces if not.
        encoding: of the file; a byte order mark is fine.

    Returns:
        A data set with the columns `tokens` and, unless there are no tags, `tags`: for each sentence a list of str, as
        long as the sentence.

    Raises:
        ArgumentError: `separator` is empty, `columns` are not one or two, or there is no such encoding.
        DataError: the file cannot be read or holds no sentence, there is no such column or one is named twice, a line
            has more or fewer columns than the first, or a token or tag is empty.

    Warns:
        DataNotice: lines were taken for comments without being asked to.
    """
    if separator == "":
        raise ArgumentError("separator: expected the separator of columns, or None to detect it, got ''.")
    if columns is not None:
        token_column, tag_column = _picked(columns)
    path = Path(path)
    wanted = {"token": token_column} | ({} if tag_column is None else {"tag": tag_column})
    sentences = list(_sentences(lines(path, encoding)))
    table = _table(path, sentences, wanted, separator, COMMENT if comment == "auto" else comment or "")
    sentences, comments = table.without_comments(sentences)
    if comments and comment == "auto":
        warnings.warn(_told(path, comments), stacklevel=2)
    rows = [zip(*(table.row(*line) for line in sentence), strict=True) for sentence in sentences]
    if not rows:
        raise DataError(f"{path} has no sentence: no line has a token.")
    found = zip(wanted, zip(*rows, strict=True), strict=True)
    return Dataset({f"{name}s": [list(cells) for cells in column] for name, column in found}, name=path.name)


def _picked(columns: Sequence[int]) -> tuple[int, int | None]:
    if isinstance(columns, str) or not 1 <= len(columns) <= 2 or not all(type(each) is int for each in columns):
        raise ArgumentError(
            f"columns: expected the numbers of the columns of tokens and tags, such as (0, 3), got {columns!r}."
        )
    return columns[0], columns[1] if len(columns) == 2 else None


def _sentences(text_lines: Iterable[str]) -> Iterator[Sentence]:
    """Yield the numbered lines of each sentence."""
    for ends, group in groupby(
        enumerate(text_lines, 1), lambda line: line[1].isspace() or line[1].startswith(DOCUMENT)
    ):
        if not ends:
            yield list(group)


class _Table(NamedTuple):
    """How the lines of a file are read: `width` columns as on line `first`, the wanted ones at `places`."""

    path: Path
    separator: str | None
    comment: str
    wanted: dict[str, int]
    first: int
    width: int
    places: list[int]

    def row(self, number: int, line: str) -> tuple[str, ...]:
        """The wanted cells of a token's line."""
        cells = _cells(line, self.separator)
        if len(cells) != self.width:
            split_at = f"separator {self.separator!r}" if self.separator else "spaces"
            raise DataError(
                f"{self.path}, line {number}: expected {self.width} columns as on line {self.first}, found "
                f"{len(cells)}. The line was split at {split_at}.",
                advice="Repair it, or pass another <separator>, or what comments begin with, such as <comment=//>.",
            )
        row = tuple([cells[place] for place in self.places])
        if not all(row):
            name = list(self.wanted)[row.index("")]
            column = self.wanted[name]
            raise DataError(f"{self.path}, line {number}: expected a {name} in column {column}, found nothing.")
        return row

    def without_comments(self, sentences: list[Sentence]) -> tuple[list[Sentence], Sentence]:
        """The sentences that have tokens, with these lines alone, and the comments."""
        if not self.comment:
            return sentences, []
        tags = self._tags(sentences)
        kept: list[Sentence] = []
        comments: Sentence = []
        for sentence in sentences:
            tokens: Sentence = []
            for number, line in sentence:
                is_token = not self._begins_comment(line) or self._has_columns(line, tags if not tokens else None)
                (tokens if is_token else comments).append((number, line))
            kept += [tokens] if tokens else []
        return kept, comments

    def _tags(self, sentences: list[Sentence]) -> set[str]:
        """The tags of the lines that are tokens without doubt."""
        sure = (line for each in sentences for _, line in dropwhile(lambda line: self._begins_comment(line[1]), each))
        cells = (_cells(line, self.separator) for line in sure)
        return {each[self.places[-1]] for each in cells if len(each) == self.width}

    def _begins_comment(self, line: str) -> bool:
        return line.startswith(self.comment)

    def _has_columns(self, line: str, tags: set[str] | None) -> bool:
        """Whether a line has the columns of a token, the last of them with a tag: one of `tags`, if these are given."""
        cells = _cells(line, self.separator)
        if len(cells) != self.width or tags is None or "tag" not in self.wanted:
            return len(cells) == self.width
        tag = cells[self.places[-1]]
        return tag in tags or bool(_TAG.fullmatch(tag))


def _table(
    path: Path, sentences: list[Sentence], wanted: dict[str, int], separator: str | None, comment: str
) -> _Table:
    """What the first line that cannot be a comment says about all; an empty file has no columns."""
    numbered = [line for sentence in sentences for line in sentence]
    sure = (line for line in numbered if not (comment and line[1].startswith(comment)))
    first, line = next(sure, numbered[0] if numbered else (0, ""))
    separator = separator or ("\t" if "\t" in line else None)
    width = len(_cells(line, separator))
    return _Table(path, separator, comment, wanted, first, width, _places(path, wanted, width) if first else [])


def _told(path: Path, comments: Sentence) -> DataNotice:
    number, line = comments[0]
    count = f"{len(comments)} line{'s' if len(comments) > 1 else ''}"
    return DataNotice(
        f"{path}: {count} taken for comments, such as line {number}, {shorten(line)}.",
        advice="Pass <comment=#> if they are, and <comment=None> if they are tokens.",
    )


def _cells(line: str, separator: str | None) -> list[str]:
    if separator is None:  # not line.split(): it would cut tokens with other white space, such as U+00A0
        return [cell for cell in line.rstrip("\r\n").split(" ") if cell]
    return [cell.strip(" ") for cell in line.rstrip("\r\n").split(separator)]


def _places(path: Path, wanted: dict[str, int], width: int) -> list[int]:
    """The columns' numbers from the left."""
    has = f"{path} has {width} column{'' if width == 1 else 's'}"
    for name, number in wanted.items():
        if not -width <= number < width:
            raise DataError(f"{name}_column: {has}, so expected a number from {-width} to {width - 1}, got {number}.")
    places = [number % width for number in wanted.values()]
    if len(set(places)) < len(places):
        raise DataError(
            f"{has}; tokens and tags are both to come from column {places[0]}.",
            advice="Name two by <columns>, such as <columns=0,1>, only one in a file without tags, or pass another "
            "<separator>.",
        )
    return places
