"""A generated sample for translation: from English into Velic, whose sentences end with the verb.

    the thieves that the old king did not see stole two golden cups.
    soni naskoni, kionit se thare halde nu vidave, dosk zone aure furtavim.

A sentence is a meaning, drawn at random, that two grammars put into words (see `translation_grammar`). What makes it
hard: the order is another one; the gender of a noun, which shows at five kinds of words, is not seen in the English;
in the past, the English verb does not tell how many did it, but a noun that may stand far before it; and "know" is one
word with a king and another one with a key.
"""

import random
from collections.abc import Iterator
from itertools import islice

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.source import Source
from rnnkit.datasets.translation_grammar import Clause, Phrase, Sentence, english, velic
from rnnkit.datasets.translation_words import (
    COUNTS,
    DO,
    DO_TO_ALL,
    DO_TO_LIVING,
    DO_TO_THINGS,
    DO_TWO_WAYS,
    LIVING,
    ON_ALL,
    ON_LIVING,
    ON_THINGS,
    PLACES,
    THINGS,
    TIMES,
    WHERE,
)

SIZES = {"train": 6000, "valid": 400, "test": 600}

DETERMINERS = ("the", "the", "the", "a", "a", "a", "this", *COUNTS)
FOR_LIVING, FOR_THINGS = [*ON_ALL, *ON_LIVING], [*ON_ALL, *ON_THINGS]
TO_LIVING, TO_THINGS = DO_TO_LIVING + DO_TO_ALL + DO_TWO_WAYS, DO_TO_THINGS + DO_TO_ALL + DO_TWO_WAYS


def generate(seed: int = 0) -> Splits:
    """Write the sample: 6000, 400 and 600 pairs, no source of them twice.

    Args:
        seed: another seed gives other sentences of the same languages.

    Returns:
        `(train, valid, test)` with the columns `source`, in English, and `target`, in Velic.
    """
    sentences = _sentences(random.Random(seed))
    return Splits(*(_part(list(islice(sentences, size))) for size in SIZES.values()))


def _part(sentences: list[Sentence]) -> Dataset:
    return Dataset({"source": list(map(english, sentences)), "target": list(map(velic, sentences))})


def _sentences(rng: random.Random) -> Iterator[Sentence]:
    """Yield sentences without end, none of them twice."""
    seen: set[str] = set()
    while True:
        sentence = _sentence(rng)
        source = english(sentence)
        if source not in seen:
            seen.add(source)
            yield sentence


def _sentence(rng: random.Random) -> Sentence:
    relative = rng.choice(("subject", "object", None, None))
    question = rng.random() < 0.15
    clause = _clause(rng, relative, negative=not question and rng.random() < 0.2)
    place = rng.random() < 0.25
    timed = rng.random() < 0.2
    return Sentence(
        clause,
        place=(rng.choice(list(WHERE)), _phrase(rng, "place")) if place else None,
        timed=timed,
        time_first=timed and not question and rng.random() < 0.5,
        question=question,
    )


def _clause(rng: random.Random, relative: str | None, negative: bool) -> Clause:
    """A clause with its subject, one of whose phrases, if asked for and there, has a clause of its own."""
    tense = rng.choice(list(TIMES))
    subject = _phrase(rng, "living", relative == "subject")
    kind = rng.choice(("living", "thing", None))
    if kind is None:
        return Clause(rng.choice(DO), tense, negative, subject)
    verb = rng.choice(TO_LIVING if kind == "living" else TO_THINGS)
    return Clause(verb, tense, negative, subject, _phrase(rng, kind, relative == "object"))


def _phrase(rng: random.Random, kind: str, relative: bool = False) -> Phrase:
    """A phrase whose noun lives, is a thing or a place, and that may have a relative clause."""
    noun = rng.choice({"living": LIVING, "thing": THINGS, "place": PLACES}[kind])
    determiner = rng.choice(DETERMINERS)
    plural = determiner in COUNTS or rng.random() < 0.5
    known = FOR_LIVING if kind == "living" else FOR_THINGS
    adjectives = tuple(rng.sample(known, rng.choice((0, 0, 0, 0, 1, 1, 2))))
    return Phrase(noun, determiner, plural, adjectives, _relative(rng, kind) if relative else None)


def _relative(rng: random.Random, kind: str) -> Clause:
    """A clause about a noun that does something, if it lives, or that something is done to."""
    negative = rng.random() < 0.15
    tense = rng.choice(list(TIMES))
    if kind == "living" and rng.random() < 0.5:
        whole = _clause(rng, None, negative)
        return Clause(whole.verb, tense, negative, None, whole.object)
    verb = rng.choice(TO_LIVING if kind == "living" else TO_THINGS)
    return Clause(verb, tense, negative, _phrase(rng, "living"))


SOURCE = Source(
    name="translation-sample",
    task="translation",
    description="Generated English sentences in Velic, an invented language with another order, genders and agreement.",
    licence="Apache-2.0, as rnnkit",
    homepage="rnnkit.datasets.translation_sample",
    read=lambda folder: generate(),
)
