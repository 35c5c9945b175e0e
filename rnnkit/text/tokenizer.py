"""Plain text into words that know where they stood."""

from typing import NamedTuple

import regex

# Scripts that set no blanks between words: a character each, with its marks, as no rule finds their words.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=Complex_Context}]"  # the last: Thai, Lao, Khmer, Burmese
_WORD = rf"[[\p{{L}}\p{{M}}\p{{N}}_]--{UNSPACED}]"

# Clitics are split off as in the Penn treebank ("do" + "n't"); an emoji with its modifiers is one token.
_TOKEN = regex.compile(
    rf"""
      {_WORD}+(?=n['’]t\b)                               # "do" in "don't"
    | n['’]t\b
    | ['’](?:s|re|ve|ll|d|m)\b
    | \p{{N}}++(?:[.,:]\p{{N}}++)*+(?!{_WORD})           # 1,000.50
    | {_WORD}+
    | \.{{2,}} | -{{2,}}
    | (?!\s)\X                                          # any other character, with all that belongs to it
    """,
    regex.VERBOSE | regex.IGNORECASE | regex.V1,
)


class Token(NamedTuple):
    """A word and its place: `text[start:end]` is the word as it was written."""

    text: str
    start: int
    end: int


def tokenize(text: str, *, lowercase: bool = False) -> list[Token]:
    """The words, numbers and punctuation marks of a text, in any script; white space only separates them.

    In scripts without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each character is a token.

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
