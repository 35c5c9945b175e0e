"""Words set as running text again."""

from collections import Counter
from collections.abc import Sequence

import regex

from rnnkit.text.tokenizer import UNSPACED

_NO_BLANK_BEFORE = regex.compile(
    r"[\p{Pe}\p{Pf}.,!?:;%…\uff00-\uff65\u3001\u3002]|\.{2,}|n['’]t|['’](?:s|re|ve|ll|d|m)", regex.IGNORECASE
)
_NO_BLANK_AFTER = regex.compile(r"[\p{Ps}\p{Pi}¿¡\"\uff00-\uff65\u3001\u3002]")
_NO_BLANK_AROUND = regex.compile(r"[-/'’]")
_UNSPACED = regex.compile(UNSPACED)


def join_words(tokens: Sequence[str]) -> str:
    """Words as running text: no blank before full stops, clitics and closing marks, behind opening ones, at hyphens.

    A straight double quote opens and closes in turn, and a “ closes where a „ has opened. Characters of scripts without
    blanks between words stand side by side.
    """
    blanks = blanks_between(tokens)
    return "".join(f"{token} " if blank else token for token, blank in zip(tokens, [*blanks, False], strict=False))


def blanks_between(tokens: Sequence[str]) -> list[bool]:
    """Whether `join_words` sets a blank after each word but the last."""
    blanks: list[bool] = []
    marks: Counter[str] = Counter()
    glued, unspaced = True, False
    for token in tokens:
        quoted = (token == '"' and marks['"'] % 2 == 1) or (token == "“" and marks["„"] > marks["“"])
        around = bool(_NO_BLANK_AROUND.fullmatch(token))
        closes = quoted or around or bool(_NO_BLANK_BEFORE.fullmatch(token))
        starts_unspaced = bool(_UNSPACED.match(token))
        blanks.append(not (glued or closes or (unspaced and starts_unspaced)))
        glued = around or (not quoted and bool(_NO_BLANK_AFTER.fullmatch(token)))
        unspaced = starts_unspaced
        marks.update(token)
    return blanks[1:]
