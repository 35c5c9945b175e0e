import re
from collections import defaultdict

import pytest

from rnnkit import datasets
from rnnkit.datasets.translation_grammar import ADJECTIVES, Clause, Phrase, Sentence, english, velic
from rnnkit.datasets.translation_sample import generate
from rnnkit.datasets.translation_words import (
    COUNTS,
    DO,
    DO_TO_ALL,
    DO_TO_LIVING,
    DO_TO_THINGS,
    DO_TWO_WAYS,
    LIVING,
    PLACES,
    THINGS,
    TIMES,
    WHERE,
)

NOUN = {noun.one: noun for noun in LIVING + THINGS + PLACES}
VERB = {verb.base: verb for verb in DO + DO_TO_LIVING + DO_TO_THINGS + DO_TO_ALL + DO_TWO_WAYS}
GENDER = {noun.stem: noun.gender for noun in NOUN.values()}
SMALL_WORDS = {*COUNTS.values(), *WHERE.values(), *(velic for _, velic in TIMES.values()), "ka", "nu"}


def phrase(text, clause=None):
    """A phrase written as `determiner adjectives noun`, with `+` behind a plural."""
    determiner, *adjectives, noun = text.split()
    return Phrase(NOUN[noun.rstrip("+")], determiner, noun.endswith("+"), tuple(adjectives), clause)


@pytest.fixture(scope="module")
def sample():
    return generate()


HIDDEN = Clause(VERB["see"], "past", negative=True, subject=phrase("the old king"))
SLEEPING = Clause(VERB["sleep"], "present")
FEEDING = Clause(VERB["feed"], "future", object=phrase("a hungry cat+"))


@pytest.mark.parametrize(
    ("meaning", "in_english", "in_velic"),
    [
        (
            Sentence(Clause(VERB["steal"], "past", False, phrase("the thief+", HIDDEN), phrase("two golden cup+"))),
            "the thieves that the old king did not see stole two golden cups.",
            "soni naskoni, kionit se thare halde nu vidave, dosk zone aure furtavim.",
        ),
        (
            Sentence(Clause(VERB["know"], "present", False, phrase("a old teacher"), phrase("this wolf"))),
            "an old teacher knows this wolf.",
            "lodde halde eset orse tolvil.",
        ),
        (
            Sentence(Clause(VERB["know"], "present", True, phrase("the teacher+"), phrase("this key+"))),
            "the teachers do not know these keys.",
            "seni loddeni esenit kirteni nu senkilim.",
        ),
        (
            Sentence(
                Clause(VERB["sing"], "past", False, phrase("many brave small woman+")),
                place=("near", phrase("a bridge")),
                timed=True,
                time_first=True,
            ),
            "yesterday many brave small women sang near a bridge.",
            "ostel vol mira nipa galta porve pel kanvavim.",
        ),
        (
            Sentence(
                Clause(VERB["want"], "future", False, phrase("the farmer"), phrase("the dog+", SLEEPING)),
                timed=True,
                question=True,
            ),
            "will the farmer want the dogs that sleep tomorrow?",
            "ka marun so kardo sonit brononi, kioni sopnilim, dezur?",
        ),
        (
            Sentence(Clause(VERB["laugh"], "present", False, phrase("a bird", FEEDING))),
            "a bird that will feed hungry cats laughs.",
            "tilva, kia nusheni vorkeni mandur, hihil.",
        ),
    ],
)
def test_meanings_are_said_as_a_person_says_them(meaning, in_english, in_velic):
    assert english(meaning) == in_english
    assert velic(meaning) == in_velic


def test_sizes_and_lengths(sample):
    assert [len(part) for part in datasets.load("translation-sample")] == [6000, 400, 600]
    for part in sample:
        assert part.columns == ("source", "target")
        for column in part.columns:
            assert 7 <= part.lengths(column)["mean"] <= 10
            assert part.lengths(column)["max"] <= 24


def test_no_source_twice_in_all_parts(sample):
    sources = [source for part in sample for source in part["source"]]
    assert len(set(sources)) == len(sources)


