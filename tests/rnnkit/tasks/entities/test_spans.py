import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import DataError
from rnnkit.tasks.entities.spans import Span, find_spans

TAGS = ["O", *(f"{letter}-{label}" for letter in "BIES" for label in ("PER", "creative-work"))]
any_tags = st.lists(st.sampled_from(TAGS), max_size=12)


def every_stretch_that_is_a_span(tags):
    """Tries all stretches: one type, whole to both sides, and not parted inside."""

    def letter(position):
        return tags[position][0] if 0 <= position < len(tags) else "O"

    def label(position):
        return tags[position][2:] if 0 <= position < len(tags) else ""

    def parted(position):
        """Between the token before `position` and the one there."""
        return label(position - 1) != label(position) or letter(position - 1) in "ES" or letter(position) in "BS"

    return [
        Span(label(start), start, end)
        for start in range(len(tags))
        for end in range(start + 1, len(tags) + 1)
        if all(label(inside) == label(start) != "" for inside in range(start, end))
        and parted(start)
        and parted(end)
        and not any(parted(inside) for inside in range(start + 1, end))
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O B-PER I-PER O", [("PER", 1, 3)]),
        ("I-PER I-PER", [("PER", 0, 2)]),
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        ("O I-LOC O", [("LOC", 1, 2)]),
        ("B-PER E-PER S-PER", [("PER", 0, 2), ("PER", 2, 3)]),
        ("B-PER L-PER U-PER", [("PER", 0, 2), ("PER", 2, 3)]),
        ("E-PER I-PER", [("PER", 0, 1), ("PER", 1, 2)]),
        ("B-creative-work I-creative-work", [("creative-work", 0, 2)]),
        ("B-work-art I-art", [("work-art", 0, 1), ("art", 1, 2)]),
        ("O O", []),
        ("", []),
    ],
)
def test_spans_as_the_conll_scorer_reads_them(tags, expected):
    assert find_spans(tags.split()) == expected


@given(any_tags)
def test_spans_are_those_among_all_stretches(tags):
    assert find_spans(tags) == every_stretch_that_is_a_span(tags)


@pytest.mark.parametrize("tag", ["B_PER", "X-PER", "", None, "B-", "B- ", "PER", "o", 3])
def test_a_malformed_tag_is_named_with_its_place(tag):
    with pytest.raises(DataError, match=f"sentence 7, position 1: .*got {tag!r}"):
        find_spans(["O", tag], sentence=7)
