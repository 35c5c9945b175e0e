"""Texts of several sentences and their translations."""

import pytest

from rnnkit.tasks.translation.answers import Passage, Translation, as_passage, join_sentences


def joined(passage, *translations):
    return join_sentences(iter([[Translation(each, 0.0)] for each in translations]), passage)[0].text


def test_a_text_falls_into_sentences_and_one_sentence_stays_as_it_is():
    assert as_passage("One. Two!\n\nThree") == Passage(["One.", "Two!", "Three"], [" ", "\n\n"])
    assert as_passage("你好。再见。") == Passage(["你好。", "再见。"], [""])
    for text in ("", "  \n\n ", " One sentence. "):
        assert as_passage(text) == Passage([text], [])


@pytest.mark.parametrize(
    ("source", "translations", "expected"),
    [
        ("One. Two.\n\nThree.", ("Eins.", "Zwei.", "Drei."), "Eins. Zwei.\n\nDrei."),
        ("你好。再见。", ("Hello.", "Bye."), "Hello. Bye."),
        ("Hello. Bye.", ("你好。", "再见。"), "你好。再见。"),
        ("Hello. Bye.", ("你好", "再见"), "你好再见"),
        ("Hello. Bye.", ("", "Tschüss."), "Tschüss."),
    ],
)
def test_blanks_are_those_of_the_language_translated_into(source, translations, expected):
    assert joined(as_passage(source), *translations) == expected


def test_the_best_choices_of_one_translation_for_each_sentence():
    sentences = [[Translation("a", -1.0), Translation("b", -1.5)], [Translation("c", 0.0), Translation("d", -0.6)]]
    found = join_sentences(iter(sentences), Passage(["", ""], [" "]))
    assert found == [("a c", -1.0), ("b c", -1.5)]


def test_hundreds_of_sentences():
    passage = as_passage("A sentence. " * 400)
    assert len(passage.sentences) == 400
    assert joined(passage, *["Ein Satz."] * 400) == " ".join(["Ein Satz."] * 400)
