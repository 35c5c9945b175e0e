"""Two grammars for the same meanings: how English says them, and how Velic does.

| | English | Velic |
|---|---|---|
| order | who does what, where | who, where, what, does |
| a noun's adjectives | before it | behind it, the last one first |
| number | at the noun, and at a verb in the present | at articles, nouns, adjectives, verbs |
| after a number word | plural | singular, but relative pronoun and verb are plural |
| gender | none | at articles, adjectives, relative pronouns, verbs in the past |
| what is done to | behind the verb | a mark at the article or relative pronoun |
| where | before the noun: "near the house" | behind it |
| questions, negation | do, does, did, will | a word in front of all, a word in front of the verb |
"""

from dataclasses import dataclass

from rnnkit.datasets.translation_words import COUNTS, LIVING, ON_ALL, ON_LIVING, ON_THINGS, TIMES, WHERE, Noun, Verb

ADJECTIVES = ON_ALL | ON_LIVING | ON_THINGS
VOWELS = tuple("aeiou")
NOT, WHETHER = "nu", "ka"
ARTICLE, THIS, WHICH = "s", "es", "ki"  # Velic stems
TENSES = {"past": "av", "present": "il", "future": "ur"}


@dataclass(frozen=True)
class Phrase:
    """A noun with what belongs to it.

    Attributes:
        determiner: `"the"`, `"a"` (no word in the plural), `"this"`, or a number word of `COUNTS`.
        clause: what is said of it: a clause that lacks its subject or its object, which is this noun.
    """

    noun: Noun
    determiner: str
    plural: bool
    adjectives: tuple[str, ...] = ()
    clause: "Clause | None" = None


@dataclass(frozen=True)
class Clause:
    """Who does what to whom; a clause that belongs to a noun lacks what that noun stands for."""

    verb: Verb
    tense: str
    negative: bool = False
    subject: Phrase | None = None
    object: Phrase | None = None


@dataclass(frozen=True)
class Sentence:
    """A clause, and maybe where (a preposition and a phrase) and when; or the question whether it is so."""

    clause: Clause
    place: tuple[str, Phrase] | None = None
    timed: bool = False
    time_first: bool = False
    question: bool = False


def english(sentence: Sentence) -> str:
    """The sentence in English."""
    clause = sentence.clause
    assert clause.subject is not None
    subject, verbs = _english_phrase(clause.subject), _english_verbs(clause, clause.subject, sentence.question)
    words = [verbs[0], *subject, *verbs[1:]] if sentence.question else [*subject, *verbs]
    words += _english_phrase(clause.object) if clause.object else []
    words += [sentence.place[0], *_english_phrase(sentence.place[1])] if sentence.place else []
    time = [TIMES[clause.tense][0]] if sentence.timed else []
    words = [*time, *words] if sentence.time_first else [*words, *time]
    return " ".join(words) + ("?" if sentence.question else ".")


def _english_phrase(phrase: Phrase) -> list[str]:
    words = [*phrase.adjectives, phrase.noun.many if phrase.plural else phrase.noun.one]
    article = {"a": "" if phrase.plural else "an" if words[0].startswith(VOWELS) else "a"}
    article["this"] = "these" if phrase.plural else "this"
    words = [article.get(phrase.determiner, phrase.determiner), *words]
    return [word for word in words if word] + (_english_relative(phrase.clause, phrase) if phrase.clause else [])


def _english_relative(clause: Clause, head: Phrase) -> list[str]:
    before = _english_phrase(clause.subject) if clause.subject else []
    behind = _english_phrase(clause.object) if clause.object else []
    return ["that", *before, *_english_verbs(clause, clause.subject or head), *behind]


def _english_verbs(clause: Clause, subject: Phrase, question: bool = False) -> list[str]:
    verb, present = clause.verb, "do" if subject.plural else "does"
    helper = {"past": "did", "present": present, "future": "will"}[clause.tense]
    if clause.negative or question:
        return [helper, *(["not"] if clause.negative else []), verb.base]
    plain = {"past": [verb.past], "present": [verb.base if subject.plural else verb.third]}
    return plain.get(clause.tense, [helper, verb.base])


def velic(sentence: Sentence) -> str:
    """The sentence in Velic."""
    clause = sentence.clause
    assert clause.subject is not None
    words = [WHETHER] if sentence.question else []
    words += [TIMES[clause.tense][1]] if sentence.timed else []
    words += _velic_phrase(clause.subject)
    words += [*_velic_phrase(sentence.place[1]), WHERE[sentence.place[0]]] if sentence.place else []
    words += _velic_phrase(clause.object, is_object=True) if clause.object else []
    words += _velic_verb(clause, clause.subject, clause.object)
    return " ".join(words).replace(" ,", ",") + ("?" if sentence.question else ".")


def _velic_phrase(phrase: Phrase, is_object: bool = False) -> list[str]:
    plural = phrase.plural and phrase.determiner not in COUNTS
    stems = [phrase.noun.stem, *(ADJECTIVES[adjective] for adjective in reversed(phrase.adjectives))]
    words = [stem + _ending(phrase.noun, plural) for stem in stems]
    article = {"a": [], "the": [ARTICLE + _ending(phrase.noun, plural, is_object)]}
    article["this"] = [THIS + _ending(phrase.noun, plural, is_object)]
    first = article[phrase.determiner] if phrase.determiner in article else [COUNTS[phrase.determiner]]
    return [*first, *words, *(_velic_relative(phrase.clause, phrase) if phrase.clause else [])]


def _velic_relative(clause: Clause, head: Phrase) -> list[str]:
    which = WHICH + _ending(head.noun, head.plural, is_object=clause.object is None and clause.subject is not None)
    inside = _velic_phrase(clause.subject) if clause.subject else []
    inside += _velic_phrase(clause.object, is_object=True) if clause.object else []
    done_to = clause.object if clause.subject is None else head
    return [",", which, *inside, *_velic_verb(clause, clause.subject or head, done_to), ","]


def _velic_verb(clause: Clause, subject: Phrase, done_to: Phrase | None) -> list[str]:
    things = done_to is not None and done_to.noun not in LIVING
    stem = clause.verb.stem_thing if things else clause.verb.stem_living
    gender = subject.noun.gender if clause.tense == "past" else ""
    form = stem + TENSES[clause.tense] + ("im" if subject.plural else gender)
    return [NOT, form] if clause.negative else [form]


def _ending(noun: Noun, plural: bool, is_object: bool = False) -> str:
    return noun.gender + ("ni" if plural else "") + ("t" if is_object else "")
