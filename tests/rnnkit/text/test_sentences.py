import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.text.sentences import split_sentences
from rnnkit.text.tokenizer import tokenize

texts = st.text(max_size=60) | st.text(alphabet="aA 1.!?…\n\"'”«()。।J\u0301", max_size=60)


@pytest.mark.parametrize(
    "sentences",
    [
        ["It rained.", "We stayed in!", "Why not?", "Nobody knew."],
        ["Dr. Mary J. Smith met Mr. Lee vs. Gen. Grant in St. Ives.", "They won."],
        ["The U.S. Senate, e.g. Mr. Hart, paid 3.50 dollars.", "It was No. 5 of Fig. 3 on Jan. 3.", "Good."],
        ["They came at 5 p.m. and left."],
        ["I said no.", "Nobody heard."],
        ["Well ... maybe not...", "I mean it…", "Yes."],
        ["“It is over.”", "She left.", "(He had gone.)", "'So what?'", "Fine."],
        ["“Really?” he asked.", "Yes."],
        ["Is it true?!", "No."],
        ["今日は。", "元気ですか\uff1f", "「はい。」", "よし"],
        ["यह घर है।", "वह गया।"],
        ["هل هذا صحيح؟", "نعم."],
        ["see www.example.com/a.html for it.", "Then go."],
        ["It ended in 2005.", "5 people came."],
        ["one line\nand the next"],
    ],
)
def test_sentences_of_many_kinds(sentences):
    text = " ".join(sentences)
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


def test_scripts_without_spaces():
    text = "今日は。「元気\uff1f」と彼は言った。よし"
    assert [text[start:end] for start, end in split_sentences(text)] == [
        "今日は。",
        "「元気\uff1f」",
        "と彼は言った。",
        "よし",
    ]


def test_a_blank_line_ends_a_sentence_whatever_stands_around_it():
    text = "A heading\n \nthe text goes on\r\n\r\nand on"
    assert [text[start:end] for start, end in split_sentences(text)] == ["A heading", "the text goes on", "and on"]


def test_a_long_sentence_stays_whole():
    assert split_sentences("word " * 5000) == [(0, 24999)]


def test_no_text_no_sentences():
    assert split_sentences("") == split_sentences(" \n\n ") == []


@given(texts)
def test_every_token_lies_whole_in_one_sentence_and_only_white_space_in_none(text):
    sentences = split_sentences(text)
    tokens = tokenize(text)
    for token in tokens:
        assert sum(start <= token.start and token.end <= end for start, end in sentences) == 1
    edges = [0, *(edge for sentence in sentences for edge in sentence), len(text)]
    assert edges == sorted(edges)
    gaps = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert all(not gap.strip() for gap in gaps)


@given(texts)
def test_sentences_tokenized_by_themselves_give_the_tokens_of_the_text(text):
    alone = [
        (token.text, token.start + start) for start, end in split_sentences(text) for token in tokenize(text[start:end])
    ]
    assert alone == [(token.text, token.start) for token in tokenize(text)]
