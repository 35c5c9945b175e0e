"""Texts as whole words from a list, and words set as text again."""

from collections.abc import Iterable, Sequence

import regex

from rnnkit.text.tokenization import MARKS, RESERVED, Tokenization, body, check_encodable, check_size
from rnnkit.text.tokenizer import words
from rnnkit.text.vocabulary import Vocabulary

_NO_BLANK_BEFORE = regex.compile(r"[\p{Pe}\p{Pf}.,!?:;%…]|\.{2,}|n['’]t|['’](?:s|re|ve|ll|d|m)", regex.IGNORECASE)
_NO_BLANK_AFTER = regex.compile(r"[\p{Ps}\p{Pi}¿¡\"]")
_NO_BLANK_AROUND = regex.compile(r"[-/'’]")


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


def join_words(tokens: Sequence[str]) -> str:
    """Words as running text: no blank before full stops, clitics and closing marks, behind opening ones, at hyphens.

    A straight double quote opens and closes in turn, and a “ closes where a „ has opened.
    """
    text, glued = "", True
    for token in tokens:
        quoted = (token == '"' and text.count('"') % 2 == 1) or (token == "“" and text.count("„") > text.count("“"))
        around = bool(_NO_BLANK_AROUND.fullmatch(token))
        closes = quoted or around or bool(_NO_BLANK_BEFORE.fullmatch(token))
        text += token if glued or closes else f" {token}"
        glued = around or (not quoted and bool(_NO_BLANK_AFTER.fullmatch(token)))
    return text
