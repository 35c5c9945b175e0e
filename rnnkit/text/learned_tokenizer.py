"""Plain text split the way a data set's own tokens are.

`tokenize` splits `U.N.`, `O'Brien` or `@user`, which a data set may hold as one token each. What belongs together is
learned here from that data set's sentences.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rnnkit.text.detokenizer import blanks_between
from rnnkit.text.tokenizer import Token, tokenize, words
from rnnkit.text.word_shape import SHAPES, shape_number


class LearnedTokenizer:
    """Joins what `tokenize` splits, where the tokens of the training data hold it together.

    Two neighbours without a blank between them are joined if most such neighbours in training were inside of one token:
    of the same spelling, or where that was never seen, of the same shapes, with and then without their surroundings.

    Args:
        joins: whether to join, by context; see `learn`.
    """

    def __init__(self, joins: Mapping[str, bool]):
        self.joins = dict(joins)

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]]) -> "LearnedTokenizer":
        """From sentences given as tokens; blanks between tokens are taken to be where `join_words` sets them."""
        votes: Counter[str] = Counter()
        general: dict[str, tuple[str, ...]] = {}
        for contexts, joined in _joints(sentences):
            for level, context in enumerate(contexts):
                votes[context] += 1 if joined else -1
                general[context] = contexts[level + 1 :]
        learned = cls({})
        for context in sorted(general, key=lambda each: len(general[each])):
            if (votes[context] > 0) != learned._is_joined(general[context]):
                learned.joins[context] = votes[context] > 0
        return learned

    def __call__(self, text: str) -> list[Token]:
        """The tokens of a text, as `tokenize` gives them, those joined that belong together."""
        found: list[Token] = []
        parts = tokenize(text)
        for place, part in enumerate(parts):
            if place and self._belongs(parts, place):
                start = found.pop().start
                part = Token(text[start : part.end], start, part.end)
            found.append(part)
        return found

    def _belongs(self, parts: list[Token], place: int) -> bool:
        """Whether a part belongs to the same token as the one before it."""
        if not self.joins or parts[place - 1].end != parts[place].start:
            return False
        near = parts[max(0, place - 2) : place + 2]
        before = near[0].text if place > 1 and near[0].end == near[1].start else ""
        after = near[-1].text if place + 1 < len(parts) and near[-1].start == parts[place].end else ""
        return self._is_joined(_contexts(before, parts[place - 1].text, parts[place].text, after))

    def _is_joined(self, contexts: Iterable[str]) -> bool:
        return next((self.joins[context] for context in contexts if context in self.joins), False)


def split_fraction(tokenizer, sentences: Iterable[Sequence[str]]) -> tuple[float, list[str]]:
    """Which fraction of the tokens a tokenizer splits even where blanks surround them, and the most frequent of them.

    Args:
        tokenizer: text to `Token`s.
        sentences: lists of tokens, at least one.
    """
    counts = Counter(token for sentence in sentences for token in sentence)
    split = [token for token, _ in counts.most_common() if [each.text for each in tokenizer(token)] != [token]]
    return sum(counts[token] for token in split) / counts.total(), split[:3]


def _joints(sentences) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The contexts of all neighbours without a blank between them, and whether they are in the same token."""
    split = functools.lru_cache(maxsize=2**16)(words)
    for sentence in sentences:
        parts, gaps = [""], [" "]  # gaps[i] is between parts i and i + 1: a blank, "" for an end, "+" inside of a token
        for token, blank in zip(sentence, [*blanks_between(sentence), True], strict=True):
            found = split(token)
            parts += found
            gaps += ["+"] * (len(found) - 1) + ([" " if blank else ""] if found else [])
        parts.append("")
        for place in range(1, len(parts) - 2):
            if gaps[place] != " ":
                before = parts[place - 1] if gaps[place - 1] != " " else ""
                after = parts[place + 2] if gaps[place + 1] != " " else ""
                yield _contexts(before, parts[place], parts[place + 1], after), gaps[place] == "+"


def _contexts(before: str, left: str, right: str, after: str) -> tuple[str, ...]:
    """What may decide whether `left` and `right` belong together, the most specific first."""
    shapes = [_shape(each) for each in (before, left, right, after)]
    spelled = [shapes[0], left, right, shapes[3]]
    return tuple(map(" ".join, (spelled, ["=", *spelled[1:3]], shapes, shapes[1:], shapes[1:3])))


@functools.lru_cache(maxsize=2**16)
def _shape(part: str) -> str:
    """A mark as it is; of a word how it is written, and whether it is a single character."""
    name = SHAPES[shape_number(part) - 1] if part else "mark"
    return part if name == "mark" else f"<{name}{'1' if len(part) == 1 else ''}>"
