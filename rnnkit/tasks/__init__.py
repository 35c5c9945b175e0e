"""The ready-made tasks, each a `keras.Model`."""

from rnnkit.errors import ArgumentError
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

__all__ = [
    "TASKS",
    "EntityRecognizer",
    "MemoryModel",
    "MusicGenerator",
    "SentimentClassifier",
    "Task",
    "Translator",
    "find_task",
]


def find_task(task) -> tuple[str, type[Task]]:
    """The name and the class of a task, from either.

    Raises:
        ArgumentError: no task.
    """
    if isinstance(task, str) and task in TASKS:
        return task, TASKS[task]
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise ArgumentError(f"task: expected one of {', '.join(TASKS)}, or a class of rnnkit's tasks, got {task!r}.")
    names = [name for name, known in TASKS.items() if issubclass(task, known)]
    return (names or [task.__name__])[0], task
