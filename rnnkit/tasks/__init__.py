"""The ready-made tasks, each a `keras.Model`."""

from rnnkit.tasks.entities import EntityRecognizer
from rnnkit.tasks.memory import MemoryModel
from rnnkit.tasks.sentiment import SentimentClassifier
from rnnkit.tasks.task import Task

TASKS: dict[str, type[Task]] = {"sentiment": SentimentClassifier, "ner": EntityRecognizer, "memory": MemoryModel}

__all__ = ["TASKS", "EntityRecognizer", "MemoryModel", "SentimentClassifier"]
