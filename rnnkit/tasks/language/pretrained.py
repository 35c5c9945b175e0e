"""The first weights of another text task, from a language model."""

import inspect
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from rnnkit.errors import ArgumentError, ModelFileError
from rnnkit.text.tokenization import RESERVED, Tokenization, learn_tokenization, tokenization_from_config
from rnnkit.text.vocabulary import SPECIAL


def open_pretrained(given: Any, bidirectional: bool, kinds: Sequence[str] = ("words",)):
    """The language model that a task shall start from; None for None.

    Args:
        given: a trained `LanguageModel`, or the path of a saved one.
        bidirectional: whether the task reads in both directions.
        kinds: the tokenizations that the task can take over.

    Raises:
        ArgumentError: it is none, has seen no data, has other tokens than the task, or reads in one direction only.
        ModelFileError: a path at which there is no model, or one of another version that cannot be read.
    """
    from rnnkit.tasks.language.model import LanguageModel

    if given is None:
        return None
    model = _loaded(given) if isinstance(given, (str, os.PathLike)) else given
    if not isinstance(model, LanguageModel):
        raise ArgumentError(f"pretrained: expected a LanguageModel or the path of one, got {type(model).__name__}.")
    if model.network is None:
        raise ArgumentError("pretrained: the language model has seen no data yet. Train it first.")
    if model.tokenization not in kinds:
        raise ArgumentError(
            f"pretrained: expected a language model of {' or '.join(kinds)}, got one of {model.tokenization}. Train "
            f"one with LanguageModel(tokenization={kinds[0]!r})."
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


def like_pretrained(model, task: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a task that are the language model's.

    Args:
        model: the language model.
        task: the class of the task.
        given: its arguments by name, any of `cell`, `units`, `embedding_dim`, `lowercase` and `tokenization`.

    Raises:
        ArgumentError: one was said, and is another.
    """
    stack, defaults = model.stack.get_config(), inspect.signature(task).parameters
    own = {"cell": stack["cell"], "units": stack["units"], "embedding_dim": model.embedding_dim}
    own |= {"lowercase": model.lowercase, "tokenization": model.tokenization}
    for name, value in given.items():
        widths = [value] * len(own["units"]) if name == "units" and isinstance(value, int) else value
        if value != defaults[name].default and own[name] not in (value, widths):
            raise ArgumentError(f"{name}: the pretrained language model has {own[name]}, got {value!r}. Leave it out.")
    return {name: own[name] for name in given}


def joined_words(model, words: Sequence[str]) -> list[str]:
    """The words of the language model, and behind them those that it does not know; just the words for None."""
    if model is None:
        return list(words)
    known = model.tokens.entries
    seen = set(known)
    return [*known, *(word for word in words if word not in seen)]


def known_tokens(model, texts: Sequence[str], size: int) -> Tokenization:
    """The tokens of the language model, of words with those of the texts behind them, `size` of these at most."""
    known = model.tokens.to_config()
    if model.tokenization != "words":
        return tokenization_from_config(known)
    found = learn_tokenization("words", texts, size, model.lowercase)
    return tokenization_from_config({**known, "entries": joined_words(model, found.entries)})


def start_from(model, embedding: keras.layers.Embedding, stack, reserved: int = len(SPECIAL)) -> None:
    """Sets the rows of known tokens, and the recurrent layers, to those of the language model.

    Where the task's first layer reads other features behind the token's vector, they have no influence at first, so
    that its states are those of the language model.

    Args:
        model: the language model.
        embedding, stack: of the task.
        reserved: numbers of the task that stand before those of tokens.

    Warns:
        UserWarning: layers above the first of a task that reads in both directions are new, as they read both.
    """
    rows, source = np.array(embedding.embeddings), np.array(model.embedding.embeddings)
    rows[:reserved] = source[:reserved]
    rows[reserved : reserved + len(source) - RESERVED] = source[RESERVED:]
    embedding.embeddings.assign(rows)
    stacks = dict(zip(("forward", "backward"), model.stacks, strict=False))
    layers = len(stack.blocks) if not stack.bidirectional else 1
    for index in range(layers):
        for direction in stack.blocks[index].keys() & stacks.keys():
            kernel, *others = stacks[direction].blocks[index]["forward"].get_weights()
            own = stack.blocks[index][direction]
            missing = own.get_weights()[0].shape[0] - len(kernel)
            own.set_weights([np.pad(kernel, ((0, missing), (0, 0))), *others])
    if layers < len(stack.blocks):
        warnings.warn(
            f"pretrained: 1 of {len(stack.blocks)} layers starts from the language model; those above read both "
            "directions here, and are new.",
            stacklevel=3,
        )
