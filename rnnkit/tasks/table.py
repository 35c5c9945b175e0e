"""The classes of the tasks, by name."""

from rnnkit.errors import ArgumentError
from rnnkit.tasks.entities.model import EntityRecognizer
from rnnkit.tasks.memory.model import MemoryModel
from rnnkit.tasks.music.model import MusicGenerator
from rnnkit.tasks.sentiment.model import SentimentClassifier
from rnnkit.tasks.task import Task
from rnnkit.tasks.translation.model import Translator

TASKS: dict[str, type[Task]] = {
    "sentiment": SentimentClassifier,
    "ner": EntityRecognizer,
    "music": MusicGenerator,
    "translation": Translator,
    "memory": MemoryModel,
}


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
