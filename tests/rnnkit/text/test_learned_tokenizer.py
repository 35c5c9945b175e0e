import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import datasets
from rnnkit.errors import DataError
from rnnkit.text.learned_tokenizer import LearnedTokenizer, split_fraction
from rnnkit.text.tokenizer import tokenize, tokenize_with

WHOLE = ["U.N.", "O'Brien", "Mette-Marit", "@user", "IL-2", "http://t.co/aB1", ":)", "AT&T", "don't"]
SENTENCES = [["Then", token, "came", "."] for token in WHOLE] + [["He", "left", "early", ",", "they", "say", "."]] * 3

token_lists = st.lists(
    st.lists(st.text(alphabet="aA1.-'@ß中", min_size=1, max_size=5), min_size=1, max_size=6), min_size=1, max_size=8
)


def split(tokenizer, text):
    return [token.text for token in tokenizer(text)]


@pytest.mark.parametrize("token", WHOLE)
def test_tokens_of_the_training_data_stay_whole(token):
    assert split(tokenize, token) != [token]
    learned = LearnedTokenizer.learn(SENTENCES)
    assert split(learned, f"Then {token} came .") == ["Then", token, "came", "."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. and O'Neill met @nobody.", ["The", "U.S.", "and", "O'Neill", "met", "@nobody", "."]),
        ("Anne-Sophie, they say, knows CD-4.", ["Anne-Sophie", ",", "they", "say", ",", "knows", "CD-4", "."]),
        ("http://t.co/Xy2 left.", ["http://t.co/Xy2", "left", "."]),
    ],
)
def test_what_was_never_seen_follows_what_looks_alike(text, expected):
    assert split(LearnedTokenizer.learn(SENTENCES), text) == expected


def test_the_more_frequent_way_wins_and_spelling_goes_before_shape():
    often, seldom = ["a", "well-known", "man"], ["a", "well", "-", "known", "man"]
    assert "well-known" in split(LearnedTokenizer.learn([often, often, seldom]), "well-known")
    assert "well-known" not in split(LearnedTokenizer.learn([often, seldom, seldom]), "well-known")
    learned = LearnedTokenizer.learn([["a-b"], ["a-b"], ["c", "-", "d"], ["c-d"], ["c", "-", "d"]])
    assert split(learned, "a-b c-d e-f") == ["a-b", "c", "-", "d", "e-f"]


def test_words_of_a_script_without_blanks():
    sentences = [["北京", "大学", "很", "大", "。"], ["他", "在", "北京", "。"]] * 2
    assert split(LearnedTokenizer.learn(sentences), "他在北京大学。") == ["他", "在", "北京", "大学", "。"]


def test_nothing_to_learn_where_the_tokens_are_our_own():
    sentences = [split(tokenize, "Mr. Smith didn't pay 1,000.50 dollars -- really?!")]
    assert LearnedTokenizer.learn(sentences).joins == {}


@given(token_lists, st.text(alphabet="aA1.-'@ß中 \n", max_size=30))
def test_tokens_are_places_of_the_text_and_lose_nothing_but_white_space(sentences, text):
    joins = json.loads(json.dumps(LearnedTokenizer.learn(sentences).joins))
    tokens = LearnedTokenizer(joins)(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(text.split())


def test_the_fraction_that_is_split():
    sentences = [["a", "b-c", "d"], ["b-c", "e-f", "g"], ["h", "i"]]
    assert split_fraction(tokenize, sentences) == (3 / 8, ["b-c", "e-f"])
    assert split_fraction(LearnedTokenizer.learn(sentences), sentences) == (0, [])


@pytest.mark.realdata
def test_tweets(public_data):
    train, _, test = datasets.load("wnut17")
    learned = LearnedTokenizer.learn(train["tokens"])
    assert split_fraction(tokenize, train["tokens"])[0] > 0.09
    assert split_fraction(learned, train["tokens"])[0] < 0.002
    assert split_fraction(tokenize, test["tokens"])[0] > 0.02
    assert split_fraction(learned, test["tokens"])[0] < 0.005


def test_a_tokenizer_of_the_users_must_give_the_words_of_the_text():
    assert tokenize_with(str.split, " a  b a") == [("a", 1, 2), ("b", 4, 5), ("a", 6, 7)]
    with pytest.raises(DataError, match="tokenizer: expected words as they are in the text, .* got 'a'"):
        tokenize_with(lambda text: ["b", "a", "b"], "a b")
    with pytest.raises(DataError, match="got 'x'"):
        tokenize_with(lambda text: ["x"], "a b")
