"""Which columns of a file with tabs hold texts and their translations, and whether its first line is a header."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rnnkit.datasets.describe import listed
from rnnkit.errors import DataError

SAMPLE = 1000  # lines by which columns are told apart
# Words of which a header line is made: names of columns, and of languages, in English and as codes.
_WORDS = """
source target src tgt trg text translation sentence original reference input output id lang language english german
french spanish italian portuguese dutch swedish danish norwegian finnish polish czech russian ukrainian turkish greek
hebrew arabic persian hindi chinese japanese korean vietnamese eng deu ger fra fre spa ita por nld swe dan nor fin pol
ces cze rus ukr tur ell heb ara fas hin zho cmn jpn kor vie en de fr es it pt nl sv da no fi pl cs ru uk tr el he ar
fa hi zh ja
"""
HEADER = frozenset(_WORDS.split())

_LANGUAGE = re.compile("[a-z]{2,3}([_-][A-Za-z]{2,8})?")
_CREDITS = re.compile(r"CC[ -]|.*(tatoeba|attribution)|$", re.IGNORECASE)


class Columns(NamedTuple):
    """Where texts and translations are, whether the first row is a header, and what of that was a guess."""

    source: int
    target: int
    header: bool
    guessed: str


def find_columns(path: Path, rows: list[list[str]], columns: Sequence | None, header: bool | None) -> Columns:
    """The columns that were named, or those of the kinds that pairs have.

    Args:
        path: for errors.
        rows: the cells of each line, at least one.
        columns: two numbers, two names in the header, or None.
        header: whether the first row is one; None finds out.

    Raises:
        DataError: there are no such columns, or it is not clear which hold the texts.
    """
    guesses = []
    if columns is not None and isinstance(columns[0], str):
        columns, header = [_place(path, rows[0], name) for name in columns], True
    if header is None and (header := _is_header(rows)):
        guesses.append("its first line is a header")
    if columns is None:
        columns, guess = _guess(path, rows[header:])
        guesses += [guess] if guess else []
    source, target = columns
    return Columns(source, target, bool(header), "; ".join(guesses))


def _place(path: Path, head: list[str], name: str) -> int:
    if head.count(name) != 1:
        raise DataError(
            f"columns: expected one column '{name}' in the first line of {path}, which has: {listed(head)}."
        )
    return head.index(name)


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row has words of headers alone, or a name above numbers."""
    head, *body = rows[:SAMPLE]
    words = re.findall(r"\w+", " ".join(head).casefold().replace("_", " "))
    columns = zip(*body, strict=False) if body else ()
    named = any(not name.isdecimal() and _are_numbers(below) for name, below in zip(head, columns, strict=False))
    return named or (bool(body and words) and set(words) <= HEADER)


def _guess(path: Path, rows: list[list[str]]) -> tuple[list[int], str]:
    """The two columns of texts, and what the others hold where these are not behind them."""
    columns = list(zip(*rows[:SAMPLE], strict=False))  # as many as all rows have
    kinds = [_kind(values, place, len(columns)) for place, values in enumerate(columns)]
    texts = [place for place, kind in enumerate(kinds) if kind == "texts"]
    if kinds == ["numbers", "numbers"]:
        texts = [0, 1]
    more = any(not _CREDITS.match(cell) for cells in rows for cell in cells[len(columns) :])
    if texts == [0, 1, 2] == list(range(len(columns))) or (texts == [0, 1] and more):
        return [0, 1], "column 0 holds texts, 1 their translations, and what follows is neither"
    held = ", ".join(f"{place} {kind}" for place, kind in enumerate(kinds))
    if len(texts) != 2:
        raise DataError(
            f"{path}: it is not clear which columns hold texts and translations. From 0, columns hold: {held}.",
            advice="Name two columns, such as <columns=0,1>.",
        )
    told = f"column {texts[0]} holds texts and {texts[1]} their translations, as from 0 columns hold: {held}"
    return texts, told if texts != [0, 1] else ""


def _kind(values: Sequence[str], place: int, width: int) -> str:
    """What a column holds; a language code differs from a word by being the same on many lines."""
    if _are_numbers(values):
        return "numbers"
    if width > 2 and len(values) > 1 and len(set(values)) == 1 and _LANGUAGE.fullmatch(values[0]):
        return "the code of a language"
    return "credits" if place > 1 and all(map(_CREDITS.match, values)) else "texts"


def _are_numbers(values: Sequence[str]) -> bool:
    return all(value.isdecimal() for value in values)
