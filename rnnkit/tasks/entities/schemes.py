"""Schemes of entity tags: which tags may follow each other, and writing spans as tags.

    tokens    Ada  Lovelace  Charles  Babbage  of  London
    IOB1      I    I         B        I        O   I        `B-` only where a span follows one of its own type
    IOB2      B    I         B        I        O   B        `B-` at every start
    IOBES     B    E         B        E        O   S        `E-` at every end, `S-` for a single token; also BILOU, BMES

IOB1 is of Ramshaw and Marcus, "Text chunking using transformation-based learning", 1995; the names are those of
Tjong Kim Sang and Veenstra, "Representing text chunks", 1999.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.entities.spans import OUTSIDE, Span, find_spans, parse_tags

_LETTERS = {"IOB2": "OBI", "IOB1": "OBI", "IOBES": "OBIES"}
SCHEMES = tuple(_LETTERS)


def tags_from_spans(spans: Iterable[Span], length: int, scheme: str) -> list[str]:
    """Spans as the tags of a sentence of `length` tokens.

    Raises:
        ArgumentError: the scheme is unknown.
        DataError: a span is empty, leaves the sentence, or covers a token of another one.
    """
    _check_scheme(scheme)
    tags = ["O"] * length
    for span in sorted(spans, key=lambda span: span.start):
        if not 0 <= span.start < span.end <= length or tags[span.start] != "O":
            raise DataError(
                f"spans: expected spans inside a sentence of {length} tokens, none empty and none over another, "
                f"got {span}. Correct the span or leave it out."
            )
        touching = span.start > 0 and tags[span.start - 1][2:] == span.label
        letters = _letters(scheme, span.end - span.start, touching)
        tags[span.start : span.end] = [f"{letter}-{span.label}" for letter in letters]
    return tags


def repair(tags: Sequence[str], scheme: str, *, sentence: int = 0) -> list[str]:
    """The tags of `scheme` for the spans that the CoNLL scorer finds in `tags`; valid tags come back as they are.

    Raises:
        ArgumentError: the scheme is unknown.
        DataError: one of them is no tag.
    """
    return tags_from_spans(find_spans(tags, sentence=sentence), len(tags), scheme)


def check_tags(tags: Sequence[str], scheme: str, *, sentence: int = 0) -> None:
    """Rejects a sentence that breaks the rules of `scheme`.

    Raises:
        DataError: a tag is none of the scheme's, or may not stand where it stands.
    """
    _check_scheme(scheme)
    parsed = parse_tags(tags, where=f"sentence {sentence}")
    for position, (previous, tag) in enumerate(pairwise([OUTSIDE, *parsed, OUTSIDE])):
        if not _may_follow(previous, tag, scheme):
            before, here = ["the start", *tags, "the end"][position : position + 2]
            raise DataError(
                f"sentence {sentence}, position {position} (both from 0): in {scheme}, {here!r} may not follow "
                f"{before!r}. Correct the tag, name another scheme, or let repair() read it as the CoNLL scorer does."
            )


def convert(tags: Sequence[str], source: str, target: str, *, sentence: int = 0) -> list[str]:
    """Valid tags of the scheme `source` in the scheme `target`.

    Raises:
        DataError: the tags break the rules of `source`.
    """
    check_tags(tags, source, sentence=sentence)
    return repair(tags, target, sentence=sentence)


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme whose rules the sentences break least often; of equals the first of IOB2, IOB1, IOBES.

    Each pair of neighbours counts, the edges of a sentence as `O`. So an `I-` at the start of a span speaks against
    IOB2, a `B-` that does not part two spans of one type against IOB1, a span that ends without `E-` or `S-` against
    IOBES, and one slip in a long file settles nothing.

    Raises:
        DataError: one of them is no tag.
    """
    pairs: Counter = Counter()
    for number, tags in enumerate(sentences):
        pairs.update(pairwise([OUTSIDE, *parse_tags(tags, where=f"sentence {number}"), OUTSIDE]))
    broken = {
        scheme: sum(count for (previous, tag), count in pairs.items() if not _may_follow(previous, tag, scheme))
        for scheme in SCHEMES
    }
    return min(SCHEMES, key=broken.__getitem__)


def allowed_transitions(tags: Sequence[str], scheme: str) -> dict[str, list]:
    """Which of K tags may start a sentence, end one, and follow each other, for a CRF or a constrained search.

    Args:
        tags: the K tags in the order of their numbers.
        scheme: one of IOB1, IOB2, IOBES.

    Returns:
        `"start"` and `"end"`: K booleans; `"pairs"`: K lists of K booleans, `pairs[i][j]` for tag j right after tag i.

    Raises:
        ArgumentError: the scheme is unknown, or has no tag with such a letter.
        DataError: one of them is no tag.
    """
    _check_scheme(scheme)
    parsed = parse_tags(tags, where="tags")
    for tag, written in zip(parsed, tags, strict=True):
        if tag.letter not in _LETTERS[scheme]:
            raise ArgumentError(f"tags: expected tags of {scheme}, got {written!r}. Name the scheme of these tags.")
    return {
        "start": [_may_follow(OUTSIDE, tag, scheme) for tag in parsed],
        "end": [_may_follow(tag, OUTSIDE, scheme) for tag in parsed],
        "pairs": [[_may_follow(previous, tag, scheme) for tag in parsed] for previous in parsed],
    }


def _may_follow(previous, tag, scheme):
    same_type = previous.label == tag.label
    if not {previous.letter, tag.letter} <= set(_LETTERS[scheme]):
        return False
    if scheme == "IOBES":
        is_open = previous.letter in "BI"
        return is_open == (tag.letter in "IE") and (same_type or not is_open)
    return same_type or tag.letter != ("I" if scheme == "IOB2" else "B")


def _letters(scheme, size, touching):
    if scheme == "IOBES":
        return "S" if size == 1 else "B" + "I" * (size - 2) + "E"
    first = "B" if scheme == "IOB2" or touching else "I"
    return first + "I" * (size - 1)


def _check_scheme(scheme):
    if scheme not in SCHEMES:
        raise ArgumentError(f"scheme: expected one of {', '.join(SCHEMES)} (BILOU and BMES are IOBES), got {scheme!r}.")
