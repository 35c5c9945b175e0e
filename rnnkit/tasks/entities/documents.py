"""Plain texts into sentences of tokens, and decoded sentences into entities with their place in the text."""

from typing import Any, NamedTuple

from rnnkit.errors import DataError
from rnnkit.tasks.entities.decoding import span_score
from rnnkit.tasks.entities.spans import find_spans
from rnnkit.text.sentences import split_sentences
from rnnkit.text.tokenizer import Token, tokenize


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


def as_document(given: Any) -> Document:
    """A text as it is, split into sentences; or tokens as one sentence, their text joined by blanks.

    Raises:
        DataError: it is neither.
    """
    if isinstance(given, str):
        parts = ((start, tokenize(given[start:end])) for start, end in split_sentences(given))
        return Document(given, [[_moved(token, start) for token in tokens] for start, tokens in parts])
    if not isinstance(given, (list, tuple)) or not all(isinstance(token, str) and token for token in given):
        raise DataError(f"texts: expected a text, a list of texts, or a list of token lists, got {given!r}.")
    tokens, place = [], 0
    for token in given:
        tokens.append(Token(token, place, place + len(token)))
        place += len(token) + 1
    return Document(" ".join(given), [tokens] if tokens else [])


def entities_in(text: str, tokens: list[Token], decoded: dict[str, Any], tags: list[str]) -> list[Entity]:
    """The entities of one sentence.

    Args:
        text: the whole document's.
        tokens: the sentence's.
        decoded: what `TagDecoder` gave for it, cut to its tokens.
        tags: the decoder's tags.
    """
    found = []
    for span in find_spans([tags[number] for number in decoded["tags"]]):
        start, end = tokens[span.start].start, tokens[span.end - 1].end
        found.append(Entity(text[start:end], span.label, start, end, span_score(span, decoded)))
    return found


def _moved(token: Token, start: int) -> Token:
    return token._replace(start=token.start + start, end=token.end + start)
