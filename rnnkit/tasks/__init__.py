"""The ready-made tasks, each a folder: its model, what its field needs, and what it says about itself (`spec`).

Models are imported when they are first used, so that the specs can be read without TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnkit.tasks.entities.model import EntityRecognizer
    from rnnkit.tasks.fine_tuning import FineTuning
    from rnnkit.tasks.forecasting.model import Forecaster
    from rnnkit.tasks.language.model import LanguageModel
    from rnnkit.tasks.memory.model import MemoryModel
    from rnnkit.tasks.music.model import MusicGenerator
    from rnnkit.tasks.sentiment.model import SentimentClassifier
    from rnnkit.tasks.task import Task
    from rnnkit.tasks.translation.model import Translator

_HOMES = {
    "EntityRecognizer": "rnnkit.tasks.entities.model",
    "FineTuning": "rnnkit.tasks.fine_tuning",
    "Forecaster": "rnnkit.tasks.forecasting.model",
    "LanguageModel": "rnnkit.tasks.language.model",
    "MemoryModel": "rnnkit.tasks.memory.model",
    "MusicGenerator": "rnnkit.tasks.music.model",
    "SentimentClassifier": "rnnkit.tasks.sentiment.model",
    "Task": "rnnkit.tasks.task",
    "Translator": "rnnkit.tasks.translation.model",
    "TASKS": "rnnkit.tasks.specs",
    "find_task": "rnnkit.tasks.specs",
}

__all__ = [
    "TASKS",
    "EntityRecognizer",
    "FineTuning",
    "Forecaster",
    "LanguageModel",
    "MemoryModel",
    "MusicGenerator",
    "SentimentClassifier",
    "Task",
    "Translator",
    "find_task",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnkit.tasks' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
