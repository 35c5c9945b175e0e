"""A generated sample for sentiment classification, in which the order of the words decides.

Every review makes one or two *claims*, and its grammar says which of them is the verdict:

- a claim may be negated, one in five is: "The plot was hardly boring." is praise;
- the clause after "but" decides: "The acting was great, but the ending ruined it.";
- the main clause decides against a clause with "although", wherever that clause stands;
- a late sentence overrules an early one: "On paper it was a dull film. In the end, I loved it."

The claim that does not decide says the opposite of the one that does, and negation is as likely for praise as for
blame. So words alone, in no order, leave much of the verdict open.
"""

import random
from collections.abc import Iterator

from rnnkit.datasets import sentiment_words as words
from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.source import Source

LABELS = {True: "positive", False: "negative"}
SIZES = {"train": 4000, "valid": 500, "test": 1000}
SHORTEST, LONGEST = 5, 40  # words
NEGATED = 0.2  # fraction of the claims


def generate(seed: int = 0) -> Splits:
    """Write the sample: 4000, 500 and 1000 reviews, half of each positive, and none of them twice.

    Args:
        seed: another seed gives other reviews of the same kind.

    Returns:
        `(train, valid, test)` with the columns `text` and `label` (`negative` or `positive`).
    """
    rng = random.Random(seed)
    reviews = {good: _unlike(rng, good) for good in LABELS}
    return Splits(*(_part(rng, reviews, size) for size in SIZES.values()))


def _part(rng: random.Random, reviews: dict[bool, Iterator[str]], size: int) -> Dataset:
    verdicts = [True, False] * (size // 2)
    rng.shuffle(verdicts)
    texts = [next(reviews[good]) for good in verdicts]
    labels = [LABELS[good] for good in verdicts]
    return Dataset({"text": texts, "label": labels})


def _unlike(rng: random.Random, good: bool) -> Iterator[str]:
    """Yield reviews of one verdict without end, none of them twice."""
    seen = set()
    while True:
        text = Reviewer(rng).review(good)
        if text not in seen and SHORTEST <= len(text.split()) <= LONGEST:
            seen.add(text)
            yield text


class Reviewer:
    """Writes one review of one product; `good` is always what the reader shall take from the words.

    Args:
        rng: the source of all choices.
    """

    def __init__(self, rng: random.Random):
        self._rng = rng
        self._product = product = rng.choice(words.PRODUCTS)
        self._noun = rng.choice(product.nouns)
        # Drawn without replacement: a review that judges one part twice would contradict itself.
        parts = [(part, "was") for part in product.singular] + [(part, "were") for part in product.plural]
        self._parts = iter(rng.sample(parts, len(parts)))
        self._asides = iter(rng.sample(product.asides, len(product.asides)))

    def review(self, good: bool) -> str:
        """One to four sentences whose verdict is `good`."""
        contrasts = (self._but, self._although, self._main_clause_first, self._overruled)
        form = self._rng.choice((self._plain, self._plain, *contrasts))
        sentences = [form(good)]
        if self._chance(0.4):
            sentences.insert(0, self._aside())
        if self._chance(0.25):
            sentences.append(self._aside())
        return " ".join(sentences)

    def _plain(self, good: bool) -> str:
        if self._chance(0.5):
            return _sentence(self._claim(good))
        return _sentence(f"{self._part_was(good)}, and {self._claim(good)}")

    def _but(self, good: bool) -> str:
        return _sentence(f"{self._part_was(not good)}{self._rng.choice(words.BUT)} {self._claim(good)}")

    def _although(self, good: bool) -> str:
        return _sentence(f"{self._rng.choice(words.ALTHOUGH)} {self._part_was(not good)}, {self._claim(good)}")

    def _main_clause_first(self, good: bool) -> str:
        return _sentence(f"{self._claim(good)}, {self._rng.choice(words.DESPITE_THAT)} {self._part_was(not good)}")

    def _overruled(self, good: bool) -> str:
        first = f"{self._rng.choice(self._product.early)} {self._it_was(not good)}"
        last = f"{self._rng.choice(words.LATE)}, {self._claim(good)}"
        between = [self._aside()] if self._chance(0.3) else []
        return " ".join([_sentence(first), *between, _sentence(last)])

    def _claim(self, good: bool) -> str:
        return self._rng.choice((self._part_was, self._it_was, self._i_felt, self._part_did, self._name))(good)

    def _part_was(self, good: bool) -> str:
        part, was = next(self._parts)
        return f"{part} {self._judged(good, was, '{}')}"

    def _it_was(self, good: bool) -> str:
        return f"it {self._judged(good, 'was', '{} ' + self._noun)}"

    def _judged(self, good: bool, was: str, phrase: str) -> str:
        """A judgement such as "was not dull at all"; `phrase` holds the adjective's place."""
        negated = self._chance(NEGATED)
        kinds = (words.GRADABLE,) if negated else (words.GRADABLE, words.STRONG)
        adjective = self._rng.choice(self._rng.choice(kinds)[good is not negated])
        frame = self._rng.choice(words.NEGATED if negated else words.AFFIRMED)
        article = "" if phrase == "{}" else "an " if adjective[0] in "aeiou" else "a "
        return frame.format(was=was, x=article + phrase.format(adjective))

    def _i_felt(self, good: bool) -> str:
        negated = self._chance(NEGATED)
        feel, felt = self._rng.choice(words.FEELINGS[good is not negated])
        denied = (f"I did not {feel} it", f"I never {felt} it", f"I cannot say that I {felt} it")
        stated = (f"I {felt} it", f"I really {felt} it", f"I must say that I {felt} it")
        return self._rng.choice(denied if negated else stated)

    def _part_did(self, good: bool) -> str:
        negated = self._chance(NEGATED)
        part, _ = next(self._parts)
        do, did = self._rng.choice(words.EFFECTS[good is not negated])
        done = self._rng.choice((f"did not {do}", f"could not {do}") if negated else (did, f"truly {did}"))
        return f"{part} {done} the {self._noun}"

    def _name(self, good: bool) -> str:
        negated = self._chance(NEGATED)
        deserves = "does not deserve" if negated else "deserves"
        return f"it {deserves} its {self._rng.choice(words.NAMES[good is not negated])} reputation"

    def _aside(self) -> str:
        choose = self._rng.choice
        return next(self._asides).format(who=choose(words.WHO), when=choose(words.WHEN), number=choose(words.NUMBER))

    def _chance(self, probability: float) -> bool:
        return self._rng.random() < probability


def _sentence(clause: str) -> str:
    """Capital letter and full stop, also where a clause holds a full stop of its own."""
    return ". ".join(part[0].upper() + part[1:] for part in clause.split(". ")) + "."


SOURCE = Source(
    name="sentiment-sample",
    task="sentiment",
    description="Generated reviews of films, books, restaurants and hotels whose verdict depends on word order.",
    licence="Apache-2.0, as rnnkit",
    homepage="rnnkit.datasets.sentiment_sample",
    read=lambda folder: generate(),
)
