import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.text.tokenizer import tokenize, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't like it.", ["I", "do", "n't", "like", "it", "."]),
        ("It's the director’s cut", ["It", "'s", "the", "director", "’s", "cut"]),
        ("do n't", ["do", "n't"]),
        ("1,000.50 or 3rd", ["1,000.50", "or", "3rd"]),
        ("well-made ... really?!", ["well", "-", "made", "...", "really", "?", "!"]),
        ("great👍🏽👨‍👩‍👧 film", ["great", "👍🏽", "👨‍👩‍👧", "film"]),
        ("cafe\u0301 noir", ["cafe\u0301", "noir"]),
        ("فيلم رائع", ["فيلم", "رائع"]),
        ("हिन्दी", ["हिन्दी"]),
        ("in the 1980s, 15q11 and 7.5kg", ["in", "the", "1980s", ",", "15q11", "and", "7", ".", "5kg"]),
        ("我喜欢BERT模型。", ["我", "喜", "欢", "BERT", "模", "型", "。"]),
        ("コーヒーを2杯", ["コ", "ー", "ヒ", "ー", "を", "2", "杯"]),
        ("ผมรัก", ["ผ", "ม", "รั", "ก"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("", []),
        (" \t\n ", []),
    ],
)
def test_words_of_many_scripts(text, expected):
    assert words(text) == expected


@given(st.text(max_size=60))
def test_offsets_give_back_each_token_and_lose_nothing_but_white_space(text):
    tokens = tokenize(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    ends = [0, *(token.end for token in tokens)]
    starts = [*(token.start for token in tokens), len(text)]
    gaps = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    assert all(gap.isspace() for gap in gaps if gap)


@pytest.mark.timeout(20)
def test_a_word_of_thousands_of_letters_takes_no_time():
    """Two letters that one character folds to, such as "ff" and "ss", must not double it each time."""
    text = "effiss5st" * 2000
    assert words(f"{text} n't") == [text, "n't"]


@given(st.text(max_size=60))
def test_a_combining_mark_is_never_cut_from_its_letter(text):
    for token in tokenize(text):
        follows_a_letter = token.start > 0 and text[token.start - 1].isalpha()
        assert not (follows_a_letter and unicodedata.category(token.text[0]) == "Mn")


def test_lowercase_folds_the_token_and_keeps_the_offsets():
    token = tokenize("a GREAT film", lowercase=True)[1]
    assert token == ("great", 2, 7)
    assert words("a GREAT film", lowercase=True)[1] == "great"
