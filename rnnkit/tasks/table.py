"""The classes of the tasks, by name; importing them starts TensorFlow."""

from collections.abc import Iterator, Mapping

from rnnkit.errors import ArgumentError
from rnnkit.tasks.specs import SPECS
from rnnkit.tasks.task import Task


class _Classes(Mapping):
    """The class of each task that has a spec."""

    def __getitem__(self, name: str) -> type[Task]:
        return SPECS[name].task_class

    def __iter__(self) -> Iterator[str]:
        return iter(SPECS)

    def __len__(self) -> int:
        return len(SPECS)


TASKS: Mapping[str, type[Task]] = _Classes()


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
