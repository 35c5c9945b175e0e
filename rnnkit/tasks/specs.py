"""The specs of the tasks, by name. A built-in task is one line here; others come by an entry point or a call.

Nothing here needs TensorFlow: a spec names the class of its model, and imports it when it is asked for.
"""

import contextlib
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from rnnkit.errors import ArgumentError, PackageError
from rnnkit.errors.checks import close_to
from rnnkit.tasks.entities.spec import EntitySpec
from rnnkit.tasks.forecasting.spec import ForecastingSpec
from rnnkit.tasks.language.spec import LanguageSpec
from rnnkit.tasks.memory.spec import MemorySpec
from rnnkit.tasks.music.spec import MusicSpec
from rnnkit.tasks.parts import Results
from rnnkit.tasks.sentiment.spec import SentimentSpec
from rnnkit.tasks.spec import TaskSpec
from rnnkit.tasks.translation.spec import TranslationSpec

__all__ = ["SPECS", "TASKS", "Results", "TaskSpec", "find_spec", "find_task", "register_task", "spec_of"]

if TYPE_CHECKING:
    from rnnkit.tasks.task import Task

ENTRY_POINTS = "rnnkit.tasks"  # the group in which other packages name their specs
SPECS: dict[str, TaskSpec] = {}


def register_task(spec: type[TaskSpec]) -> type[TaskSpec]:
    """Adds a task: the command line, `rnnkit.tune`, `rnnkit.compare` and pages then know it by its name.

    A package registers its task for every process with an entry point of the group `rnnkit.tasks`:

        [project.entry-points."rnnkit.tasks"]
        toy = "toy_package.spec:ToySpec"

    Args:
        spec: the class; usable as a decorator.

    Raises:
        ArgumentError: another task has the name.
    """
    known = SPECS.get(spec.task)
    if known is not None and (type(known).__module__, type(known).__name__) != (spec.__module__, spec.__name__):
        raise ArgumentError(f"spec: there is a task '{spec.task}' already. Give yours another name.")
    SPECS[spec.task] = spec()
    return spec


def find_spec(task: str) -> TaskSpec:
    """The spec of a task by its name.

    Raises:
        ArgumentError: there is no such task.
    """
    if task not in SPECS:
        raise ArgumentError(f"task: unknown task '{task}'.{close_to(task, SPECS)} Known tasks: {', '.join(SPECS)}.")
    return SPECS[task]


def spec_of(name: str) -> TaskSpec:
    """The spec of a task; a plain one for a class without a spec."""
    return SPECS.get(name) or TaskSpec()


def spec_of_class(name: str) -> TaskSpec | None:
    """The spec of the task whose model is a class of this name."""
    return next((spec for spec in SPECS.values() if spec.model.endswith(f":{name}")), None)


class _Classes(Mapping):
    """The class of each task that has a spec."""

    def __getitem__(self, name: str) -> "type[Task]":
        return SPECS[name].task_class

    def __iter__(self) -> Iterator[str]:
        return iter(SPECS)

    def __len__(self) -> int:
        return len(SPECS)


TASKS: Mapping[str, "type[Task]"] = _Classes()


def usable_tasks() -> "dict[str, type[Task]]":
    """The classes of the tasks whose packages are installed, by name."""
    found = {}
    for name in SPECS:
        with contextlib.suppress(PackageError):  # it is raised where that task is asked for
            found[name] = TASKS[name]
    return found


def find_task(task: Any) -> "tuple[str, type[Task]]":
    """The name and the class of a task, from either.

    Raises:
        ArgumentError: no task.

    Examples:
        >>> from rnnkit.tasks import find_task
        >>> find_task("ner")
        ('ner', <class 'rnnkit.tasks.entities.model.EntityRecognizer'>)
    """
    from rnnkit.tasks.task import Task

    if isinstance(task, str) and task in TASKS:
        return task, TASKS[task]
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise ArgumentError(f"task: expected one of {', '.join(TASKS)}, or a class of rnnkit's tasks, got {task!r}.")
    names = [name for name, known in usable_tasks().items() if issubclass(task, known)]
    return (names or [task.__name__])[0], task


for built_in in (SentimentSpec, EntitySpec, MemorySpec, MusicSpec, TranslationSpec, ForecastingSpec, LanguageSpec):
    register_task(built_in)
for entry_point in entry_points(group=ENTRY_POINTS):
    register_task(entry_point.load())
