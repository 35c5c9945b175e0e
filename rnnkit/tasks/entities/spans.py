"""From tags to the spans they stand for, read as the CoNLL shared tasks read them.

A tag is `O`, or a letter and a type: `B-PER` begins a span of people, `I-PER` is inside one, `E-PER` ends one and
`S-PER` is one by itself. A type may hold hyphens. L and U of BILOU are read as E and S, M of BMES as I.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rnnkit.errors import DataError

_TAG = re.compile(r"([BIESLUM])-(\S.*)")
_SAME_LETTER = {"L": "E", "U": "S", "M": "I"}


class Span(NamedTuple):
    """An entity: its type, and its tokens `start` to `end`, counted from 0, without the one at `end`."""

    label: str
    start: int
    end: int


class Tag(NamedTuple):
    """A tag in its two parts: a letter of `OBIES` and a type."""

    letter: str
    label: str


OUTSIDE = Tag("O", "")


def parse_tags(tags: Sequence[str], *, where: str) -> list[Tag]:
    """The parts of each tag.

    Raises:
        DataError: one of them is no tag; the message starts with `where` and gives its position.
    """
    return [_parse(tag, where, position) for position, tag in enumerate(tags)]


def find_spans(tags: Sequence[str], *, sentence: int = 0) -> list[Span]:
    """The spans of one sentence, from left to right, whatever the scheme and however broken its tags.

    This is the reading of the CoNLL scorer (Tjong Kim Sang and Buchholz, "Introduction to the CoNLL-2000 shared task",
    2000): a change of type ends a span and starts the next, and an `I-` after an `O` starts one.

    Args:
        tags: the tags of one sentence.
        sentence: its number, for messages.

    Raises:
        DataError: one of them is no tag.
    """
    spans, start = [], 0
    parsed = parse_tags(tags, where=f"sentence {sentence}")
    for position, (previous, tag) in enumerate(pairwise([OUTSIDE, *parsed, OUTSIDE])):
        if ends_span(previous, tag):
            spans.append(Span(previous.label, start, position))
        if starts_span(previous, tag):
            start = position
    return spans


def starts_span(previous: Tag, tag: Tag) -> bool:
    """Whether a span starts with `tag`, which follows `previous`."""
    return tag != OUTSIDE and _parted(previous, tag)


def ends_span(previous: Tag, tag: Tag) -> bool:
    """Whether a span ends with `previous`, which `tag` follows."""
    return previous != OUTSIDE and _parted(previous, tag)


def _parted(previous, tag):
    return previous.label != tag.label or previous.letter in "ES" or tag.letter in "BS"


def _parse(tag, where, position):
    if tag == "O":
        return OUTSIDE
    match = _TAG.fullmatch(tag) if isinstance(tag, str) else None
    if not match:
        raise DataError(
            f"{where}, position {position}: expected 'O' or a tag like 'B-PER' whose letter is one of BIES, LU or M, "
            f"got {tag!r}. Correct the tag, or choose the column that holds the tags."
        )
    letter, label = match.groups()
    return Tag(_SAME_LETTER.get(letter, letter), label)


def named(tokens: Sequence[str], tags: Sequence[str]) -> str:
    """The entities of a tagged sentence in a line, for people; a hyphen where there is none."""
    return ", ".join(f"{' '.join(tokens[start:end])} ({label})" for label, start, end in find_spans(tags)) or "-"
