"""Tokens as batches: a stream in parallel strips to train on, whole texts in pieces to measure.

Legend: `N` tokens, `B` strips or texts, `T` steps of a batch, `D` directions. In both, `fresh` (B,) is 1 where the
state is zero, and 0 where it is that after the previous batch. Targets are numbers, and -1 where there is nothing to
predict; with two directions the targets of a step stand next to each other: (B, T * D).
"""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from rnnkit.callbacks.resuming.running_fit import content_sum
from rnnkit.tasks.batches import part_of
from rnnkit.text.corpus import release_pages
from rnnkit.text.tokenization import END

MOST_LOGITS = 2**25  # of a batch that is measured, 128 MiB
LONGEST = 512  # steps of such a batch
STRIP = 512  # tokens of a strip that begins where a text does
BLOCK = 2**24  # tokens that are looked at together


class Strips(keras.utils.PyDataset):
    """A stream, cut into strips of which `batch_size` are read side by side, `steps` tokens at a time.

    Each token is predicted once in a pass, from the state that all tokens before it in its strip have left. Strips are
    those of `text_strips`, in another order in each pass. Where they are cut anywhere, a pass begins at a place of the
    stream that depends on (seed, pass) alone, so that chunks are cut elsewhere each time.

    Args:
        tokens: integers, shape (N,), an array or one in a file; the last is the end of a text.
        directions: 1, or 2 to read backwards as well.
        batch_size, steps: B and T.
        shuffle: False reads each pass in the same order, and begins at the first token.
        seed: of orders and places.
        steps_per_epoch: batches per epoch, the next epoch continues where this one ended; None serves a pass.

    Warns:
        UserWarning: the tokens do not fill one batch.
    """

    def __init__(self, tokens, *, directions=1, batch_size=32, steps=64, shuffle=True, seed=0, steps_per_epoch=None):
        super().__init__()
        if len(tokens) < batch_size * steps:
            warnings.warn(
                f"x: {len(tokens)} tokens do not fill one batch of {batch_size} strips (batch_size) of {steps} tokens "
                "(bptt_steps), so an epoch is a single step. Take fewer of either.",
                stacklevel=2,
            )
        self.tokens, self.directions = tokens, directions
        self.batch_size = min(batch_size, len(tokens))
        self.shuffle, self.seed, self.steps_per_epoch = shuffle, seed, steps_per_epoch
        self.epoch = 0
        strips, self._rotates = text_strips(tokens, self.batch_size)
        self._groups = strips.reshape(-1, self.batch_size, 2)
        longest = np.diff(self._groups)[:, :, 0].max(axis=1)
        self.steps = min(steps, int(longest.max()))
        self._chunks = -(-longest // self.steps)

    @property
    def num_batches(self) -> int:
        return self.steps_per_epoch or int(self._chunks.sum())

    def fingerprint(self) -> dict:
        """What tells this stream from others, by name; the seed is not among it."""
        options = {"batch_size": self.batch_size, "steps": self.steps, "shuffle": bool(self.shuffle)}
        contents = content_sum([np.asarray(self.tokens)])
        release_pages(self.tokens)
        return {"tokens": len(self.tokens), **options, "contents": contents}

    def __getitem__(self, index):
        return self.part(index, 0, 1)

    def rows(self, index: int) -> np.ndarray:
        """The strips of a batch, from where to where, (B, 2)."""
        return self._place(self.epoch * self.num_batches + index)[0]

    def part(self, index: int, number: int, count: int) -> tuple:
        """One of `count` parts of a batch, contiguous strips that are always the same ones of a group."""
        group, chunk, first = self._place(self.epoch * self.num_batches + index)
        group = np.array_split(group, count)[number]
        starts, stops = group[:, :1], group[:, 1:]
        within = np.arange(chunk * self.steps, (chunk + 1) * self.steps)
        valid = within < stops - starts
        x, y = {}, []
        for name in ("tokens", "backward")[: self.directions]:
            begin = starts if name == "tokens" else len(self.tokens) - stops
            wanted = (first + begin + within) % len(self.tokens)
            x[name] = np.where(valid, tokens_at(self.tokens, name, wanted - 1), 0)
            y.append(np.where(valid, tokens_at(self.tokens, name, wanted), -1))
        release_pages(self.tokens)
        return _batch(x, y, chunk == 0)

    def _place(self, number: int) -> tuple[np.ndarray, int, int]:
        """The strips (B, 2) of a batch counted from the first pass, its chunk of them, and where that pass begins."""
        passed, number = divmod(number, int(self._chunks.sum()))
        rng = np.random.default_rng((self.seed, passed))
        first = int(rng.integers(len(self.tokens))) if self.shuffle and self._rotates else 0
        order = rng.permutation(len(self._groups)) if self.shuffle else np.arange(len(self._groups))
        ends = np.cumsum(self._chunks[order])
        place = int(np.searchsorted(ends, number, side="right"))
        return self._groups[order[place]], number - int(ends[place] - self._chunks[order[place]]), first


def text_strips(tokens, batch_size: int) -> tuple[np.ndarray, bool]:
    """Where a stream is cut: starts and stops of strips, longest first, (K * B, 2); and whether that is anywhere.

    A strip begins where a text does, every `STRIP` tokens or so, since evaluation and generation begin each text from a
    zero state. Texts too long for that, such as books, are cut anywhere, into B strips in all.
    """
    size = len(tokens)
    number = batch_size * max(1, round(size / (batch_size * STRIP)))
    texts = _text_starts(tokens)
    rotates = np.diff(texts).max() > size / batch_size
    if rotates:
        begins = np.arange(batch_size) * size // batch_size
    else:
        begins = np.unique(texts[np.searchsorted(texts[:-1], np.arange(number) * size // number)])
        begins = begins[begins < size]
    strips = np.stack([begins, np.append(begins[1:], size)], axis=1)
    strips = strips[np.argsort(begins - strips[:, 1], kind="stable")]
    return np.pad(strips, ((0, -len(strips) % batch_size), (0, 0))), bool(rotates)


def _text_starts(tokens) -> np.ndarray:
    """Places behind an end, and 0; the last is the size of the stream."""
    found = [np.zeros(1, int)]
    for part in range(0, len(tokens), BLOCK):
        found.append(np.flatnonzero(tokens[part : part + BLOCK] == END) + part + 1)
        release_pages(tokens)
    return np.concatenate(found)


class Pieces(keras.utils.PyDataset):
    """Whole texts, each from a fresh state, in batches of like length and pieces of at most `LONGEST` steps.

    However they are cut, the state is carried on, so what is measured is the same.

    Args:
        texts: each the tokens of a text with the end, shape (T_i,).
        size: V, the size of the vocabulary, which says how many logits a step has.
        directions: 1, or 2 to read backwards as well.
        batch_size: texts a batch.
        steps: T at most; None takes what memory allows.
        shares: texts of each of several workers, as of `Batches`.
    """

    def __init__(self, texts: Sequence[Any], *, size: int, directions=1, batch_size=128, steps=None, shares=None):
        super().__init__()
        self.texts, self.directions, self.shares = texts, directions, shares
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
        return self.part(index, 0, 1)

    def rows(self, index: int) -> np.ndarray:
        """The texts of a batch."""
        return self._plan[index][0]

    def part(self, index: int, number: int, count: int) -> tuple:
        """One of `count` parts of a batch; it may have no texts."""
        group, piece = self._plan[index]
        rows = part_of(group, number, count, self.shares)
        x, y = {}, []
        for name in ("tokens", "backward")[: self.directions]:
            parts = [_part(self.texts[row], name, piece) for row in rows]
            empty = np.zeros((2, 0, piece.stop - piece.start), "int32")
            inputs, targets = np.stack(parts, axis=1) if parts else empty
            x[name] = inputs
            y.append(targets)
        return _batch(x, y, piece.start == 0)


def _batch(x: dict[str, np.ndarray], targets: Sequence[np.ndarray], fresh: bool) -> tuple[dict, np.ndarray]:
    """The targets stand among the inputs too, as their probabilities are all that loss and metrics need."""
    y = interleaved(targets)
    return {**x, "fresh": np.full(len(y), fresh, "int32"), "targets": y}, y


def interleaved(targets: Sequence[np.ndarray]) -> np.ndarray:
    """The targets (B, T) of each direction, those of a step next to each other: (B, T * D)."""
    *rows, steps = targets[0].shape
    return np.stack(targets, axis=-1).reshape(*rows, steps * len(targets))


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
