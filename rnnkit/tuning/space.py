"""The space of a search: what is searched by default, and how its parts are written, asked for and described.

The default ranges lie around the tasks' own defaults and keep a trial on two cores at minutes. What they do not name
keeps the task's default; what only one task has is in its spec.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import is_number
from rnnkit.recurrent.table import CELLS
from rnnkit.study.work_folder import label
from rnnkit.tasks import find_task
from rnnkit.tasks.specs import spec_of

SHARED: dict[str, Any] = {
    "cell": [cell.name for cell in sorted(CELLS.values(), key=lambda cell: not cell.gates) if cell.is_usual],
    "units": [32, 64, 128],
    "layers": [1, 2],
    "dropout": (0.0, 0.6),
    "learning_rate": (3e-4, 1e-2),
    "clipping": ["none", "global_norm", "percentile"],
    "batch_size": [16, 32, 64],
}
LOG_FROM = 20  # a range of positive numbers with this ratio of its ends is searched on a log scale


@dataclass(frozen=True)
class Fixed:
    """One value, which is not searched."""

    value: Any
    is_searched = False

    def ask(self, hp, name: str):
        return self.value

    def __str__(self):
        return f"{label(self.value)} (fixed)"


@dataclass(frozen=True)
class Choice:
    """One of some values, of any type: KerasTuner sees their labels."""

    values: tuple

    def ask(self, hp, name: str):
        return self.labels.get(hp.Choice(name, list(self.labels)))

    @property
    def is_searched(self) -> bool:
        """Whether there is a choice."""
        return len(self.values) > 1

    @property
    def labels(self) -> dict[Any, Any]:
        """The values by what stands for them in tables and files: themselves, if they are numbers or names."""
        kinds = {type(value) for value in self.values}
        plain = len(kinds) == 1 and kinds <= {int, float, str, bool}
        return {value if plain else label(value): value for value in self.values}

    def __str__(self):
        return "one of " + ", ".join(map(str, self.labels))


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included; whole where both are."""

    low: float
    high: float
    is_searched = True

    def ask(self, hp, name: str):
        kind = hp.Int if isinstance(self.low, int) and isinstance(self.high, int) else hp.Float
        return kind(name, self.low, self.high, sampling="log" if self.is_log else "linear")

    @property
    def is_log(self) -> bool:
        """Whether it is searched by orders of magnitude."""
        return self.low > 0 and self.high / self.low >= LOG_FROM

    def __str__(self):
        return f"{self.low:g} to {self.high:g}{' by orders of magnitude' if self.is_log else ''}"


@dataclass(frozen=True)
class Asked:
    """What a function of the user's says, given KerasTuner's `hp`."""

    function: Callable
    is_searched = True

    def ask(self, hp, name: str):
        return self.function(hp)

    def __str__(self):
        return f"function {self.function.__module__}.{self.function.__qualname__}"


Part = Fixed | Choice | Range | Asked


def read_part(name: str, value) -> Part:
    """A part from the way it is written.

    Args:
        name: of the hyperparameter.
        value: a list of choices; a tuple `(low, high)`; a function of one argument called `hp`, KerasTuner's
            `HyperParameters`; or anything else: the value itself, fixed.

    Raises:
        ArgumentError: an empty list, or a tuple that is no range.
    """
    if isinstance(value, list):
        if not value:
            raise ArgumentError(f"{name}: expected a list of choices, got an empty one. Give at least one value.")
        return Choice(tuple(value))
    if isinstance(value, tuple):
        if len(value) != 2 or not all(map(is_number, value)) or not value[0] < value[1]:
            raise ArgumentError(f"{name}: expected a range (low, high) of numbers, low below high, got {value!r}.")
        return Range(*value)
    return Asked(value) if _is_question(value) else Fixed(value)


def _is_question(value) -> bool:
    """Whether it is a function of `hp`; activations, initializers and classes can be called, too."""
    return inspect.isfunction(value) and list(inspect.signature(value).parameters) == ["hp"]


def default_space(task: Any) -> dict[str, Any]:
    """What `tune` searches for a task by default.

    Args:
        task: a name of the tasks, or a task's class; a class of your own has the space of the task it is made from.

    Returns:
        Hyperparameter -> a list of choices, or a tuple `(low, high)`. The threshold of clipping depends on the rule,
        see `ClippingRule.searched`.

    Examples:
        >>> from rnnkit import tuning
        >>> tuning.default_space("sentiment")["units"]
        [32, 64, 128]
    """
    return {**SHARED, **spec_of(find_task(task)[0]).space}
