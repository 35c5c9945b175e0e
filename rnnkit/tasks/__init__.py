"""The ready-made tasks, each a `keras.Model`."""

from rnnkit.tasks.sentiment import SentimentClassifier

TASKS = {"sentiment": SentimentClassifier}

__all__ = ["TASKS", "SentimentClassifier"]
