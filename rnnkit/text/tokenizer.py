"""Plain text into words that know where they stood."""

from typing import NamedTuple

import regex

# Clitics part from their word as in the Penn treebank ("do" + "n't"); an emoji with its modifiers is one token.
_TOKEN = regex.compile(
    r"""
      [\p{L}\p{M}\p{N}_]+(?=n['’]t\b)                    # "do" in "don't"
    | n['’]t\b
    | ['’](?:s|re|ve|ll|d|m)\b
    | \p{N}+(?:[.,:]\p{N}+)*(?![\p{L}_])                 # 1,000.50
    | [\p{L}\p{M}\p{N}_]+
    | \.{2,} | -{2,}
    | (?!\s)\X                                           # any other character, with all that belongs to it
    """,
    regex.VERBOSE | regex.IGNORECASE,
)


class Token(NamedTuple):
    """A word and its place: `text[start:end]` is the word as it was written."""

    text: str
    start: int
    end: int


def tokenize(text: str, *, lowercase: bool = False) -> list[Token]:
    """The words, numbers and marks of a text, in any script; white space only parts them.

    Args:
        text: any Unicode text. Combining characters stay with their letter, so offsets never cut one.
        lowercase: fold the tokens' own text; the offsets are those of the text as given.
    """
    tokens = (Token(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text))
    return [token._replace(text=token.text.lower()) for token in tokens] if lowercase else list(tokens)


def words(text: str, *, lowercase: bool = False) -> list[str]:
    """Only the words of `tokenize`."""
    found = _TOKEN.findall(text)
    return [word.lower() for word in found] if lowercase else found
