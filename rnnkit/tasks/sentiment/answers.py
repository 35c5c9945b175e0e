"""What a trained classifier answers: labels, scores and tables of answers."""

from typing import Any, NamedTuple

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.errors import DataError
from rnnkit.errors.checks import whole
from rnnkit.tasks.columns import as_text, check_labels
from rnnkit.tasks.sentiment.scores import ClassScores, score_classes
from rnnkit.tasks.sentiment.stream import ClassStream
from rnnkit.tasks.task import Task


class Classified(NamedTuple):
    """A text's label and the probability that the model gives it."""

    label: Any
    score: float


class ClassAnswers(Task):
    """Base of `SentimentClassifier`, which learns `labels`."""

    labels: list[Any]

    def classify(self, texts: Any, batch_size: int = 128):
        """The most probable label of each text, with its probability.

        Args:
            texts: a text, or texts in any form that `predict` takes.

        Returns:
            A `Classified(label, score)`, or a list of them in the order of the texts.
        """
        texts = as_text(texts)
        scores = self.predict(texts, batch_size=batch_size, verbose=0)
        best = [Classified(self.labels[int(row.argmax())], float(row.max())) for row in scores]
        return best[0] if isinstance(texts, str) else best

    def score(self, x: Any, y: Any = None, batch_size: int = 128) -> ClassScores:
        """Accuracy, F1, confusion and more, over all and by class, of raw data in any form that `evaluate` takes."""
        data = self.read(x, y)
        gold = self._label_numbers(check_labels(data["label"]))
        return score_classes(self.labels, gold, self.predict(data, batch_size=batch_size, verbose=0))

    def stream(self, batch_size: int = 1) -> ClassStream:
        """Texts that come word by word: `push` gives the class probabilities after each of the next words.

        After t words they are those that `predict` gives for the text so far, with each `pooling`.

        Args:
            batch_size: texts that are read side by side.

        Raises:
            ArgumentError: the stack is bidirectional.

        Examples:
            >>> from rnnkit import SentimentClassifier
            >>> model = SentimentClassifier(units=8, bidirectional=False)
            >>> model.adapt(["a good film", "a bad film"], ["positive", "negative"])
            >>> stream = model.stream()
            >>> stream.push("not a").shape, stream.push(["bad"]).shape
            ((2, 2), (1, 2))
        """
        self._need_network()
        return ClassStream(self, whole("batch_size", batch_size))

    def worst_errors(self, data: Dataset, rows: int = 6):
        """The wrongly labelled texts, those of which the model is surest first, as a DataFrame like `preview`'s."""
        frame = self._answered(data["text"], data["label"])
        wrong = frame[self._label_numbers(frame["label"]) != self._label_numbers(frame["predicted"])]
        return wrong.sort_values("score", ascending=False, kind="stable").head(rows).reset_index(drop=True)

    def preview(self, data: Any, rows: int = 6):
        return self._answered(*data.sample(rows, seed=0))

    def _answered(self, texts, labels):
        import pandas as pd

        answers = pd.DataFrame(self.classify(texts))
        return pd.DataFrame({"text": texts, "label": labels, "predicted": answers["label"], "score": answers["score"]})

    def _label_numbers(self, labels) -> np.ndarray:
        """The number of each label, which may be text where those of training were numbers, and the other way round."""
        numbers = {str(label): number for number, label in enumerate(self.labels)}
        numbers |= {label: number for number, label in enumerate(self.labels)}
        found = [numbers.get(label, numbers.get(str(label))) for label in labels]
        unseen = sorted({repr(label) for label, number in zip(labels, found, strict=True) if number is None})
        if unseen:
            known = ", ".join(map(repr, self.labels))
            raise DataError(
                f"y: the labels {', '.join(unseen[:5])} were not seen in training; the model knows {known}. "
                "Train on examples of them too, or leave these out."
            )
        return np.array(found, dtype="int32")