def test_a_seed_is_a_sample(sample):
    assert generate().test["target"] == sample.test["target"]
    assert generate(1).test["target"] != sample.test["target"]


def test_a_source_has_one_translation():
    """What is said alike in English is said alike in Velic, so that exact match means something."""
    found = defaultdict(set)
    for seed in range(4):
        for part in generate(seed):
            for source, target in zip(part["source"], part["target"], strict=True):
                found[source].add(target)
    assert 24_000 < len(found) < 28_000
    assert {len(targets) for targets in found.values()} == {1}


def test_all_words_of_the_test_part_were_trained_on(sample):
    for column in ("source", "target"):
        known = {word for text in sample.train[column] for word in re.findall(r"\w+", text)}
        assert {word for text in sample.test[column] for word in re.findall(r"\w+", text)} <= known


def test_stems_and_spellings_are_not_shared():
    stems = [*GENDER, *ADJECTIVES.values(), *{stem for verb in VERB.values() for stem in verb[3:]}, *SMALL_WORDS]
    assert len(set(stems)) == len(stems)
    assert not {"s", "es", "ki"} & set(stems)
    spelled = [form for noun in NOUN.values() for form in noun[:2]]
    spelled += [form for verb in VERB.values() for form in {*verb[:3]}] + list(ADJECTIVES)
    assert len(set(spelled)) == len(spelled)


def read(tokens, head=None):
    """Reads a clause of Velic from its words, checks all that agrees in it, and leaves what stands behind it.

    It goes by the forms alone, and knows from the grammar only which noun is the subject. A noun phrase is here the
    gender and number of its words and whether a number word counts it; `head` is that which the clause belongs to.
    """
    subject = None
    if head:
        pronoun = re.fullmatch(r"ki([aoe])(ni)?(t?)", tokens.pop(0))
        assert (pronoun[1], bool(pronoun[2])) == (head[0], head[1] or head[2])
        subject = None if pronoun[3] else head
    last, counted, article = None, False, None
    while tokens:
        word = tokens.pop(0)
        if word in SMALL_WORDS:
            counted = word in COUNTS.values() or (counted and word not in WHERE.values())
        elif re.fullmatch(r"e?s[aoe](ni)?t?", word):
            article = word
        elif word == ",":
            read(tokens, head=last)
            assert tokens.pop(0) == ","
        elif (form := re.fullmatch(r"(\w+?)([aoe])(ni)?", word)) and form[1] in GENDER:
            last = (GENDER[form[1]], bool(form[3]), counted)
            assert form[2] == last[0]
            assert not (counted and last[1])
            if article:
                assert re.fullmatch(rf"e?s{last[0]}{'ni' if last[1] else ''}t?", article)
            subject, counted, article = subject or last, False, None
        elif form and form[1] in ADJECTIVES.values():
            assert (form[2], bool(form[3])) == last[:2]
        else:
            verb = re.fullmatch(r"\w+?(av([aoe]|im)|il(im)?|ur(im)?)", word)
            assert word.endswith("im") is (subject[1] or subject[2])
            assert verb[2] in (None, "im", subject[0])
            return tokens
    raise AssertionError("no verb")


def test_all_that_agrees_does_agree(sample):
    for target in sample.train["target"]:
        assert read(re.findall(r"\w+|,", target)) == []


def test_a_word_for_a_word_is_no_translation(sample):
    """What makes the sample hard: forms that depend on other words, and verbs that are far from their subject."""
    forms = defaultdict(set)
    for target in sample.train["target"]:
        for word in re.findall(r"\w+", target):
            forms[re.sub("(ni)?t?$", "", word)[:-1]].add(word)
    assert len(forms["s"]) == len(forms["ki"]) == 12
    assert sum("," in target for target in sample.train["target"]) > 0.3 * len(sample.train)
    last = [[text.split()[-1] for text in sample.test[column]] for column in ("source", "target")]
    assert not set(last[0]) & set(last[1])
