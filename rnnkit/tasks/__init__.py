"""The ready-made tasks, each a `keras.Model`."""

from rnnkit.tasks.entities import EntityRecognizer
from rnnkit.tasks.memory import MemoryModel
from rnnkit.tasks.music import MusicGenerator
from rnnkit.tasks.sentiment import SentimentClassifier
from rnnkit.tasks.task import Task
from rnnkit.tasks.translation import Translator

TASKS: dict[str, type[Task]] = {
    "sentiment": SentimentClassifier,
    "ner": EntityRecognizer,
    "music": MusicGenerator,
    "translation": Translator,
    "memory": MemoryModel,
}

__all__ = ["TASKS", "EntityRecognizer", "MemoryModel", "MusicGenerator", "SentimentClassifier", "Translator"]
