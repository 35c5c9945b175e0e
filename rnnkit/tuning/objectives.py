"""What a search can look for: a name in the logs of an epoch, and a direction."""

import keras_tuner

from rnnkit.errors import ArgumentError
from rnnkit.tasks import Task
from rnnkit.tasks.specs import spec_of

GRADIENTS = {"grad_norm": "min", "grad_norm_max": "min", "clip_rate": "min", "skipped_steps": "min"}
THROUGH_TIME = {"gain_min": "max", "gain_max": "min", "horizon_min": "max"}


def known_objectives(task: str) -> dict[str, str]:
    """The objectives of a task by name, each with its direction, `"min"` or `"max"`."""
    metrics = {"loss": "min", **spec_of(task).objectives}
    return {**{f"val_{name}": way for name, way in metrics.items()}, "loss": "min", **GRADIENTS, **THROUGH_TIME}


def find_objective(name: str, task: type[Task], objective=None):
    """A KerasTuner objective.

    Args:
        name: of the task.
        task: its class.
        objective: a name of `known_objectives`, a `keras_tuner.Objective` or a list of such; None is the metric that
            the task goes by.

    Raises:
        ArgumentError: an unknown name.
    """
    if objective is None:
        return keras_tuner.Objective(*task.monitor)
    if isinstance(objective, (list, tuple)):
        return [find_objective(name, task, each) for each in objective]
    if not isinstance(objective, str):
        return objective
    known = {**known_objectives(name), task.monitor[0]: task.monitor[1]}
    if objective not in known:
        raise ArgumentError(f"objective: unknown objective '{objective}'. Known for {name}: {', '.join(known)}.")
    return keras_tuner.Objective(objective, known[objective])


def objective_names(objective) -> list[str]:
    """The logs that an objective reads."""
    if isinstance(objective, (list, tuple)):
        return [name for each in objective for name in objective_names(each)]
    return [objective.name]


def describe_objective(objective) -> list[str]:
    """An objective in words that can be compared."""
    several = objective if isinstance(objective, (list, tuple)) else [objective]
    return [f"{each.name} ({each.direction})" for each in several]
