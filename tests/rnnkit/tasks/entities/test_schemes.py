from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.entities.schemes import (
    SCHEMES,
    allowed_transitions,
    check_tags,
    convert,
    detect_scheme,
    repair,
    tags_from_spans,
)
from rnnkit.tasks.entities.spans import Span, find_spans

WRITTEN = {
    "IOB1": "I-PER I-PER B-PER I-PER O I-LOC I-PER",
    "IOB2": "B-PER I-PER B-PER I-PER O B-LOC B-PER",
    "IOBES": "B-PER E-PER B-PER E-PER O S-LOC S-PER",
}
LETTERS = {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES"}
schemes = st.sampled_from(SCHEMES)
any_tags = st.lists(
    st.sampled_from(["O", *(f"{letter}-{label}" for letter in "BIESLUM" for label in ("a-b", "b"))]), max_size=10
)


def tags_of(scheme):
    return ["O", *(f"{letter}-{label}" for letter in LETTERS[scheme] for label in ("a-b", "b"))]


def is_valid(tags, scheme):
    try:
        check_tags(tags, scheme)
    except DataError:
        return False
    return True


@pytest.mark.parametrize("source", SCHEMES)
@pytest.mark.parametrize("target", SCHEMES)
def test_one_sentence_in_every_scheme(source, target):
    assert convert(WRITTEN[source].split(), source, target) == WRITTEN[target].split()


def test_bilou_is_read_as_iobes():
    bilou = WRITTEN["IOBES"].replace("E-", "L-").replace("S-", "U-").split()
    assert detect_scheme([bilou]) == "IOBES"
    assert convert(bilou, "IOBES", "IOB2") == WRITTEN["IOB2"].split()


def test_bmes_is_read_as_iobes():
    """With spans of three tokens, so that there is a middle."""
    bmes = ["B-PER", "M-PER", "E-PER", "O", "S-LOC", "B-PER", "E-PER"]
    assert detect_scheme([bmes]) == "IOBES"
    assert convert(bmes, "IOBES", "IOB2") == ["B-PER", "I-PER", "I-PER", "O", "B-LOC", "B-PER", "I-PER"]
    assert find_spans(bmes) == [Span("PER", 0, 3), Span("LOC", 4, 5), Span("PER", 5, 7)]


@given(any_tags, schemes)
def test_repair_keeps_the_spans_and_makes_valid_tags(tags, scheme):
    repaired = repair(tags, scheme)
    assert find_spans(repaired) == find_spans(tags)
    assert is_valid(repaired, scheme)
    assert repair(repaired, scheme) == repaired


@pytest.mark.parametrize("scheme", SCHEMES)
def test_valid_are_just_the_tags_that_repair_leaves_alone(scheme):
    for length in range(4):
        for tags in product(tags_of(scheme), repeat=length):
            assert is_valid(tags, scheme) == (repair(tags, scheme) == list(tags))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_allowed_transitions_are_those_of_the_valid_sentences(scheme):
    tags = tags_of(scheme)
    allowed = allowed_transitions(tags, scheme)
    valid = [tags_ for tags_ in product(tags, repeat=4) if repair(tags_, scheme) == list(tags_)]
    inside = {pair for sentence in valid for pair in pairwise(sentence)}
    assert allowed["start"] == [tag in {sentence[0] for sentence in valid} for tag in tags]
    assert allowed["end"] == [tag in {sentence[-1] for sentence in valid} for tag in tags]
    assert allowed["pairs"] == [[(previous, tag) in inside for tag in tags] for previous in tags]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_scheme_is_found_in_spite_of_a_slip(scheme):
    sentence = WRITTEN[scheme].split()
    slip = ["O", "I-PER"] if scheme != "IOB1" else ["O", "B-PER"]
    assert detect_scheme([sentence, sentence]) == scheme
    assert detect_scheme([sentence] * 5 + [slip]) == scheme


def test_iob2_if_nothing_speaks_against_it():
    assert detect_scheme([]) == "IOB2"
    assert detect_scheme([["O", "O"], []]) == "IOB2"


@pytest.mark.parametrize(
    ("tags", "scheme", "place"),
    [
        ("O I-PER", "IOB2", "position 1 .*'I-PER' may not follow 'O'"),
        ("I-PER", "IOB2", "position 0 .*'I-PER' may not follow 'the start'"),
        ("B-PER I-LOC", "IOB2", "position 1 .*'I-LOC' may not follow 'B-PER'"),
        ("O B-PER", "IOB1", "position 1 .*'B-PER' may not follow 'O'"),
        ("O B-PER", "IOBES", "position 2 .*'the end' may not follow 'B-PER'"),
        ("O S-PER", "IOB2", "position 1 .*'S-PER' may not follow 'O'"),
    ],
)
def test_broken_tags_are_rejected_with_their_place(tags, scheme, place):
    with pytest.raises(DataError, match=f"sentence 3, {place}.*repair"):
        check_tags(tags.split(), scheme, sentence=3)
    with pytest.raises(DataError, match=place):
        convert(tags.split(), scheme, "IOB2")


def test_detection_names_the_sentence_of_a_malformed_tag():
    with pytest.raises(DataError, match="sentence 1, position 0: .*'B_PER'"):
        detect_scheme([["O"], ["B_PER"]])


@pytest.mark.parametrize(
    "spans", [[Span("a", 1, 1)], [Span("a", -1, 1)], [Span("a", 2, 4)], [Span("a", 0, 2), Span("b", 1, 3)]]
)
def test_spans_that_do_not_fit_are_rejected(spans):
    with pytest.raises(DataError, match="sentence of 3 tokens"):
        tags_from_spans(spans, 3, "IOB2")


def test_spans_may_come_in_any_order():
    spans = [Span("art", 1, 2), Span("work-art", 0, 1)]
    assert tags_from_spans(spans, 3, "IOB1") == ["I-work-art", "I-art", "O"]


def test_unknown_schemes_and_foreign_letters():
    with pytest.raises(ArgumentError, match="IOB2, IOB1, IOBES .*'BIO'"):
        repair(["O"], "BIO")
    with pytest.raises(ArgumentError, match="tags of IOB2, got 'U-PER'"):
        allowed_transitions(["O", "U-PER"], "IOB2")
    with pytest.raises(DataError, match="tags, position 1: .*'PER'"):
        allowed_transitions(["O", "PER"], "IOB2")
