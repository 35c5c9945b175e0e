"""Plain texts into sentences of tokens, and decoded sentences into entities with their place in the text."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from rnnkit.errors import DataError
from rnnkit.tasks.columns import as_column
from rnnkit.tasks.entities.decoding import span_score
from rnnkit.tasks.entities.spans import find_spans
from rnnkit.text.learned_tokenizer import LearnedTokenizer, split_fraction
from rnnkit.text.sentences import by_sentence
from rnnkit.text.tokenizer import Token, tokenize, tokenize_with

MAX_SPLIT = 0.01  # of the tokens, without a warning


class Entity(NamedTuple):
    """A named thing in a text: `text[start:end]` are its letters, `score` is the probability of exactly this entity."""

    text: str
    label: str
    start: int
    end: int
    score: float


class Document(NamedTuple):
    """A text and the tokens of its sentences, with their places in it."""

    text: str
    sentences: list[list[Token]]


def listed(texts: Any) -> list:
    """One text, or several things that `as_document` takes, as a list."""
    if isinstance(texts, (bytes, dict)) or not hasattr(texts, "__iter__"):
        raise DataError(f"texts: expected a text, a list of texts, or a list of token lists, got {texts!r}.")
    return [texts] if isinstance(texts, str) else as_column(texts)


def as_document(given: Any, tokenizer: Callable[[str], list[Token]]) -> Document:
    """A text, split by a tokenizer and into sentences; or tokens as one sentence, their text joined by blanks.

    Raises:
        DataError: it is neither.
    """
    if isinstance(given, str):
        return Document(given, by_sentence(given, tokenizer(given)))
    if not isinstance(given, (list, tuple)) or not all(isinstance(token, str) and token for token in given):
        raise DataError(f"texts: expected a text, a list of texts, or a list of token lists, got {given!r}.")
    tokens, place = [], 0
    for token in given:
        tokens.append(Token(token, place, place + len(token)))
        place += len(token) + 1
    return Document(" ".join(given), [tokens] if tokens else [])


def learn_joins(sentences: list[list[str]], own: Callable[[str], Iterable[str]] | None = None) -> dict[str, bool]:
    """What a `LearnedTokenizer` learns from training sentences, nothing where the user has a tokenizer of their `own`.

    Warns:
        UserWarning: plain text would be split another way than the training data, in more than 1 % of the tokens:
            those of one half of the sentences, after learning from the other half.
    """
    if own is None and not split_fraction(tokenize, sentences)[0]:
        return {}
    tokenizer = LearnedTokenizer.learn(sentences[::2]) if own is None else partial(tokenize_with, own)
    fraction, examples = split_fraction(tokenizer, sentences[1::2] or sentences)
    if fraction > MAX_SPLIT:
        warnings.warn(
            f"tokenizer: plain text is split differently from the training data: {fraction:.1%} of its tokens, such as "
            f"{', '.join(map(repr, examples))}, would be split, and entities missed. Give "
            "EntityRecognizer(tokenizer=...) the function that made these tokens, or give tag() lists of tokens.",
            stacklevel=2,
        )
    return {} if own else LearnedTokenizer.learn(sentences).joins


def entities_in(document: Document, decoded: Iterator[dict[str, Any]], tags: list[str]) -> list[Entity]:
    """The entities of a document.

    Args:
        document: a text and its tokens.
        decoded: what `TagDecoder.entities` gave for each sentence, cut to its tokens; those of this document are taken.
        tags: the decoder's tags.
    """
    found = []
    for tokens in document.sentences:
        outputs = next(decoded)
        for span in find_spans([tags[number] for number in outputs["tags"]]):
            start, end = tokens[span.start].start, tokens[span.end - 1].end
            found.append(Entity(document.text[start:end], span.label, start, end, span_score(span, outputs)))
    return found
