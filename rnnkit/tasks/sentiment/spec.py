"""A run of sentiment classification."""

import json
from typing import ClassVar

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.tasks.baseline import Baseline, majority_share
from rnnkit.tasks.options import COLUMNS, DELIMITER, ENCODING, HEADER, LABEL, TEST, TEXT, VALID
from rnnkit.tasks.spec import TaskSpec


def most_frequent_label(train: Dataset, data: Dataset) -> dict[str, float]:
    """Says the training data's most frequent label to every text."""
    return {"accuracy": majority_share(train["label"], data["label"])}


class SentimentSpec(TaskSpec):
    """Texts and labels from a CSV, TSV or JSON lines file."""

    task = "sentiment"
    model = "rnnkit.tasks.sentiment.model:SentimentClassifier"
    title = "Sentiment"
    about = "Classify texts: is a review good or bad?"
    time = "1 minute"
    sample = "sentiment-sample"
    headline = ("accuracy",)
    options = (TEXT, LABEL, COLUMNS, HEADER, DELIMITER, ENCODING, VALID, TEST)
    examples = (
        "rnnkit run sentiment --data reviews.csv --text review --label stars --cell gru",
        "rnnkit run sentiment --data sst2 --set bidirectional=true --set learning_rate=5e-4",
    )
    space: ClassVar = {
        "bidirectional": [True, False],
        "embedding_dim": [64, 128, 256],
        "pooling": ["max", "mean", "attention", "last"],
        "word_dropout": (0.0, 0.3),
    }
    objectives: ClassVar = {"accuracy": "max"}
    rules: ClassVar = {"most frequent label": most_frequent_label}

    def split(self, data, fraction):
        return datasets.stratified_split(data, fraction, [{label} for label in data["label"]])

    def baseline(self, train, valid):
        """Two points above the most frequent label."""
        return Baseline(most_frequent_label(train, valid)["accuracy"] + 0.02, epochs=2, steps=400)

    def networks(self):
        from rnnkit.tasks.sentiment.networks import BagOfWords, WordConvolution

        return {"bag of words": BagOfWords, "convolution": WordConvolution}

    def show(self, console, trained, folder, test):
        super().show(console, trained, folder, test)
        return f'rnnkit predict {folder} "not bad at all"'

    def answers(self, model, texts, as_json):
        """The label, its probability and the text, with tabs between them."""
        for text, answer in zip(texts, model.classify(texts), strict=True):
            found = {"text": text, "label": answer.label, "score": answer.score}
            yield json.dumps(found, ensure_ascii=False) if as_json else f"{answer.label}\t{answer.score:.4f}\t{text}"
