import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError
from rnnkit.text.vocabulary import PADDING, UNKNOWN, Vocabulary

SENTENCES = st.lists(st.lists(st.text(min_size=1, max_size=5), max_size=8), min_size=1, max_size=8)


@given(SENTENCES)
def test_known_words_come_back_whatever_their_script(sentences):
    vocabulary = Vocabulary.learn(sentences)
    again = Vocabulary(json.loads(json.dumps(vocabulary.words)))
    for sentence in filter(None, sentences):
        numbers = again.encode(sentence)
        assert again.decode(numbers) == sentence
        assert min(numbers) > UNKNOWN


def test_frequency_decides_then_spelling():
    vocabulary = Vocabulary.learn([["b", "a", "c", "c"], ["d", "c"]])
    assert vocabulary.words == ["c", "a", "b", "d"]
    assert Vocabulary.learn([["b", "a", "c", "c"]], min_count=2).words == ["c"]
    assert Vocabulary.learn([["b", "a", "c", "c"]], max_words=2).words == ["c", "a"]


def test_padding_and_unknown_have_their_numbers():
    vocabulary = Vocabulary(["film"])
    assert len(vocabulary) == 3
    assert "film" in vocabulary
    assert "[unk]" not in vocabulary
    np.testing.assert_array_equal(vocabulary.encode(["film", "plot"]), [2, UNKNOWN])
    assert vocabulary.encode([]).tolist() == [UNKNOWN]
    assert vocabulary.decode([2, UNKNOWN, PADDING]) == ["film", "[unk]"]


def test_a_word_cannot_stand_twice():
    with pytest.raises(ArgumentError, match="twice"):
        Vocabulary(["a", "a"])


def test_words_that_mostly_occur_once_are_told():
    once = [[f"clause {number}", "."] for number in range(70)]
    with pytest.warns(UserWarning, match="words: 70 of the 139 words of the training data occur once"):
        Vocabulary.learn([*once[:-1], once[-1][:1]])
    Vocabulary.learn(once)
    Vocabulary.learn([["a", "b", "c"]])
