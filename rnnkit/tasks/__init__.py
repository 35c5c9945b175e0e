"""The ready-made tasks, each a `keras.Model`."""

from rnnkit.tasks.entities import EntityRecognizer
from rnnkit.tasks.sentiment import SentimentClassifier

TASKS = {"sentiment": SentimentClassifier, "ner": EntityRecognizer}

__all__ = ["TASKS", "EntityRecognizer", "SentimentClassifier"]
