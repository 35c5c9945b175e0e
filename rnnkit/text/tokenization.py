"""Texts into numbers and back: by subwords, or by whole words.

A tokenization is learned from texts, goes into a model's build config as a JSON-able dict, and comes back from it:

    subwords = learn_tokenization("subwords", texts, size=8000)
    subwords.decode(subwords.encode(["Any text."])[0])   # "Any text."
    tokenization_from_config(subwords.to_config())

Where two languages share one vocabulary, as tied embeddings need it, it is learned from the texts of both.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, ClassVar, Self

from rnnkit.checks import installed, one_of
from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.detokenizer import join_words
from rnnkit.text.tokenizer import words
from rnnkit.text.vocabulary import PADDING, SPECIAL, Vocabulary

installed("translation", "translation", ("tokenizers", "sacrebleu"))
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

BEGIN, END = len(SPECIAL), len(SPECIAL) + 1
MARKS = ("begin of text", "end of text")  # no token of a text has a space in it
RESERVED = len(SPECIAL) + len(MARKS)
# As `tokenizers` spells them, a character a byte. No merge gives a reserved name, as blanks and brackets part words.
BYTES = tuple(sorted(pre_tokenizers.ByteLevel.alphabet()))


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


class Subwords(Tokenization):
    """Frequent words as one number, rare ones in parts, and anything else byte by byte: nothing is out of vocabulary.

    Byte-pair encoding, by the `tokenizers` library (R. Sennrich, B. Haddow and A. Birch, "Neural machine translation of
    rare words with subword units", ACL 2016), of bytes (A. Radford et al., "Language models are unsupervised multitask
    learners", 2019).

    Texts come back exactly as they were, with their case and white space: nothing is normalised. A blank belongs to
    the word behind it, and the first word of a text is encoded as if it had one too, so it is no other subword there.

    Args:
        entries: the merges in the order in which they were learned, each as two parts with a blank between them.
    """

    kind = "subwords"

    def __init__(self, entries: Sequence[str]):
        super().__init__(entries)
        pairs = [(left, right) for left, right in map(str.split, self.entries)]
        names = dict.fromkeys([*SPECIAL, *MARKS, *BYTES, *map("".join, pairs)])
        vocabulary = {name: number for number, name in enumerate(names)}
        self._tokenizer = _byte_level(models.BPE(vocabulary, pairs))

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> "Subwords":
        check_size(size, RESERVED + len(BYTES))
        texts = list(texts)
        check_encodable(texts)
        trainer = trainers.BpeTrainer(
            vocab_size=size - RESERVED, min_frequency=2, initial_alphabet=list(BYTES), show_progress=False
        )
        learner = _byte_level(models.BPE())
        learner.train_from_iterator(map(_with_blank, texts), trainer)
        return cls([" ".join(pair) for pair in json.loads(learner.to_str())["model"]["merges"]])

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        check_encodable(texts)
        return [found.ids for found in self._tokenizer.encode_batch_fast([_with_blank(text) for text in texts])]

    def decode(self, numbers: Iterable[int]) -> str:
        return self._tokenizer.decode(body(numbers)).removeprefix(" ")

    def tokens(self, text: str) -> list[str]:
        """The subwords of a text as text, for labels of plots; a part of a character is shown as U+FFFD."""
        return [self._tokenizer.decode([number]) for number in self.encode([text])[0]]


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
        check_encodable(texts)
        found = map(words, texts)
        return [self.vocabulary.encode(each).tolist() if each else [] for each in found]

    def decode(self, numbers: Iterable[int]) -> str:
        return join_words(self.vocabulary.decode(body(numbers)))

    def tokens(self, text: str) -> list[str]:
        """The words of a text, for labels of plots."""
        return words(text)


TOKENIZATIONS: dict[str, type[Tokenization]] = {kind.kind: kind for kind in (Subwords, WholeWords)}


def learn_tokenization(kind: str, texts: Iterable[str], size: int) -> Tokenization:
    """The tokenization that texts teach.

    Args:
        kind: `"subwords"` or `"words"`.
        texts, size: see `Tokenization.learn`.

    Raises:
        ArgumentError: an unknown kind, or `size` is too small.
        DataError: one of the texts is no whole Unicode text.
    """
    return TOKENIZATIONS[one_of("tokenization", kind, TOKENIZATIONS)].learn(texts, size)


def tokenization_from_config(config: dict[str, Any]) -> Tokenization:
    """The tokenization whose `to_config` gave this dict."""
    return TOKENIZATIONS[config["kind"]](config["entries"])


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


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _with_blank(text: str) -> str:
    return f" {text}" if text else text
