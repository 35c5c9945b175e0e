"""Texts drawn from a language model, in blocks of one compiled loop. Legend: `B` = 1 text, `T` steps, `V` tokens."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.checks import whole
from rnnkit.errors import ArgumentError
from rnnkit.layers.sampling import drawn, filtered
from rnnkit.layers.sequence import FORBIDDEN
from rnnkit.recurrent.truncated import check_stepwise
from rnnkit.tasks.sampling import check_seed, sampling_settings
from rnnkit.text.tokenization import BEGIN, END, Tokenization
from rnnkit.text.vocabulary import PADDING, UNKNOWN

BLOCK = 32  # tokens of a call
NEVER = (PADDING, UNKNOWN, BEGIN)


class Generator(keras.Model):
    """Draws a block of tokens, each from the state that all before it have left.

    The inputs are a dict: `forced`, int32 (B, T), tokens that are read and not drawn, -1 where one is drawn;
    `uniforms`, (B, T), in (0, 1]; `last`, int32 (B,), the token before the block; `states`, nested lists (B, H); and
    the scalars `temperature`, `top_k` and `top_p`. The output is the tokens (B, T) and the states after them.

    Args:
        embedding: a layer that takes tokens to vectors.
        stack: a `RecurrentStack`.
        next_token: takes a context (B, H) to the logits of the next token, (B, V).
    """

    def __init__(self, embedding, stack, next_token: Callable, **kwargs):
        super().__init__(**kwargs)
        self.embedding, self.stack, self.next_token = embedding, stack, next_token
        self.built = True

    def call(self, inputs):
        forced, uniforms = (ops.swapaxes(inputs[name], 0, 1) for name in ("forced", "uniforms"))
        settings = [inputs[name] for name in ("temperature", "top_k", "top_p")]
        steps = ops.shape(forced)[0]

        def step(t, last, states, tokens):
            context, states = self.stack.step(self.embedding(last), states)
            scores = self.next_token(context)
            never = ops.sum(ops.one_hot(np.array(NEVER), ops.shape(scores)[-1], dtype="bool"), axis=0)
            scores = filtered(ops.where(never > 0, FORBIDDEN, ops.log_softmax(scores, axis=-1)), *settings)
            given = ops.take(forced, t, axis=0)
            token = ops.where(given >= 0, given, drawn(scores, ops.take(uniforms, t, axis=0)))
            return t + 1, token, states, ops.scatter_update(tokens, ops.reshape(t, (1, 1)), token[None])

        start = (0, inputs["last"], inputs["states"], ops.zeros_like(forced))
        _, _, states, tokens = ops.while_loop(lambda t, *_: t < steps, step, start)
        return {"tokens": ops.swapaxes(tokens, 0, 1), "states": states}


def written(
    draw: Callable, stack, tokens: Tokenization, prompt: str, length: int, asked: dict[str, Any], ends: bool
) -> Iterator[str]:
    """The text behind a prompt, piece by piece.

    Raises:
        ArgumentError: an argument is out of its range, or the cell cannot be run step by step.
    """
    whole("length", length)
    if not isinstance(prompt, str):
        raise ArgumentError(f"prompt: expected a text, got {prompt!r:.60}.")
    check_seed(seed := asked.pop("seed"))
    settings = sampling_settings(**asked)
    for block in stack.blocks:
        check_stepwise("generate", block["forward"])
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
    [given] = tokens.encode([prompt])
    return _pieces(draw, stack, tokens, given, length, settings, rng, ends)


def _pieces(draw, stack, tokens, given, length, settings, rng, ends) -> Iterator[str]:
    states = keras.tree.map_structure(np.asarray, stack.initial_states(1))
    last, found, shown = END, list(given), len(tokens.decode(given))
    for start in range(0, len(given) + length, BLOCK):
        forced = np.full((1, BLOCK), -1, "int32")
        part = given[start : start + BLOCK]
        forced[0, : len(part)] = part
        uniforms = 1 - rng.random((1, BLOCK), dtype=np.float32)  # in (0, 1]
        told = {"forced": forced, "uniforms": uniforms, "last": np.array([last], "int32"), "states": states}
        answer = draw({**told, **{name: value[None] for name, value in settings.items()}})
        new, states = answer["tokens"][0][: len(given) + length - start].tolist(), answer["states"]
        last = new[-1]
        found += new[len(part) :]
        text = _shown(tokens, found, ends)
        yield text[shown:]
        shown = len(text)
        if ends and END in new[len(part) :]:
            return


def _shown(tokens: Tokenization, numbers: list[int], ends: bool) -> str:
    """The text behind numbers; where texts continue after an end, the next one is on a new line."""
    if ends:
        return tokens.decode(numbers)
    parts: list[list[int]] = [[]]
    for number in numbers:
        parts[-1].append(number) if number != END else parts.append([])
    return "\n".join(map(tokens.decode, parts))
