"""From the scores of a tagging network to tags and probabilities of entities.

In NumPy: for one sentence, a step of a compiled loop through time costs several times what it computes.

Legend: `B` batch, `T` words, `K` tags.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from rnnkit.tasks.entities.spans import OUTSIDE, Span, parse_tags, starts_span

LEAST = 1e-300  # of the exponential of a score, so that no logarithm is infinite


class TagDecoder:
    """The inputs of a tagging network in, and what is asked for out, by name: what nobody asks for is not computed.

    Under a CRF the tags of a sentence are a Markov chain, so the probability that the words s to e-1 are exactly one
    entity is a product along its tags: of the first one, of each next one given the one before, and of not going on
    after the last. Tags that are scored by themselves are a chain whose transitions all score the same.

    Args:
        scores: gives for inputs with `lengths` the arrays of `network.score_reader`.
        tags: the K tags.
    """

    def __init__(self, scores: Callable[[Any], dict[str, np.ndarray]], tags: list[str]):
        self._scores = scores
        parsed = parse_tags(tags, where="tags")
        self._going_on = np.array([[_goes_on(tag, after) for after in parsed] for tag in parsed], float)

    def tags(self, inputs: Any) -> dict[str, np.ndarray]:
        """`tags`, those of the best path: int, shape (B, T)."""
        return {"tags": self._chain(inputs).best_path().T}

    def probabilities(self, inputs: Any) -> dict[str, np.ndarray]:
        """`probabilities` of all tags, shape (B, T, K)."""
        return {"probabilities": self._chain(inputs).marginals.swapaxes(0, 1).astype("float32")}

    def entities(self, inputs: Any) -> dict[str, np.ndarray]:
        """The best path's `tags`, and what the probabilities of its entities need, each (B, T): `first`, the
        probability that an entity starts here with this tag; `next`, the tag's given the one before; `last`, that of
        the word after not going on with the entity.
        """
        chain = self._chain(inputs)
        path = chain.best_path()
        before, now = path[:-1], path[1:]
        ahead, total = chain.ahead[1:], chain.beyond[:-1]
        # the probability of each tag given that of the path before it, and of each tag and then that of the path
        from_path = _exp(chain.moves[before] + ahead - _of(total, before))
        into_path = chain.marginals[:-1] * _exp(chain.moves.T[now] + _of(ahead, now) - total)
        starts = (into_path * (1 - self._going_on.T[now])).sum(axis=2)
        stays = (from_path * self._going_on[before]).sum(axis=2)
        ones = np.ones((1, path.shape[1]))
        found = {
            "tags": path,
            "first": np.concatenate([_of(chain.marginals[:1], path[:1])[..., 0], starts]),
            "next": np.concatenate([ones, _of(from_path, now)[..., 0]]),
            "last": np.where(chain.is_last[..., 0], 1, 1 - np.concatenate([stays, ones])),
        }
        return {name: each.T for name, each in found.items()}

    def _chain(self, inputs):
        return Chain(**self._scores(inputs), lengths=inputs["lengths"])


class Chain:
    """The tags of sentences as Markov chains; time comes first, (T, B, K), and padding means nothing.

    Args:
        emissions: the score of each tag for each word, shape (B, T, K).
        start, end: of each tag for being the first or last one, shape (K,).
        moves: of tag i before tag j, shape (K, K).
        lengths: of the sentences, at least 1, shape (B,).
    """

    def __init__(self, emissions, start, end, moves, lengths):
        self.emissions = np.ascontiguousarray(np.swapaxes(emissions, 0, 1), float)
        self.start, self.end, self.moves = (np.asarray(each, float) for each in (start, end, moves))
        self.is_last = (np.arange(len(self.emissions))[:, None] >= np.asarray(lengths) - 1)[..., None]
        self._kernel = np.maximum(np.exp(self.moves), LEAST)
        self._is_free = not any(each.any() for each in (self.start, self.end, self.moves))

    def best_path(self) -> np.ndarray:
        """The numbers of the tags of each sentence's best path (Viterbi, 1967), shape (T, B)."""
        if self._is_free:
            return self.emissions.argmax(axis=2)
        ahead = self.emissions + self._beyond(lambda scores: (self.moves + scores[:, None]).max(axis=2))
        path = np.empty(ahead.shape[:2], int)
        path[0] = (self.start + ahead[0]).argmax(axis=1)
        for step in range(1, len(path)):
            path[step] = (self.moves[path[step - 1]] + ahead[step]).argmax(axis=1)
        return path

    @cached_property
    def beyond(self) -> np.ndarray:
        """The log of the summed exponential scores of all that may follow a word with this tag."""
        kernel = self._kernel.T
        return self._beyond(lambda scores: _log_sums(scores, kernel))

    @cached_property
    def ahead(self) -> np.ndarray:
        """The same, with the score of the tag itself."""
        return self.emissions + self.beyond

    @cached_property
    def marginals(self) -> np.ndarray:
        """The probability of each tag, by forward-backward (Rabiner, "A tutorial on hidden Markov models", 1989)."""
        scores = self.emissions if self._is_free else self._so_far() + self.ahead
        weights = np.exp(scores - scores.max(axis=2, keepdims=True))
        return weights / weights.sum(axis=2, keepdims=True)

    def _so_far(self):
        """The log of the summed exponential scores of all that may come before a word with this tag."""
        found = np.empty_like(self.emissions)
        found[0] = self.start
        for step in range(1, len(found)):
            found[step] = _log_sums(found[step - 1] + self.emissions[step - 1], self._kernel)
        return found

    def _beyond(self, total):
        """What follows each word, by a `total` over the tags of the next one: scores (B, K) -> (B, K)."""
        found = np.empty_like(self.emissions)
        found[-1] = self.end
        for step in range(len(found) - 2, -1, -1):
            further = total(self.emissions[step + 1] + found[step + 1])
            found[step] = np.where(self.is_last[step], self.end, further)
        return found


def span_score(span: Span, decoded: dict[str, np.ndarray]) -> float:
    """The probability of exactly this entity: what `TagDecoder.entities` gave for one sentence, cut to its words."""
    inside = decoded["next"][span.start + 1 : span.end].prod()
    return float(decoded["first"][span.start] * inside * decoded["last"][span.end - 1])


def _log_sums(scores, kernel):
    most = scores.max(axis=1, keepdims=True)
    return np.log(np.exp(scores - most) @ kernel) + most


def _exp(scores):
    return np.exp(np.minimum(scores, 0))  # above 0 in the padding only


def _of(values, tags):
    """The values (T, B, K) of tags (T, B), shape (T, B, 1)."""
    return np.take_along_axis(values, tags[..., None], axis=2)


def _goes_on(tag, after) -> bool:
    """Whether `after` belongs to the same entity as `tag` before it."""
    return after != OUTSIDE and not starts_span(tag, after)
