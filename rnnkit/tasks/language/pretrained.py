"""The first weights of another text task, from a language model."""

import inspect
import os
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from rnnkit.errors import ArgumentError, ModelFileError
from rnnkit.text.tokenization import RESERVED, Tokenization, learn_tokenization, tokenization_from_config

CHARACTERS = ("characters", "bytes")


class Pretrained:
    """The language model that a task starts from, or none. (Keras does not take it for a part of the task.)

    One of words or subwords gives the first weights of token vectors and recurrent layers. One of characters or bytes
    stays as it is, and embeds words in their sentence (see `ContextualStringEmbeddings`).

    Args:
        given: a trained `LanguageModel`, the path of a saved one, or None.
        bidirectional: whether the task reads in both directions.
        kinds: the tokenizations that the task can take over.

    Raises:
        ArgumentError: it is none, has seen no data, has other tokens than the task, or reads in one direction only.
        ModelFileError: a path at which there is no model, or one of another version that cannot be read.
    """

    def __init__(self, given: Any = None, bidirectional: bool = False, kinds: Sequence[str] = ("words",)):
        self.model = _loaded(given) if isinstance(given, (str, os.PathLike)) else given
        if given is not None:
            _check(self.model, bidirectional, kinds)

    @property
    def embeds_words(self) -> bool:
        """Whether it is one of characters or bytes."""
        return self.model is not None and self.model.tokenization in CHARACTERS

    def arguments(self, task: type, **given: Any) -> tuple:
        """Arguments of a task, those of the language model where it gives first weights.

        Args:
            task: the class of the task.
            given: its arguments by name, any of `cell`, `units`, `embedding_dim`, `lowercase` and `tokenization`.

        Raises:
            ArgumentError: one was said, and is another.
        """
        if self.model is None or self.embeds_words:
            return tuple(given.values())
        stack, defaults = self.model.stack.get_config(), inspect.signature(task).parameters
        own = {"cell": stack["cell"], "units": stack["units"], "embedding_dim": self.model.embedding_dim}
        own |= {"lowercase": self.model.lowercase, "tokenization": self.model.tokenization}
        for name, value in given.items():
            widths = [value] * len(own["units"]) if name == "units" and isinstance(value, int) else value
            if value != defaults[name].default and own[name] not in (value, widths):
                raise ArgumentError(
                    f"{name}: the pretrained language model has {own[name]}, got {value!r}. Leave it out."
                )
        return tuple(own[name] for name in given)

    def joined(self, words: Sequence[str]) -> list[str]:
        """The words of the language model, and behind them those that it does not know."""
        known = [] if self.model is None or self.embeds_words else self.model.tokens.entries
        seen = set(known)
        return [*known, *(word for word in words if word not in seen)]

    def tokens(self, texts: Sequence[str], size: int) -> Tokenization:
        """The tokens of the language model, of words with those of the texts behind them, `size` of these at most."""
        known = self.model.tokens.to_config()
        if self.model.tokenization != "words":
            return tokenization_from_config(known)
        found = learn_tokenization("words", texts, size, self.model.lowercase)
        return tokenization_from_config({**known, "entries": self.joined(found.entries)})

    def start(self, task: Any) -> None:
        """Sets the first weights of a `Task` that has just been built, where there is a language model."""
        if self.embeds_words:
            task.contexts.take_over(self.model)
        elif self.model is not None:
            start_from(self.model, task.network.get_layer(task.embedding_name), task.stack, task.reserved)


def _check(model, bidirectional: bool, kinds: Sequence[str]) -> None:
    from rnnkit.tasks.language.model import LanguageModel

    if not isinstance(model, LanguageModel):
        raise ArgumentError(f"pretrained: expected a LanguageModel or the path of one, got {type(model).__name__}.")
    if model.network is None:
        raise ArgumentError("pretrained: the language model has seen no data yet. Train it first.")
    if model.tokenization not in kinds:
        raise ArgumentError(
            f"pretrained: expected a language model of {' or '.join(kinds)}, got one of {model.tokenization}. Train "
            f"one with LanguageModel(tokenization={kinds[0]!r})."
        )
    if model.tokenization in CHARACTERS and model.direction != "both":
        raise ArgumentError(
            "pretrained: the language model reads forwards, and words are embedded by what is read on both sides. "
            "Train it with direction='both'."
        )
    if bidirectional and model.direction != "both":
        raise ArgumentError(
            "pretrained: the language model reads forwards, and this task in both directions. Train it with "
            "direction='both', or give bidirectional=False."
        )


def _loaded(path: str | os.PathLike[str]):
    try:
        return keras.saving.load_model(path)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise ModelFileError(f"pretrained: {path} cannot be read as a Keras model: {error!s:.200}") from error


def start_from(model, embedding: keras.layers.Embedding, stack, reserved: int) -> None:
    """Sets the rows of known tokens, and the recurrent layers, to those of the language model.

    Where the task's first layer reads other features behind the token's vector, they have no influence at first, so
    that its states are those of the language model. So they are around cells with a block, if the task reads forwards.

    Args:
        model: the language model.
        embedding, stack: of the task.
        reserved: numbers of the task that stand before those of tokens.

    Warns:
        UserWarning: layers above the first, or what stands around the cells, of a task that reads in both directions
            are new, as they read both.
    """
    rows, source = np.array(embedding.embeddings), np.array(model.embedding.embeddings)
    rows[:reserved] = source[:reserved]
    rows[reserved : reserved + len(source) - RESERVED] = source[RESERVED:]
    embedding.embeddings.assign(rows)
    stacks = dict(zip(("forward", "backward"), model.stacks, strict=False))
    layers = len(stack.blocks) if not stack.bidirectional else 1
    for index in range(layers):
        for direction in stack.blocks[index].keys() & stacks.keys():
            _set(stack.blocks[index][direction], stacks[direction].blocks[index]["forward"].get_weights())
    if not stack.bidirectional and stack.block == model.stack.block:
        _start_around(stack, model.stack)
    _warn_of_new(stack, layers, stack.bidirectional or stack.block != model.stack.block)


def _start_around(stack, source) -> None:
    """Sets what stands around the cells of a stack to that of another one."""
    for own, other in zip(stack.blocks, source.blocks, strict=True):
        for name in own.keys() & other.keys() - {"forward"}:
            _set(own[name], other[name].get_weights())
    if stack.projection is not None:
        width = stack.projection.units
        same = [np.eye(width), np.zeros(width)]  # the language model's vectors are as wide as its layers
        _set(stack.projection, same if source.projection is None else source.projection.get_weights())


def _set(layer, weights: Sequence[np.ndarray]) -> None:
    """Sets a layer's weights, with zeros for the features that these do not have."""
    now = [weight.shape for weight in layer.get_weights()]
    pads = [
        [(0, to - at) for to, at in zip(shape, weight.shape, strict=True)]
        for shape, weight in zip(now, weights, strict=True)
    ]
    layer.set_weights([np.pad(weight, pad) for weight, pad in zip(weights, pads, strict=True)])


def _warn_of_new(stack, layers: int, around: bool) -> None:
    if layers < len(stack.blocks):
        warnings.warn(
            f"pretrained: 1 of {len(stack.blocks)} layers starts from the language model; those above read both "
            "directions here, and are new.",
            stacklevel=4,
        )
    if around and stack.block != "plain":
        warnings.warn(
            f"pretrained: the cells start from the language model; what block={stack.block!r} has around them is new.",
            stacklevel=4,
        )
