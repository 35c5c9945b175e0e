import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.detokenizer import join_words
from rnnkit.text.tokenization import BEGIN, END, RESERVED, TOKENIZATIONS, learn_tokenization, tokenization_from_config
from rnnkit.text.tokenizer import words
from rnnkit.text.vocabulary import PADDING, UNKNOWN

TEXTS = ["Ein kleines Kind schläft.", "A small child sleeps.", "Two children don't sleep."] * 3
SIZES = {"subwords": 300, "words": 30, "characters": 40, "bytes": 260}

any_text = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture(scope="module", params=TOKENIZATIONS)
def tokenization(request):
    return learn_tokenization(request.param, TEXTS, SIZES[request.param])


SUBWORDS = learn_tokenization("subwords", TEXTS, 300)


@given(st.lists(any_text, max_size=5))
def test_subwords_give_back_any_text(texts):
    encoded = SUBWORDS.encode(texts)
    assert [SUBWORDS.decode(numbers) for numbers in encoded] == texts
    assert all(RESERVED <= number < len(SUBWORDS) for numbers in encoded for number in numbers)


@given(any_text)
def test_subwords_without_merges_are_the_bytes_and_the_first_blank(text):
    """What a text costs at most, with UTF-8 as the oracle."""
    bytewise = tokenization_from_config({"kind": "subwords", "entries": []})
    assert len(bytewise) == RESERVED + 256
    assert len(bytewise.encode([text])[0]) == (len(text.encode()) + 1 if text else 0)
    assert len(SUBWORDS.encode([text])[0]) <= len(bytewise.encode([text])[0])


@given(any_text)
def test_bytes_are_those_of_utf_8_and_give_back_any_text(text):
    bytewise = learn_tokenization("bytes", [], 260)
    (numbers,) = bytewise.encode([text])
    assert bytes(number - RESERVED for number in numbers) == text.encode()
    assert bytewise.decode(numbers) == text
    assert len(bytewise.tokens(text)) == len(numbers)


@given(st.lists(any_text, min_size=1, max_size=4), any_text)
def test_characters_give_back_what_they_have_seen(texts, other):
    characters = learn_tokenization("characters", texts, 100_000)
    assert [characters.decode(numbers) for numbers in characters.encode(texts)] == texts
    shown = "".join(each if each in "".join(texts) else "\ufffd" for each in other)
    assert characters.decode(characters.encode([other])[0]) == shown


def test_the_most_frequent_characters_are_kept():
    assert learn_tokenization("characters", ["abbccc", "dd"], RESERVED + 3).entries == ["c", "b", "d"]


def test_a_frequent_word_is_one_subword_wherever_it_stands():
    subwords = learn_tokenization("subwords", ["sleep now and sleep then"] * 9, 300)
    first, second = subwords.encode(["sleep", "now sleep"])
    assert first == second[-1:]
    assert subwords.tokens("sleep now") == [" sleep", " now"]


def test_names_of_reserved_numbers_in_a_text_are_text(tokenization):
    for text in ("[pad] [unk] begin of text end of text", "<s> </s> \x02\x03"):
        assert not {PADDING, BEGIN, END} & set(tokenization.encode([text])[0])


def test_decoding_ends_at_the_first_end_and_leaves_padding_out(tokenization):
    (numbers,) = tokenization.encode(["A small child sleeps."])
    assert tokenization.decode([BEGIN, *numbers, END, *numbers, PADDING]) == "A small child sleeps."
    assert tokenization.decode([PADDING, END]) == ""
    assert tokenization.decode(tokenization.encode([""])[0]) == ""


def test_a_tokenization_is_the_same_after_json(tokenization):
    again = tokenization_from_config(json.loads(json.dumps(tokenization.to_config())))
    assert type(again) is type(tokenization)
    assert len(again) == len(tokenization) <= SIZES[tokenization.kind]
    assert again.encode([*TEXTS, "Neue Wörter 👍🏽"]) == tokenization.encode([*TEXTS, "Neue Wörter 👍🏽"])
    assert learn_tokenization(tokenization.kind, iter(TEXTS), SIZES[tokenization.kind]).to_config() == again.to_config()


def test_the_size_counts_all_numbers():
    assert len(learn_tokenization("subwords", TEXTS, RESERVED + 260)) == RESERVED + 260
    few = learn_tokenization("words", ["b b a a a c"], RESERVED + 2)
    assert few.encode(["a b c"]) == [[RESERVED, RESERVED + 1, UNKNOWN]]


def test_words_that_are_not_known_are_one_number():
    whole = learn_tokenization("words", TEXTS, 100)
    assert set(whole.encode(["Katzen trinken Milch"])[0]) == {UNKNOWN}
    assert whole.decode(whole.encode(["A green child sleeps."])[0]) == "A [unk] child sleeps."
    assert len(whole) == RESERVED + len({word for text in TEXTS for word in words(text)})


@pytest.mark.parametrize(
    "text",
    [
        "He doesn't like Anna's (small) dog, does he?",
        'They say "no" and "yes": 1,000.50 dollars...',
        "Er rief: „Komm!“ und ging mit „Limonade-Dose“ in der Hand.",
        "¿Dónde está? ¡Aquí!",
        "L'homme est là.",
        "A well-known “quote”; it's 50% off.",
    ],
)
def test_words_are_set_as_they_were_written(text):
    assert join_words(words(text)) == text


def test_mistakes_are_named(tokenization):
    with pytest.raises(DataError, match="row 1.*surrogate.*at 3"):
        tokenization.encode(["fine", "not\ud800"])
    with pytest.raises(DataError, match="got None in row 0"):
        tokenization.encode([None])
    with pytest.raises(DataError, match="row 1.*surrogate"):
        tokenization.learn(["fine", "not\ud800"], 300)
    with pytest.raises(ArgumentError, match="size: expected.*at least.*got 3"):
        tokenization.learn(TEXTS, 3)
    with pytest.raises(ArgumentError, match="tokenization: expected one of subwords, words, characters, bytes, got"):
        learn_tokenization("bpe", TEXTS, 300)
