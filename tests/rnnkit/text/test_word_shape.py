"""What a word looks like, in numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.text.word_shape import SHAPES, Spelling, folded, shape_number


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("house", "lower"),
        ("House", "capital"),
        ("É", "capital"),
        ("NATO", "upper"),
        ("McDonald", "mixed"),
        ("iPhone", "mixed"),
        ("1,000.5", "digits"),
        ("٣٤", "digits"),
        ("B52", "with digits"),
        ("3rd", "with digits"),
        ("...", "mark"),
        ("👍🏽", "mark"),
        ("日本", "lower"),
        ("Jean-Luc", "mixed"),
        ("O'Brien", "mixed"),
    ],
)
def test_shapes(word, shape):
    assert SHAPES[shape_number(word) - 1] == shape


@given(st.text(min_size=1))
def test_every_word_has_a_shape_that_is_not_padding(word):
    assert 1 <= shape_number(word) <= len(SHAPES)


def test_folding():
    assert folded("Route66", lowercase=True) == "route00"
    assert folded("Route66", lowercase=False) == "Route00"


@given(st.lists(st.text(alphabet="abcé👍", min_size=1, max_size=40), min_size=1, max_size=5))
def test_rows_keep_both_ends_of_a_word(words):
    spelling = Spelling(Spelling.learn([["abcé👍", "abcé👍"]]), width=10)
    rows = spelling.encode(words)
    assert rows.shape == (len(words), 10)
    for word, row in zip(words, rows, strict=True):
        letters = spelling.vocabulary.decode(row)
        assert (letters[0], letters[-1]) == ("\x02", "\x03")
        assert letters[1:-1] == list(word if len(word) <= 8 else word[:4] + word[-4:])
        np.testing.assert_array_equal(row[len(letters) :], 0)


def test_characters_seen_once_are_unknown():
    spelling = Spelling(Spelling.learn([["aab", "b"]]))
    assert "c" not in spelling.vocabulary
    assert spelling.encode(["c"])[0, 1] == spelling.encode(["q"])[0, 1] == 1
