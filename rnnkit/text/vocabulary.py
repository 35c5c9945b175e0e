"""Words and their numbers."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from rnnkit.errors import ArgumentError

PADDING = 0
UNKNOWN = 1
SPECIAL = ("[pad]", "[unk]")
FEW_WORDS = 100  # of fewer, most occur once in any language


class Vocabulary:
    """A fixed list of words: number 0 is padding, number 1 any word that is not in the list.

    Args:
        words: the words in the order of their numbers, from number 2 on; any Unicode text.
    """

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self._numbers = {word: number for number, word in enumerate(self.words, len(SPECIAL))}
        if len(self._numbers) != len(self.words):
            raise ArgumentError("words: a vocabulary cannot have a word twice.")

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]], *, min_count: int = 1, max_words: int | None = None):
        """The `max_words` most frequent of the words seen at least `min_count` times; ties go by spelling.

        Warns:
            UserWarning: most of the words, as they run, occur once, so that a model learns next to nothing about them.
        """
        counts = Counter(word for sentence in sentences for word in sentence)
        _warn_of_rare_words(counts)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls([word for word, count in ranked if count >= min_count][:max_words])

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._numbers

    def encode(self, sentence: Sequence[str]) -> np.ndarray:
        """The numbers of a sentence's words: int32, shape (T,). A sentence without words is one unknown word."""
        numbers = [self._numbers.get(word, UNKNOWN) for word in sentence]
        return np.array(numbers or [UNKNOWN], dtype="int32")

    def decode(self, numbers: Iterable[int]) -> list[str]:
        """The words behind numbers; padding is left out."""
        names = [*SPECIAL, *self.words]
        return [names[number] for number in numbers if number != PADDING]


def _warn_of_rare_words(counts: Counter) -> None:
    once = sum(count == 1 for count in counts.values())
    if counts.total() >= FEW_WORDS and once > counts.total() / 2:
        warnings.warn(
            f"words: {once} of the {counts.total()} words of the training data occur once, so there is little to learn "
            "about them. Words that are not separated by blanks need a tokenizer; see the argument of that name.",
            stacklevel=3,
        )
