"""Tokens as batches: a stream in parallel strips to train on, whole texts in pieces to measure.

Legend: `N` tokens, `B` strips or texts, `T` steps of a batch, `D` directions. In both, `fresh` (B,) is 1 where the
state is zero, and 0 where it is that after the previous batch. Targets are numbers, and -1 where there is nothing to
predict; with two directions the targets of a step stand next to each other: (B, T * D).
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from rnnkit.callbacks.resuming.running_fit import content_sum

MOST_LOGITS = 2**25  # of a batch that is measured, 128 MiB
LONGEST = 512  # steps of such a batch


class Strips(keras.utils.PyDataset):
    """A stream, cut into `batch_size` strips that are read side by side, `steps` tokens at a time.

    Each token is predicted once in a pass, from the state that all tokens before it in its strip have left. A pass
    begins at a place of the stream that depends on (seed, pass) alone, so that chunks are cut elsewhere each time.

    Args:
        tokens: integers, shape (N,), an array or one in a file; the last is the end of a text.
        directions: 1, or 2 to read backwards as well.
        batch_size, steps: B and T.
        shuffle: False begins each pass at the first token.
        seed: of the places.
        steps_per_epoch: batches per epoch, the next epoch continues where this one ended; None serves a pass.
    """

    def __init__(self, tokens, *, directions=1, batch_size=32, steps=64, shuffle=True, seed=0, steps_per_epoch=None):
        super().__init__()
        self.tokens, self.directions = tokens, directions
        self.batch_size, self.steps = min(batch_size, len(tokens)), steps
        self.shuffle, self.seed, self.steps_per_epoch = shuffle, seed, steps_per_epoch
        self.epoch = 0
        self._strip = math.ceil(len(tokens) / self.batch_size)
        self._pass = math.ceil(self._strip / steps)

    @property
    def num_batches(self) -> int:
        return self.steps_per_epoch or self._pass

    def fingerprint(self) -> dict:
        """What tells this stream from others, by name; the seed is not among it."""
        options = {"batch_size": self.batch_size, "steps": self.steps, "shuffle": bool(self.shuffle)}
        return {"tokens": len(self.tokens), **options, "contents": content_sum([np.asarray(self.tokens)])}

    def __getitem__(self, index):
        passed, chunk = divmod(self.epoch * self.num_batches + index, self._pass)
        rng = np.random.default_rng((self.seed, passed))
        first = int(rng.integers(len(self.tokens))) if self.shuffle else 0
        within = np.arange(chunk * self.steps, (chunk + 1) * self.steps)
        places = within + self._strip * np.arange(self.batch_size)[:, None]
        valid = (within < self._strip) & (places < len(self.tokens))
        x, y = {}, []
        for name in ("tokens", "backward")[: self.directions]:
            wanted = (first + places) % len(self.tokens)
            x[name] = np.where(valid, tokens_at(self.tokens, name, wanted - 1), 0)
            y.append(np.where(valid, tokens_at(self.tokens, name, wanted), -1))
        x["fresh"] = np.full(self.batch_size, chunk == 0, "int32")
        return x, interleaved(y)


class Pieces(keras.utils.PyDataset):
    """Whole texts, each from a fresh state, in batches of like length and pieces of at most `LONGEST` steps.

    However they are cut, the state is carried on, so what is measured is the same.

    Args:
        texts: each the tokens of a text with the end, shape (T_i,).
        size: V, the size of the vocabulary, which says how many logits a step has.
        directions: 1, or 2 to read backwards as well.
        batch_size: texts a batch.
        steps: T at most; None takes what memory allows.
    """

    def __init__(self, texts: Sequence[Any], *, size: int, directions=1, batch_size=128, steps=None):
        super().__init__()
        self.texts, self.directions = texts, directions
        lengths = np.array([len(text) for text in texts])
        by_length = np.argsort(-lengths, kind="stable")
        groups = [by_length[start : start + batch_size] for start in range(0, len(texts), batch_size)]
        largest = max(1, MOST_LOGITS // (size * directions * min(batch_size, len(texts))))
        self.steps = min(steps or min(LONGEST, largest), int(lengths.max()))
        # Keras learns the shape of the data from the first two batches, so the shortest texts come first.
        self._plan = [(group, piece) for group in _shortest_first(groups) for piece in self._pieces(lengths[group])]
        self.epoch = 0

    def _pieces(self, lengths) -> list[slice]:
        """A short batch is one piece of its own length; longer ones are cut into equal ones."""
        longest = int(lengths.max())
        if longest <= self.steps:
            return [slice(0, longest)]
        return [slice(start, start + self.steps) for start in range(0, longest, self.steps)]

    @property
    def num_batches(self) -> int:
        return len(self._plan)

    def __getitem__(self, index):
        group, piece = self._plan[index]
        x, y = {}, []
        for name in ("tokens", "backward")[: self.directions]:
            parts = [_part(self.texts[row], name, piece) for row in group]
            x[name] = np.stack([inputs for inputs, _ in parts])
            y.append(np.stack([targets for _, targets in parts]))
        x["fresh"] = np.full(len(group), piece.start == 0, "int32")
        return x, interleaved(y)


def interleaved(targets: Sequence[np.ndarray]) -> np.ndarray:
    """The targets (B, T) of each direction, those of a step next to each other: (B, T * D)."""
    return np.stack(targets, axis=-1).reshape(*targets[0].shape[:-1], -1)


def tokens_at(tokens, name: str, places: np.ndarray) -> np.ndarray:
    """Tokens of a text or stream that ends with an end, int32, by their places in a direction.

    Read backwards it begins with its last token and ends with the end too. The place -1 is the end in both directions.
    """
    places = len(tokens) - 2 - places if name == "backward" else places
    return np.asarray(tokens[places % len(tokens)], "int32")


def _part(text, name: str, piece: slice) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a piece of a text, padded to the length of the piece."""
    places = np.arange(piece.start, min(piece.stop, len(text)))
    missing = max(0, piece.stop - piece.start - len(places))
    inputs, targets = tokens_at(text, name, places - 1), tokens_at(text, name, places)
    return np.pad(inputs, (0, missing)), np.pad(targets, (0, missing), constant_values=-1)


def _shortest_first(groups: list) -> list:
    return [groups[-1], *groups[:-1]]
