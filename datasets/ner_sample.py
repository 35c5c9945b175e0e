"""A generated sample for named-entity recognition, in which the words around a name tell what it is.

News and chat with people (PER), places (LOC), organisations (ORG) and dates (DATE), tagged in IOB2:

- most names are invented, and the parts of the sample share few of them, so names cannot be learned by heart;
- the same name may be a person, a town and a company: "Kelby laughed", "the train to Kelby", "shares of Kelby";
- what tells may stand before the name, after it, or only behind a pause: "Kelby, to the surprise of many, laughed";
- a part of a name may look like another: "the University of Kelby", "Kelby Bank", "on the bank of the Kelby River";
- "May", "Will" and "Baker" are names only sometimes, and 1987 is not always a year;
- chat is in lower case, so capitals do not always tell;
- some tokens have marks inside: "O'Kelby", "Anna-Lou", "B.K.", "Kelby-Dorsen".
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.ner_words import GRAMMAR, HEADS, MIDDLES, TAILS
from rnnkit.datasets.source import Source

SIZES = {"train": 3000, "valid": 400, "test": 600}
NAMES = {"train": 1000, "valid": 200, "test": 300}  # invented names that are one part's own
SHARED = 30  # invented names that all parts know
CAST = 4  # invented names in a sentence; one may be given to a person, to a town and to a company
CHAT = 0.2  # fraction of the sentences

_RULE = re.compile(r"\{(\w+)\}")
_ENTITY = re.compile(r"\[(\w+) ([^]]+)\]")
_ENTITY_OR_WORD = re.compile(_ENTITY.pattern + r"|(\S+)")

Sentence = tuple[list[str], list[str]]  # tokens, tags


def generate(seed: int = 0) -> Splits:
    """Write the sample: 3000, 400 and 600 sentences, none of them twice.

    Args:
        seed: another seed gives other names and sentences of the same kind.

    Returns:
        `(train, valid, test)` with the columns `tokens` and `tags`: for each sentence a list of str. Tags are `O`,
        and `B-` and `I-` with `DATE`, `LOC`, `ORG` or `PER`.
    """
    rng = random.Random(seed)
    names = rng.sample(invented_names(), SHARED + sum(NAMES.values()))
    shared, own = names[:SHARED], iter(names[SHARED:])
    pools = {part: shared + list(islice(own, size)) for part, size in NAMES.items()}
    seen: set[str] = set()
    return Splits(*(_part(part, _sentences(rng, pools[part], seen)) for part in SIZES))


def _part(part: str, sentences: Iterator[Sentence]) -> Dataset:
    tokens, tags = zip(*islice(sentences, SIZES[part]), strict=True)
    return Dataset({"tokens": tokens, "tags": tags})


def invented_names() -> list[str]:
    """All names that the syllables make, in alphabetical order."""
    return sorted({head + middle + tail for head in HEADS for middle in MIDDLES for tail in TAILS})


def _sentences(rng: random.Random, names: Sequence[str], seen: set[str]) -> Iterator[Sentence]:
    """Yield sentences without end: none of them twice, and none that names one thing twice."""
    while True:
        chat = rng.random() < CHAT
        rules = GRAMMAR | {"invented": tuple(rng.sample(names, CAST))}
        text = _expand(rng, rules, "chat" if chat else "news")
        entities = _ENTITY.findall(text)
        if text not in seen and len(set(entities)) == len(entities):
            seen.add(text)
            tokens, tags = _tagged(text)
            yield ([token.lower() for token in tokens] if chat else [_capital(tokens[0]), *tokens[1:]]), tags


def _expand(rng: random.Random, rules: Mapping[str, Sequence[str]], rule: str) -> str:
    """One alternative of a rule, with all rules in it expanded in their turn."""
    return _RULE.sub(lambda inner: _expand(rng, rules, inner[1]), rng.choice(rules[rule]))


def _tagged(text: str) -> Sentence:
    """The tokens and IOB2 tags of a text that has its entities in brackets."""
    tokens: list[str] = []
    tags: list[str] = []
    for label, entity, word in _ENTITY_OR_WORD.findall(text):
        found = entity.split() or [word]
        tokens += found
        tags += [f"B-{label}"] + [f"I-{label}"] * (len(found) - 1) if label else ["O"]
    return tokens, tags


def _capital(word: str) -> str:
    return word[0].upper() + word[1:]


SOURCE = Source(
    name="ner-sample",
    task="ner",
    description="Generated news and chat with people, places, organisations and dates; context tells which is which.",
    licence="Apache-2.0, as rnnkit",
    homepage="rnnkit.datasets.ner_sample",
    read=lambda folder: generate(),
)
