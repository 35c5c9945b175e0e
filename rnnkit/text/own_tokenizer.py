"""A tokenizer of the user's: a function from a text to a list of its words."""

from collections.abc import Callable, Iterable
from typing import Any

import keras

from rnnkit.errors import ArgumentError, DataError
from rnnkit.text.tokenizer import Token, words


def tokenize_with(tokenizer: Callable[[str], Iterable[str]], text: str) -> list[Token]:
    """The words that a tokenizer of the user's finds in a text, with their places.

    Raises:
        DataError: they are not the words of the text, in its order.
    """
    tokens, place = [], 0
    for word in tokenizer(text):
        start = text.find(word, place) if isinstance(word, str) and word else -1
        if start < 0:
            raise DataError(
                f"tokenizer: expected words as they stand in the text, in its order, got {word!r}, which does not "
                f"follow in {text[place : place + 40]!r}. Return them unchanged."
            )
        place = start + len(word)
        tokens.append(Token(word, start, place))
    return tokens


def words_with(tokenizer: Callable[[str], Iterable[str]] | None, text: str, *, lowercase: bool = False) -> list[str]:
    """The words that a tokenizer of the user's gives for a text; None takes ours, `words`.

    Raises:
        DataError: they are no strings.
    """
    if tokenizer is None:
        return words(text, lowercase=lowercase)
    found = list(tokenizer(text))
    for word in found:
        if not isinstance(word, str):
            raise DataError(
                f"tokenizer: expected a list of strings for a text, got {word!r:.80} in it. Return its words."
            )
    return [word.lower() for word in found] if lowercase else found


class MissingTokenizer:
    """Stands in for a tokenizer of the user's that a model's file could only name."""

    def __init__(self, name: str):
        self.__name__ = name

    def __call__(self, text):
        raise ArgumentError(
            f"tokenizer: this model was trained with the tokenizer {self.__name__!r}, which is not in its file. Set "
            "model.tokenizer, or decorate it with keras.saving.register_keras_serializable() before you load the model."
        )


def own_tokenizer(given: Any) -> Callable[[str], Iterable[str]] | None:
    """A tokenizer of the user's as it is, one from a model's configuration by its name, or None.

    Raises:
        ArgumentError: it cannot be called.
    """
    if isinstance(given, str):
        return keras.saving.get_registered_object(given) or MissingTokenizer(given)
    if given is not None and not callable(given):
        raise ArgumentError(
            f"tokenizer: expected a function from a text to a list of its words, or None, got {given!r}."
        )
    return given


def tokenizer_name(tokenizer: Any) -> str | None:
    """The name under which Keras, or else Python, knows a tokenizer, for the configuration."""
    if tokenizer is None:
        return None
    named = tokenizer if hasattr(tokenizer, "__name__") else type(tokenizer)
    return keras.saving.get_registered_name(named)
