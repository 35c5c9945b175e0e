"""Texts into numbers and back: by subwords, whole words, characters or bytes.

A tokenization is learned from texts, goes into a model's build config as a JSON-able dict, and comes back from it:

    subwords = learn_tokenization("subwords", texts, size=8000)
    subwords.decode(subwords.encode(["Any text."])[0])   # "Any text."
    tokenization_from_config(subwords.to_config())

Where two languages share one vocabulary, as tied embeddings need it, it is learned from the texts of both.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import takewhile
from typing import Any, ClassVar, Self

import numpy as np

from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import one_of
from rnnkit.text.detokenizer import join_words
from rnnkit.text.tokenizer import words
from rnnkit.text.vocabulary import PADDING, SPECIAL, UNKNOWN, Vocabulary

BEGIN, END = len(SPECIAL), len(SPECIAL) + 1
MARKS = ("begin of text", "end of text")  # no token of a text has a space in it
RESERVED = len(SPECIAL) + len(MARKS)
CODE_POINTS = 0x110000  # of Unicode


class Tokenization:
    """Base of the ways to turn texts into numbers and back.

    Number 0 is padding, 1 a word that is not known, 2 the start of a text and 3 its end. Of these four, no text has any
    but the 1. `len(tokenization)` is V, the size of the vocabulary with these four.
    """

    kind: ClassVar[str]
    lowercase: bool = False  # whether capital letters are folded first

    def __init__(self, entries: Sequence[str]):
        self.entries = list(entries)

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> Self:
        """The tokenization that these texts teach, the same for the same texts.

        Args:
            texts: what to learn from.
            size: V at most; few texts may give less.

        Raises:
            ArgumentError: `size` is too small.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of each text, without begin and end; none for an empty text.

        Raises:
            DataError: one of them is no text, or holds half a character (a lone surrogate).
        """
        raise NotImplementedError

    def array(self, text: str) -> np.ndarray:
        """The numbers of one text, shape (T,)."""
        return np.array(self.encode([text])[0], "int32")

    def decode(self, numbers: Iterable[int]) -> str:
        """The text behind numbers up to the first end; padding and begin are left out."""
        raise NotImplementedError

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text as text, one for each of its numbers."""
        raise NotImplementedError

    def to_config(self) -> dict[str, Any]:
        """A JSON-able dict, for `tokenization_from_config`."""
        folded = {"lowercase": True} if self.lowercase else {}
        return {"kind": self.kind, "entries": self.entries, **folded}

    def _read(self, texts: Sequence[str]) -> Sequence[str]:
        """The texts as they are encoded.

        Raises:
            DataError: one of them is no whole Unicode text.
        """
        check_encodable(texts)
        return [text.lower() for text in texts] if self.lowercase else texts


class WholeWords(Tokenization):
    """A number for each of the most frequent words; all others are one unknown word.

    Words are those of `rnnkit.text.tokenizer.words`, with their case. White space only parts them, so decoding sets
    its own (see `join_words`), and shows an unknown word as `[unk]`.

    Args:
        entries: the words in the order of their numbers.
    """

    kind = "words"

    def __init__(self, entries: Sequence[str]):
        super().__init__(entries)
        self.vocabulary = Vocabulary([*MARKS, *entries])

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> "WholeWords":
        check_size(size, RESERVED + 1)
        texts = list(texts)
        check_encodable(texts)
        return cls(Vocabulary.learn(map(words, texts), max_words=size - RESERVED).words)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        found = map(words, self._read(texts))
        return [self.vocabulary.encode(each).tolist() if each else [] for each in found]

    def decode(self, numbers: Iterable[int]) -> str:
        return join_words(self.vocabulary.decode(body(numbers)))

    def tokens(self, text: str) -> list[str]:
        """The words of a text, for labels of plots."""
        return words(*self._read([text]))


