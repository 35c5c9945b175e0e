"""Texts drawn from a language model, in blocks of one compiled loop. Legend: `B` = 1 text, `T` steps, `V` tokens."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import whole
from rnnkit.layers.sampling import drawn, filtered
from rnnkit.layers.sequence import FORBIDDEN
from rnnkit.layers.stream import Stream, arrays, piecewise
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


class TextStream(Stream):
    """A text that a `LanguageModel` reads as it comes, and writes on; `LanguageModel.stream` makes it.

    It is an iterator of what is drawn after the prompt and all that was pushed, piece by piece.

    Args:
        model: a `LanguageModel`.
        prompt, length, ends: as for `LanguageModel.stream`.
        asked: `temperature`, `top_k`, `top_p` and `seed`.

    Raises:
        ArgumentError: an argument is out of its range, or the cell cannot be run step by step.
    """

    def __init__(self, model: Any, prompt: str, length: int, asked: dict[str, Any], ends: bool):
        whole("length", length)
        if not isinstance(prompt, str):
            raise ArgumentError(f"prompt: expected a text, got {prompt!r:.60}.")
        check_seed(seed := asked.pop("seed"))
        self._model, self._length, self._ends = model, length, ends
        self._settings = {name: np.reshape(value, 1) for name, value in sampling_settings(**asked).items()}
        for block in model.stack.blocks:
            check_stepwise("generate", block["forward"])
        initial = [*arrays(model.stack.initial_states(1)), np.array([END], "int32")]
        super().__init__(self._read_tokens, initial, model.network)
        self._rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
        [self._prompt] = model.tokens.encode([prompt])

    def push(self, text: str) -> np.ndarray:
        """The probability of each token to be next after each token of a text, after the prompt and all before it.

        Args:
            text: what comes next; its tokens are those of `model.tokens.encode`.

        Returns:
            Shape (T, V).
        """
        if not isinstance(text, str):
            raise DataError(f"text: expected a text, got {text!r:.60}.")
        [numbers] = self._model.tokens.encode([text])
        before, self._prompt = self._prompt, []
        logits = self._further([*before, *numbers])
        return np.asarray(ops.softmax(logits[len(before) :], axis=-1))

    def reset(self) -> None:
        """Forgets what has come, the prompt too, for a new text."""
        super().reset()
        self._prompt, self._written = [], self._pieces()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._written)

    def _read_tokens(self, given):
        *states, last = given["states"]
        logits, after = self._model.read_piece()({"inputs": given["inputs"], "states": states})
        return logits, [*after, last]

    def _further(self, numbers: list[int]) -> np.ndarray:
        """Logits (T, V) of what comes after each of the next tokens. The last token is kept, and not yet read."""
        tokens = np.array([[*self._state[-1], *numbers]], "int32")
        logits = self._answers(tokens[:, :-1])
        self._state = [*self._state[:-1], tokens[0, -1:]]
        last, _ = self._read({"inputs": tokens[:, -1:], "states": self._state})
        return np.concatenate([logits, last], axis=1)[0, 1:]

    def _pieces(self) -> Iterator[str]:
        tokens, given, self._prompt = self._model.tokens, self._prompt, []
        found, shown = list(given), len(tokens.decode(given))
        for start in range(0, len(given) + self._length, BLOCK):
            part = given[start : start + BLOCK]
            new = self._block(part, len(given) + self._length - start)
            found += new[len(part) :]
            text = _shown(tokens, found, self._ends)
            yield text[shown:]
            shown = len(text)
            if self._ends and END in new[len(part) :]:
                return

    def _block(self, part: list[int], most: int) -> list[int]:
        """The tokens of a part of the prompt, and what is drawn after them: `most` in all, or up to the end."""
        forced = np.full((1, BLOCK), -1, "int32")
        forced[0, : len(part)] = part
        uniforms = 1 - self._rng.random((1, BLOCK), dtype=np.float32)  # in (0, 1]
        *states, last = self._state
        told = {"forced": forced, "uniforms": uniforms, "last": last, "states": states, **self._settings}
        answer = self._model.draw(told)
        new = answer["tokens"][0][:most].tolist()
        if self._ends and END in new[len(part) :]:
            new = new[: new.index(END, len(part)) + 1]
        if len(new) < BLOCK:  # the block went on behind them
            self._further(new)
        else:
            self._state = [*answer["states"], np.array(new[-1:], "int32")]
        return new


def piece_reader(model: Any) -> Callable:
    """What reads the next tokens (B, T), to logits (B, T, V) of those after them, and the states."""

    def read(tokens, states):
        contexts, after = model.stack.carry(model.embedding(tokens), states)
        return model.next_token(contexts), after

    return piecewise(read, np.zeros((1, 1), "int32"), model.stack.initial_states(1))


def _shown(tokens: Tokenization, numbers: list[int], ends: bool) -> str:
    """The text behind numbers; where texts continue after an end, the next one is on a new line."""
    if ends:
        return tokens.decode(numbers)
    parts: list[list[int]] = [[]]
    for number in numbers:
        parts[-1].append(number) if number != END else parts.append([])
    return "\n".join(map(tokens.decode, parts))
