"""A run of sentiment classification."""

from typing import ClassVar

from rnnkit.datasets import Dataset
from rnnkit.datasets.splits import three_parts
from rnnkit.tasks.baseline import Baseline, majority_share
from rnnkit.tasks.spec import TaskSpec


def most_frequent_label(train: Dataset, data: Dataset) -> dict[str, float]:
    """Says the training data's most frequent label to every text."""
    return {"accuracy": majority_share(train["label"], data["label"])}


class SentimentSpec(TaskSpec):
    """Texts and labels from a CSV, TSV or JSON lines file."""

    task = "sentiment"
    title = "Sentiment"
    about = "Classify texts: is a review good or bad?"
    time = "1 minute"
    sample = "sentiment-sample"
    headline = ("accuracy",)
    options = ("text", "label")
    space: ClassVar = {
        "bidirectional": [True, False],
        "embedding_dim": [64, 128, 256],
        "pooling": ["max", "mean", "attention", "last"],
        "word_dropout": (0.0, 0.3),
    }
    objectives: ClassVar = {"accuracy": "max"}
    rules: ClassVar = {"most frequent label": most_frequent_label}

    def split(self, whole):
        return three_parts(whole, [{label} for label in whole["label"]])

    def baseline(self, train, valid):
        """Two points above the most frequent label."""
        return Baseline(most_frequent_label(train, valid)["accuracy"] + 0.02, epochs=2, steps=400)

    def networks(self):
        from rnnkit.tasks.sentiment.networks import BagOfWords, WordConvolution

        return {"bag of words": BagOfWords, "convolution": WordConvolution}
