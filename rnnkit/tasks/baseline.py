"""What scores without recurrence, and without having learned anything."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from rnnkit.datasets import Dataset

# Training data and the data to score, in the task's columns -> metrics, named as the task's `evaluate` does.
Rule = Callable[[Dataset, Dataset], dict[str, float]]


class Baseline(NamedTuple):
    """A score that shows no learning.

    Attributes:
        score: of the task's monitored metric.
        epochs, steps: a model that can be rescued is better after so many epochs and optimizer steps.
    """

    score: float
    epochs: int
    steps: int


def majority_share(train: list, data: list) -> float:
    """The share of `data` that is the most frequent value of `train`."""
    [(most, _)] = Counter(train).most_common(1)
    return sum(value == most for value in data) / len(data)
