"""Models of music without a network: the baselines that a network must beat, by the same measure.

Both give each of the 88 keys a probability of its own in every step, estimated by counting with half a step of either
kind added (R. Krichevsky and V. Trofimov, "The performance of universal encoding", IEEE Transactions on Information
Theory 27, 1981). Legend: `T` steps of a piece.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np

from rnnkit.datasets.piano_rolls import KEYS
from rnnkit.errors import DataError
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.music.rolls import check_rolls

ADDED = 0.5  # steps


def sounding_rate(sounding, steps):
    """The estimated probability to sound of keys that sound in `sounding` of `steps` steps; never 0 or 1."""
    return (sounding + ADDED) / (steps + 2 * ADDED)


class KeyMarginals:
    """Each key sounds with the fraction of steps in which it sounds in the training data, whatever came before."""

    def fit(self, rolls: Sequence[np.ndarray | Piece]) -> Self:
        """Count.

        Args:
            rolls: 0 and 1, shape (T, 88) each; or `Piece`s.
        """
        rolls = check_rolls(rolls)
        sounding, steps = sum(roll.sum(axis=0, dtype=int) for roll in rolls), sum(map(len, rolls))
        self.rate = sounding_rate(sounding, steps)
        return self

    def probabilities(self, roll: np.ndarray) -> np.ndarray:
        """The probability of each key to sound in each step but the first, shape (T - 1, 88)."""
        return np.broadcast_to(self.rate, (len(roll) - 1, KEYS))

    def nll(self, rolls: Sequence[np.ndarray | Piece]) -> float:
        """Negative log likelihood in nats per step, summed over the keys, of all steps but the first of each piece.

        Args:
            rolls: 0 and 1, shape (T, 88) each; or `Piece`s.

        Raises:
            DataError: no piece has a second step, or one is no roll.
        """
        rolls = check_rolls(rolls)
        steps = sum(len(roll) - 1 for roll in rolls)
        if not steps:
            raise DataError("rolls: expected a piece of at least two steps; the first of a piece is not predicted.")
        return sum(_nats(roll[1:], self.probabilities(roll)) for roll in rolls) / steps


class KeyMarkov(KeyMarginals):
    """Each key is a Markov chain of first order: its probability depends on whether it sounds in the step before."""

    def fit(self, rolls: Sequence[np.ndarray | Piece]) -> Self:
        """Count.

        Args:
            rolls: 0 and 1, shape (T, 88) each; or `Piece`s.
        """
        counts = np.full((2, 2, KEYS), ADDED)  # before, after, key
        for roll in check_rolls(rolls):
            for before, after in np.ndindex(2, 2):
                counts[before, after] += ((roll[:-1] == before) & (roll[1:] == after)).sum(axis=0)
        self.rate = counts[:, 1] / counts.sum(axis=1)
        return self

    def probabilities(self, roll: np.ndarray) -> np.ndarray:
        """The probability of each key to sound in each step but the first, shape (T - 1, 88)."""
        return np.where(roll[:-1] == 1, self.rate[1], self.rate[0])


BASELINES = {"train marginals": KeyMarginals, "per-key Markov chain": KeyMarkov}


def baseline_nll(train: Sequence[np.ndarray | Piece], test: Sequence[np.ndarray | Piece]) -> dict[str, float]:
    """The NLL of each of `BASELINES` in nats per step, fitted on `train`, of `test`; see `KeyMarginals.nll`."""
    return {name: model().fit(train).nll(test) for name, model in BASELINES.items()}


def _nats(roll: np.ndarray, probability: np.ndarray) -> float:
    return float(-np.log(np.where(roll == 1, probability, 1 - probability)).sum())