class Characters(Tokenization):
    """A number for each of the most frequent characters, Unicode code points; all others are one unknown character.

    Texts come back as they were, with their white space; an unknown character is shown as U+FFFD.

    Args:
        entries: the characters in the order of their numbers.
    """

    kind = "characters"

    def __init__(self, entries: Sequence[str]):
        super().__init__(entries)
        self._numbers = np.full(CODE_POINTS, UNKNOWN, "int32")
        self._numbers[[ord(character) for character in self.entries]] = range(RESERVED, len(self))

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> "Characters":
        check_size(size, RESERVED + 1)
        counts = np.zeros(CODE_POINTS, "int64")
        for row, text in enumerate(texts):
            check_encodable([text], row)
            found = np.bincount(_code_points(text))
            counts[: len(found)] += found
        ranked = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        return cls([chr(code) for code in ranked[: size - RESERVED]])

    def __len__(self) -> int:
        return RESERVED + len(self.entries)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._numbers[_code_points(text)].tolist() for text in self._read(texts)]

    def array(self, text: str) -> np.ndarray:
        [text] = self._read([text])
        return self._numbers[_code_points(text)]

    def decode(self, numbers: Iterable[int]) -> str:
        return "".join(self.entries[each - RESERVED] if each >= RESERVED else "\ufffd" for each in body(numbers))

    def tokens(self, text: str) -> list[str]:
        """The characters of a text."""
        return list(*self._read([text]))


class Bytes(Tokenization):
    """A number for each byte of UTF-8: nothing is unknown, and nothing has to be learned.

    What a model writes need not be whole characters; what is not is shown as U+FFFD.
    """

    kind = "bytes"

    def __init__(self, entries: Sequence[str] = ()):
        super().__init__(entries)

    @classmethod
    def learn(cls, texts: Iterable[str], size: int = RESERVED + 256) -> "Bytes":
        check_size(size, RESERVED + 256)
        for row, text in enumerate(texts):
            check_encodable([text], row)
        return cls()

    def __len__(self) -> int:
        return RESERVED + 256

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[RESERVED + byte for byte in text.encode()] for text in self._read(texts)]

    def decode(self, numbers: Iterable[int]) -> str:
        return bytes(each - RESERVED for each in body(numbers) if each >= RESERVED).decode(errors="replace")

    def tokens(self, text: str) -> list[str]:
        """The bytes of a text, each as a character where it is one."""
        return [chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in self._read([text])[0].encode()]


HOMES = {  # `tokenizers`, which subwords need, is an extra
    "subwords": "rnnkit.text.subwords:Subwords",
    "words": "rnnkit.text.tokenization:WholeWords",
    "characters": "rnnkit.text.tokenization:Characters",
    "bytes": "rnnkit.text.tokenization:Bytes",
}
TOKENIZATIONS = tuple(HOMES)


def find_tokenization(kind: str) -> type[Tokenization]:
    """The class of a kind of tokenization.

    Raises:
        ArgumentError: an unknown kind, or one whose package is not installed.
    """
    module, name = HOMES[one_of("tokenization", kind, TOKENIZATIONS)].split(":")
    return getattr(import_module(module), name)


def learn_tokenization(kind: str, texts: Iterable[str], size: int, lowercase: bool = False) -> Tokenization:
    """The tokenization that texts teach.

    Args:
        kind: one of `TOKENIZATIONS`.
        texts, size: see `Tokenization.learn`.
        lowercase: fold capital letters, here and in all that is encoded.

    Raises:
        ArgumentError: an unknown kind, or `size` is too small.
        DataError: one of the texts is no whole Unicode text.
    """
    if lowercase:
        texts = (text.lower() if isinstance(text, str) else text for text in texts)
    found = find_tokenization(kind).learn(texts, size)
    found.lowercase = lowercase
    return found


def tokenization_from_config(config: dict[str, Any]) -> Tokenization:
    """The tokenization whose `to_config` gave this dict."""
    found = find_tokenization(config["kind"])(config["entries"])
    found.lowercase = config.get("lowercase", False)
    return found


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), "<u4")


def body(numbers: Iterable[int]) -> list[int]:
    """The numbers of a text alone: up to the first end, without padding and begin."""
    return [
        number for number in takewhile(lambda each: each != END, map(int, numbers)) if number not in (PADDING, BEGIN)
    ]


def check_size(size: int, least: int) -> None:
    """Raises where a vocabulary of this size cannot be.

    Raises:
        ArgumentError: `size` is no integer, or below `least`.
    """
    if not isinstance(size, int) or size < least:
        raise ArgumentError(f"size: expected a vocabulary of at least {least}, got {size!r}.")


def check_encodable(texts: Sequence[str], first: int = 0) -> None:
    """Raises on the first of the texts that is no whole Unicode text; `first` is the row of the first one.

    Raises:
        DataError: it says which.
    """
    for row, text in enumerate(texts, first):
        if not isinstance(text, str):
            raise DataError(f"texts: expected a text in every row, got {text!r} in row {row}.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"half a character (a lone surrogate) at {error.start}"
            raise DataError(f"texts: the text in row {row} holds {half}. Repair it.") from error
