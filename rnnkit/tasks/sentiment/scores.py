"""Scores of a classifier. Legend: `N` examples, `C` classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata


@dataclass(frozen=True)
class ClassScores:
    """How well classes were found in N examples, as scikit-learn counts (its `zero_division` is 0).

    Attributes:
        labels: the C classes.
        confusion: how many examples of the class of the row were given that of the column, shape (C, C).
        average_precision: of each class against all others, shape (C,); NaN for one that does not occur.
        auc: the area under the ROC curve of the second of two classes; NaN where one of them does not occur, None for
            more than two.
    """

    labels: list[Any]
    confusion: pd.DataFrame
    average_precision: np.ndarray
    auc: float | None

    @property
    def accuracy(self) -> float:
        """The fraction of right answers."""
        return float(np.trace(self.confusion) / np.sum(self._counts))

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the classes that occur, or were given."""
        frame = self._classes()
        return float(frame.f1[(frame.support + self._counts.sum(axis=0)) > 0].mean())

    @property
    def weighted_f1(self) -> float:
        """The mean F1 of the classes, each counted as often as it occurs."""
        frame = self._classes()
        return float(np.average(frame.f1, weights=frame.support))

    @property
    def metrics(self) -> dict[str, float]:
        """By name: `accuracy`, `macro_f1`, `weighted_f1`, `average_precision` and, for two classes, `auc`.

        `average_precision` is that of the second of two classes; of more, the mean over those that occur.
        """
        precision = self.average_precision
        found = {name: getattr(self, name) for name in ("accuracy", "macro_f1", "weighted_f1")}
        found["average_precision"] = float(precision[1] if len(precision) == 2 else np.nanmean(precision))
        return found if self.auc is None else {**found, "auc": self.auc}

    def to_frame(self) -> pd.DataFrame:
        """One row per class with `precision`, `recall`, `f1`, `average_precision` and `support`, its examples."""
        return self._classes().assign(average_precision=self.average_precision)[
            ["precision", "recall", "f1", "average_precision", "support"]
        ]

    @property
    def _counts(self) -> np.ndarray:
        return self.confusion.to_numpy()

    def _classes(self) -> pd.DataFrame:
        right, gold, given = np.diag(self._counts), self._counts.sum(axis=1), self._counts.sum(axis=0)
        columns = {"precision": right / np.maximum(given, 1), "recall": right / np.maximum(gold, 1)}
        columns["f1"] = 2 * right / np.maximum(gold + given, 1)
        return pd.DataFrame({**columns, "support": gold}, index=self.confusion.index)


def score_classes(labels: list[Any], gold: np.ndarray, probabilities: np.ndarray) -> ClassScores:
    """Scores of probabilities (N, C) of the classes `labels`, where `gold` (N,) are the right ones' numbers."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (gold, probabilities.argmax(axis=1)), 1)
    confusion = pd.DataFrame(counts, index=pd.Index(labels, name="label"), columns=pd.Index(labels, name="predicted"))
    of_classes = [_average_precision(gold == number, probabilities[:, number]) for number in range(len(labels))]
    auc = _auc(gold == 1, probabilities[:, 1]) if len(labels) == 2 else None
    return ClassScores(list(labels), confusion, np.array(of_classes), auc)


def _auc(positive: np.ndarray, score: np.ndarray) -> float:
    """The probability that a positive example scores above a negative one, ties counting one half."""
    count = int(positive.sum())
    if count in (0, len(positive)):
        return float("nan")
    ranks = rankdata(score)[positive].sum()
    return float((ranks - count * (count + 1) / 2) / (count * (len(positive) - count)))


def _average_precision(positive: np.ndarray, score: np.ndarray) -> float:
    """The mean of the precision over the positive examples, each at the threshold that just finds it."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(score[order])), len(score) - 1]  # of examples with equal scores
    found = np.cumsum(positive[order])[last]
    return float(np.sum(np.diff(found, prepend=0) * found / (last + 1)) / positive.sum())
