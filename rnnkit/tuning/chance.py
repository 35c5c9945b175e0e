"""What a model that has learned nothing from its inputs scores."""

from collections import Counter
from typing import NamedTuple

from rnnkit.datasets import Dataset
from rnnkit.music.baselines import KeyMarginals


class Chance(NamedTuple):
    """A score that shows no learning.

    Attributes:
        score: of the task's monitored metric.
        epochs, steps: a model that can be rescued is better after so many epochs and optimizer steps.
    """

    score: float
    epochs: int
    steps: int


def chance(task: str, train: Dataset, valid: Dataset) -> Chance | None:
    """What the validation metric of a task has to leave behind; None where a long time without progress is normal.

    For `"sentiment"` two points above always saying the training data's most frequent label; for `"ner"` an F1 of 0;
    for `"music"` the NLL of `KeyMarginals`.

    Args:
        task: a name of the tasks.
        train, valid: in the task's columns.
    """
    if task == "sentiment":
        return Chance(majority_share(train["label"], valid["label"]) + 0.02, epochs=2, steps=400)
    if task == "ner":
        return Chance(0.0, epochs=4, steps=400)
    if task == "music":
        return Chance(KeyMarginals().fit(train["roll"]).nll(valid["roll"]), epochs=3, steps=100)
    return None


def majority_share(train: list, valid: list) -> float:
    """The share of `valid` that is the most frequent value of `train`."""
    [(most, _)] = Counter(train).most_common(1)
    return sum(value == most for value in valid) / len(valid)
