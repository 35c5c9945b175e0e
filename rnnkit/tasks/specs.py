"""The specs of the tasks, by name. A built-in task is one line here; others come by an entry point or a call.

Nothing here needs TensorFlow: a spec names the class of its model, and imports it when it is asked for.
"""

from importlib.metadata import entry_points

from rnnkit.errors import ArgumentError
from rnnkit.tasks.entities.spec import EntitySpec
from rnnkit.tasks.memory.spec import MemorySpec
from rnnkit.tasks.music.spec import MusicSpec
from rnnkit.tasks.sentiment.spec import SentimentSpec
from rnnkit.tasks.spec import Results, TaskSpec
from rnnkit.tasks.translation.spec import TranslationSpec

__all__ = ["SPECS", "Results", "TaskSpec", "find_spec", "register_task", "spec_of"]

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
        raise ArgumentError(f"task: unknown task '{task}'. Known tasks: {', '.join(SPECS)}.")
    return SPECS[task]


def spec_of(name: str) -> TaskSpec:
    """The spec of a task; a plain one for a class without a spec."""
    return SPECS.get(name) or TaskSpec()


for built_in in (SentimentSpec, EntitySpec, MemorySpec, MusicSpec, TranslationSpec):
    register_task(built_in)
for entry_point in entry_points(group=ENTRY_POINTS):
    register_task(entry_point.load())
