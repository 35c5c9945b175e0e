"""Plain text into sentences, for tagging long documents one sentence at a time.

Rules rather than a model: in doubt they leave two sentences together, since a tagger loses more by a name that is cut
than by a long sentence.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import groupby

import regex

from rnnkit.text.tokenizer import Token, tokenize

# Abbreviations that never end a sentence, and those that do not where a number follows.
_BEFORE_NAMES = (
    "Mr Mrs Ms Dr Prof St Mt Gen Col Maj Capt Lt Sgt Rev Hon Sen Rep Gov Pres Messrs Mme Mlle Fr Hr vs cf approx"
)
_BEFORE_NUMBERS = "No Nos Nr Fig Figs Eq Sec Ch Vol Art p pp al Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec"

_END = regex.compile(
    rf"""
      \n\s*\n                                                       # a blank line
    | (?![!?])\p{{Sentence_Break=STerm}}+ ["'\p{{Pe}}\p{{Pf}}]*     # full stops of scripts that may do without spaces
    | (?<![.!?…])
      (?! (?<=\b(?:{_BEFORE_NAMES.replace(" ", "|")})) \.\s         # Dr. Smith
        | (?<=\b\p{{L}}\p{{M}}*) \.\s                               # J. Smith, U.S., e.g.
        | (?<=\b(?:{_BEFORE_NUMBERS.replace(" ", "|")})) \.\s*\p{{N}} )  # Fig. 3
      [.!?…]++ ["'\p{{Pe}}\p{{Pi}}\p{{Pf}}]*+                       # with the quotes and brackets that it closes
      (?=\s) (?!\s+\p{{P}}*\p{{Ll}})                                # not before a small letter
    """,
    regex.VERBOSE,
)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The places of the sentences of a plain text: `text[start:end]` is one, without the white space around it.

    A blank line ends a sentence. So does a full stop, question or exclamation mark or ellipsis before white space, but
    not before a small letter, nor the full stop of an abbreviation or an initial. The full stops of other scripts need
    no white space. Every token of `tokenize` lies whole in one sentence.

    Args:
        text: any Unicode text. Sentences are never cut for their length.
    """
    return [(tokens[0].start, tokens[-1].end) for tokens in by_sentence(text, tokenize(text))]


def by_sentence(text: str, tokens: Iterable[Token]) -> list[list[Token]]:
    """The tokens of a text in lists, one for each sentence."""
    ends = [match.end() for match in _END.finditer(text)]
    return [list(tokens) for _, tokens in groupby(tokens, key=lambda token: bisect_right(ends, token.start))]
