"""What a word looks like, apart from its letters: spelling with folded digits, case, and characters as numbers."""

import functools
from collections.abc import Iterable, Sequence

import numpy as np
import regex

from rnnkit.text.vocabulary import Vocabulary

SHAPES = ("lower", "capital", "upper", "mixed", "digits", "with digits", "mark")
BEGIN, END = "\x02", "\x03"

_DIGIT = regex.compile(r"\p{N}")


def folded(word: str, *, lowercase: bool) -> str:
    """The word with every digit as 0, so that all years are one word, and if asked in lower case."""
    word = _DIGIT.sub("0", word)
    return word.lower() if lowercase else word


def shape_number(word: str) -> int:
    """Which of `SHAPES` a word has, counted from 1; 0 is padding."""
    letters = [character for character in word if character.isalpha()]
    digits = any(character.isnumeric() for character in word)
    if not letters:
        return 1 + SHAPES.index("digits" if digits else "mark")
    if digits:
        return 1 + SHAPES.index("with digits")
    if word.islower() or not any(character.isupper() for character in letters):
        return 1 + SHAPES.index("lower")
    if all(character.isupper() for character in letters):
        return 1 + SHAPES.index("upper" if len(letters) > 1 else "capital")
    return 1 + SHAPES.index("capital" if letters[0].isupper() and "".join(letters[1:]).islower() else "mixed")


class Spelling:
    """Words as rows of character numbers, between a mark for the word's begin and one for its end.

    Args:
        characters: the characters that are known, in the order of their numbers.
        width: numbers a word; of a longer word the middle is left out, so that its ending stays.
    """

    def __init__(self, characters: Sequence[str], width: int = 20):
        self.vocabulary = Vocabulary(characters)
        self.width = width
        self._row = functools.lru_cache(maxsize=2**16)(self._spell)

    @staticmethod
    def learn(sentences: Iterable[Sequence[str]]) -> list[str]:
        """The characters that occur at least twice in the words, and the two marks."""
        characters = ([*word] for sentence in sentences for word in sentence)
        return [BEGIN, END, *Vocabulary.learn(characters, min_count=2).words]

    def encode(self, sentence: Sequence[str]) -> np.ndarray:
        """Character numbers of a sentence's words: int32, shape (T, width), 0 after a word's end."""
        return np.stack([self._row(word) for word in sentence])

    def _spell(self, word: str) -> np.ndarray:
        room = self.width - 2
        kept = word if len(word) <= room else word[: room - room // 2] + word[-(room // 2) :]
        numbers = self.vocabulary.encode([BEGIN, *kept, END])
        return np.concatenate([numbers, np.zeros(self.width - len(numbers), "int32")])
