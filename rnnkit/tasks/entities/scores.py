"""Precision, recall and F1 of entities, as the CoNLL shared tasks count them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from rnnkit.errors import DataError
from rnnkit.tasks.entities.spans import find_spans


@dataclass(frozen=True)
class Counts:
    """How many spans the gold standard has, how many were found, and how many of these are correct."""

    gold: int
    found: int
    correct: int

    @property
    def precision(self) -> float:
        """The fraction of the found spans that is correct; 0 if none was found."""
        return self.correct / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The fraction of the gold spans that was found; 0 if there is none."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 if nothing is correct."""
        return 2 * self.correct / (self.gold + self.found) if self.correct else 0.0


@dataclass(frozen=True)
class EntityScores(Counts):
    """The counts over all types, and in `types` those of each type by its name."""

    types: dict[str, Counts]

    def to_frame(self) -> pd.DataFrame:
        """One row per type in the order of the alphabet, then `total`; fractions, not percent."""
        columns = ["gold", "found", "correct", "precision", "recall", "f1"]
        table = [[getattr(counts, column) for column in columns] for counts in (*self.types.values(), self)]
        return pd.DataFrame(table, columns=columns, index=pd.Index([*self.types, "total"], name="type"))


def score_entities(gold: Iterable[Sequence[str]], found: Iterable[Sequence[str]]) -> EntityScores:
    """Compares the spans of two lists of tagged sentences: a found span is correct if type, start and end are.

    Both are read by `find_spans`, so that the figures are those of the CoNLL scorer (Tjong Kim Sang and De Meulder,
    "Introduction to the CoNLL-2003 shared task", 2003), for broken tags too; the schemes may differ.

    Args:
        gold: the tags of each sentence, as they should be.
        found: the tags of the same sentences, as predicted.

    Raises:
        DataError: the sentences do not match in number or in length, or one of their tags is no tag.
    """
    gold, found = list(gold), list(found)
    if len(gold) != len(found):
        raise DataError(f"found: expected {len(gold)} sentences as in gold, got {len(found)}. Give one for each.")
    gold_spans, found_spans = _located(gold), _located(found)
    for number, (expected, got) in enumerate(zip(gold, found, strict=True)):
        if len(expected) != len(got):
            raise DataError(
                f"found, sentence {number}: expected {len(expected)} tags as in gold, got {len(got)}. Tag each token."
            )
    counters = [_by_type(spans) for spans in (gold_spans, found_spans, gold_spans & found_spans)]
    types = {label: Counts(*(counter[label] for counter in counters)) for label in sorted(counters[0] | counters[1])}
    return EntityScores(len(gold_spans), len(found_spans), len(gold_spans & found_spans), types)


def _located(sentences):
    return {(number, span) for number, tags in enumerate(sentences) for span in find_spans(tags, sentence=number)}


def _by_type(spans):
    return Counter(span.label for _, span in spans)
