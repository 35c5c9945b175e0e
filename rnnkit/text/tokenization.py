"""What every way of turning texts into numbers and back shares; see `rnnkit.text.tokenization_table`."""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, ClassVar, Self

from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.vocabulary import PADDING, SPECIAL

BEGIN, END = len(SPECIAL), len(SPECIAL) + 1
MARKS = ("begin of text", "end of text")  # no token of a text has a space in it
RESERVED = len(SPECIAL) + len(MARKS)


class Tokenization:
    """Base of the ways to turn texts into numbers and back.

    Number 0 is padding, 1 a word that is not known, 2 the begin of a text and 3 its end. Of these four, no text has any
    but the 1. `len(tokenization)` is V, the size of the vocabulary with these four.
    """

    kind: ClassVar[str]

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

    def decode(self, numbers: Iterable[int]) -> str:
        """The text behind numbers up to the first end; padding and begin are left out."""
        raise NotImplementedError

    def to_config(self) -> dict[str, Any]:
        """A JSON-able dict, for `tokenization_from_config`."""
        return {"kind": self.kind, "entries": self.entries}


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


def check_encodable(texts: Sequence[str]) -> None:
    """Raises on the first of the texts that is no whole Unicode text.

    Raises:
        DataError: it says which.
    """
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"texts: expected a text in every row, got {text!r} in row {row}.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"half a character (a lone surrogate) at {error.start}"
            raise DataError(f"texts: the text in row {row} holds {half}. Repair it.") from error
