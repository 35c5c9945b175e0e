"""The words of the translation sample: English, and Velic, a language that was invented for it.

A Velic noun has a gender, `a`, `o` or `e`, which no rule tells: it has to be learned with the noun.
"""

from typing import NamedTuple


class Noun(NamedTuple):
    """A noun: singular and plural in English, stem and gender in Velic."""

    one: str
    many: str
    stem: str
    gender: str


class Verb(NamedTuple):
    """A verb: "see", "sees", "saw", and its Velic stems for what lives and for what does not, which may be one."""

    base: str
    third: str
    past: str
    stem_living: str
    stem_thing: str


def _nouns(gender: str, text: str) -> list[Noun]:
    """Nouns written as `one stem`, or `one many stem` where the plural is no plain -s."""
    entries = [entry.split() for entry in text.split(" / ")]
    return [Noun(entry[0], entry[1] if len(entry) == 3 else f"{entry[0]}s", entry[-1], gender) for entry in entries]


def _verbs(text: str) -> list[Verb]:
    """Verbs written as `base past stem`, or with a second stem, which is for things."""
    entries = [entry.split() for entry in text.split(" / ")]
    return [Verb(base, _third(base), past, stems[0], stems[-1]) for base, past, *stems in entries]


def _third(base: str) -> str:
    return f"{base[:-1]}ies" if base.endswith("y") else f"{base}s"


def _pairs(text: str) -> dict[str, str]:
    return dict(entry.split() for entry in text.split(" / "))


LIVING = [
    *_nouns("a", "woman women mir / bird tilv / fox foxes rusk / goat bekk / soldier garn"),
    *_nouns("o", "farmer kard / dog bron / sister selv / horse velg / thief thieves nask"),
    *_nouns("e", "child children pin / cat nush / wolf wolves ors / king thar / teacher lodd"),
]
THINGS = [
    *_nouns("a", "apple lum / letter skev / hammer dok / coat harv"),
    *_nouns("o", "basket tomb / flower issel / stone grell / drum buld"),
    *_nouns("e", "key kirt / book fath / cup zon / knife knives rem"),
]
PLACES = [
    *_nouns("a", "house domm / river vash"),
    *_nouns("o", "tower stol / garden ezn"),
    *_nouns("e", "tree yult / bridge porv"),
]

ON_LIVING = _pairs("hungry vork / clever sint / brave galt")
ON_THINGS = _pairs("heavy drom / broken krash / golden aur")
ON_ALL = _pairs("old hald / small nip / big mag / red rov / white alb / strange wex")

DO = _verbs("sleep slept sopn / sing sang kanv / laugh laughed hih / wait waited stav / dance danced vorl")
DO_TO_LIVING = _verbs("follow followed sekv / greet greeted salm / fear feared tremb / feed fed mand")
DO_TO_THINGS = _verbs("carry carried port / sell sold vend / break broke frang / steal stole furt")
DO_TO_ALL = _verbs("see saw vid / find found trov / hide hid oblek / want wanted dez")
# What they do to somebody is another word than what they do to something.
DO_TWO_WAYS = _verbs("know knew tolv senk / leave left parg zest")

TIMES = {"past": ("yesterday", "ostel"), "present": ("now", "dain"), "future": ("tomorrow", "marun")}
WHERE = _pairs("in na / near pel / behind hask / beside tiv")
COUNTS = _pairs("two dosk / three trem / many vol")
