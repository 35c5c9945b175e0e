"""What a translator answers: translations of texts sentence by sentence, warnings, and where it attended to."""

import heapq
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnkit.text.detokenizer import blanks_between
from rnnkit.text.sentences import split_sentences
from rnnkit.text.tokenization import BEGIN
from rnnkit.text.tokenizer import words

if TYPE_CHECKING:
    from matplotlib.figure import Figure


WRONG_WAY = 1.5  # times as many subwords in the source's vocabulary as in the target's


class Translation(NamedTuple):
    """A translation and its score: log probability in nats over length penalty, plus coverage penalty."""

    text: str
    score: float


def decoded(subwords, text: str, hypotheses) -> list[Translation]:
    """Hypotheses for a text as translations, with a vocabulary of subwords; those of a blank text are empty."""
    return [Translation(subwords.decode(each) if text.strip() else "", score) for each, score in hypotheses]


class Passage(NamedTuple):
    """A text as sentences, and the white space after each but the last."""

    sentences: list[str]
    gaps: list[str]


def as_passage(text: str, *, whole: bool = False) -> Passage:
    """A text in sentences; as it is if it has no second sentence, or is to stay whole."""
    places = split_sentences(text)
    if whole or len(places) < 2:
        return Passage([text], [])
    starts, ends = zip(*places, strict=True)
    gaps = [text[end:start] for end, start in zip(ends[:-1], starts[1:], strict=True)]
    return Passage([text[start:end] for start, end in places], gaps)


def join_sentences(translated: Iterator[list[Translation]], passage: Passage) -> list[Translation]:
    """The best translations of a passage: one of each sentence, by the sum of their scores.

    Args:
        translated: the best translations of each sentence, of which those of this passage are taken.
        passage: whose line ends stay; a blank stands between other sentences, but not in scripts that set none.
    """
    best = next(translated)
    for gap in passage.gaps:
        joined = (
            Translation(left.text + _space(left.text, right.text, gap) + right.text, left.score + right.score)
            for right in next(translated)
            for left in best
        )
        best = heapq.nlargest(len(best), joined, key=lambda each: each.score)
    return best


def _space(left: str, right: str, gap: str) -> str:
    if "\n" in gap:
        return gap
    return " " if left and right and blanks_between([left[-1], right[0]])[0] else ""


def check_length(texts, longest: float) -> None:
    """Warns of texts that have more words than the longest source of the training data."""
    if any(len(words(text)) > longest for text in texts):
        warnings.warn(
            f"texts: some sentences have more than {longest} words, as many as the longest source in training. Their "
            "translations may be cut short or invented. Split them, or train on longer ones.",
            stacklevel=3,
        )


def check_direction(sources, as_targets) -> None:
    """Warns of texts that fall into many more subwords of the source's vocabulary than of the target's."""
    read, written = sum(map(len, sources)), sum(map(len, as_targets))
    if written > 20 and read > WRONG_WAY * written:
        message = "texts: these look like the language that this model translates into. It knows one direction."
        warnings.warn(message, stacklevel=5)


@dataclass(frozen=True)
class Alignment:
    """The attention weights of one translation.

    Attributes:
        source: the T subwords of the source, the end of the text last.
        target: the U subwords of the translation, the end of the text last.
        weights: shape (U, T): how much each subword attended to each of the source, rows that sum to 1.
    """

    source: list[str]
    target: list[str]
    weights: np.ndarray

    def plot(self) -> "Figure":
        """A grid with the source to the right and the translation downwards: the darker, the more attention."""
        from matplotlib.figure import Figure

        size = [1.5 + 0.28 * len(labels) for labels in (self.source, self.target)]
        figure = Figure(figsize=(max(3.0, size[0]), max(2.0, size[1])), layout="constrained")
        axis = figure.subplots()
        axis.imshow(self.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(len(self.source)), self.source, rotation=90)
        axis.set_yticks(range(len(self.target)), self.target)
        axis.xaxis.tick_top()
        for text in (*axis.get_xticklabels(), *axis.get_yticklabels()):
            text.set_parse_math(False)  # a pair of dollar signs is no formula here
        return figure


def align(attend, source, numbers, subwords) -> Alignment:
    """How a translation, `numbers` without their end, attends to a source with its end.

    Args:
        attend: a network's inputs to its attention weights.
        source, numbers: subwords.
        subwords: the vocabularies of the two.
    """
    target = np.array([BEGIN, *numbers], "int32")
    weights = attend({"source": source[None], "target": target[None], "lengths": np.array([len(source)])})[0]
    sides = zip(subwords, (source[:-1], numbers), strict=True)
    read, written = ([*(known.decode([number]) for number in each), "[end]"] for known, each in sides)
    return Alignment(read, written, np.asarray(weights, "float32"))
