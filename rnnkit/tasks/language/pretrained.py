"""The first weights of another text task, from a language model."""

import os
import warnings
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from rnnkit.errors import ArgumentError, ModelFileError
from rnnkit.text.vocabulary import SPECIAL, UNKNOWN, Vocabulary


def open_pretrained(given: Any, bidirectional: bool):
    """The language model that a task shall start from; None for None.

    Args:
        given: a trained `LanguageModel`, or the path of a saved one.
        bidirectional: whether the task reads in both directions.

    Raises:
        ArgumentError: it is none, has seen no data, has other tokens than words, or reads in one direction only.
    """
    from rnnkit.tasks.language.model import LanguageModel

    if given is None:
        return None
    model = _loaded(given) if isinstance(given, (str, os.PathLike)) else given
    if not isinstance(model, LanguageModel):
        raise ArgumentError(f"pretrained: expected a LanguageModel or the path of one, got {type(model).__name__}.")
    if model.network is None:
        raise ArgumentError("pretrained: the language model has seen no data yet. Train it first.")
    if model.tokenization != "words":
        raise ArgumentError(
            f"pretrained: expected a language model of words, got one of {model.tokenization}. Train one with "
            "LanguageModel(tokenization='words')."
        )
    if bidirectional and model.direction != "both":
        raise ArgumentError(
            "pretrained: the language model reads forwards, and this task in both directions. Train it with "
            "direction='both', or give bidirectional=False."
        )
    return model


def _loaded(path: str | os.PathLike[str]):
    try:
        return keras.saving.load_model(path)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise ModelFileError(f"pretrained: {path} cannot be read as a Keras model: {error!s:.200}") from error


def like_pretrained(model, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the task that are the language model's.

    Args:
        model: the language model.
        given: the task's arguments by name.
        defaults: what they are where nobody says it.

    Raises:
        ArgumentError: one was said, and is another.
    """
    stack = model.stack.get_config()
    own = {"cell": stack["cell"], "units": stack["units"], "embedding_dim": model.embedding_dim}
    own["lowercase"] = model.lowercase
    for name, value in given.items():
        widths = [value] * len(own["units"]) if name == "units" and isinstance(value, int) else value
        if value != defaults[name] and own[name] not in (value, widths):
            raise ArgumentError(f"{name}: the pretrained language model has {own[name]}, got {value!r}. Leave it out.")
    return own


def joined_words(model, vocabulary: Vocabulary) -> list[str]:
    """The words of the language model, and behind them those that it does not know."""
    known = model.tokens.entries
    seen = set(known)
    return [*known, *(word for word in vocabulary.words if word not in seen)]


def start_from(model, embedding: keras.layers.Embedding, stack, vocabulary: Vocabulary) -> None:
    """Sets the rows of known words, and the recurrent layers, to those of the language model.

    Warns:
        UserWarning: layers above the first of a task that reads in both directions are new, as they read both.
    """
    rows, source = np.array(embedding.embeddings), np.array(model.embedding.embeddings)
    words = model.tokens.entries
    rows[len(SPECIAL) : len(SPECIAL) + len(words)] = source[-len(words) :]
    rows[UNKNOWN] = source[UNKNOWN]
    embedding.embeddings.assign(rows)
    stacks = dict(zip(("forward", "backward"), model.stacks, strict=False))
    layers = len(stack.blocks) if not stack.bidirectional else 1
    for index in range(layers):
        for direction in stack.blocks[index].keys() & stacks.keys():
            weights = stacks[direction].blocks[index]["forward"].get_weights()
            stack.blocks[index][direction].set_weights(weights)
    if layers < len(stack.blocks):
        warnings.warn(
            f"pretrained: 1 of {len(stack.blocks)} layers starts from the language model; those above read both "
            "directions here, and are new.",
            stacklevel=3,
        )
