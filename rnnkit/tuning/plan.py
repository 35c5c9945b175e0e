"""The plan of a search: everything about it that can be checked before the first trial."""

import warnings
from dataclasses import dataclass
from typing import Any

import keras_tuner

import rnnkit
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import close_to, positive, whole
from rnnkit.study.work_folder import fingerprint
from rnnkit.tasks import Task, find_task
from rnnkit.tasks.spec import THROUGH_TIME
from rnnkit.tasks.specs import spec_of
from rnnkit.tuning.task_model import TaskHyperModel, hypermodel
from rnnkit.tuning.tuners import find_algorithm

TRIALS = 20
MANY = 100  # trials, from which on a Bayesian proposal takes a noticeable part of a short training
SLOW = (
    "algorithm: a Bayesian search models all trials it knows before each new one, which takes seconds where they are "
    "hundreds, and workers wait for it one after the other. For {trials} trials take algorithm='hyperband' or 'random'."
)


@dataclass(frozen=True)
class Plan:
    """A search that has not begun.

    Attributes:
        model: what is built, and its space.
        algorithm: a tuner class of KerasTuner.
        objective: of KerasTuner, or a list of such.
        train, valid: in the task's columns.
        unlabelled: more inputs, or None.
        max_trials, minutes, epochs: see `tune`; None is without limit.
        seed: of the search and each trial's training.
    """

    model: TaskHyperModel
    algorithm: type[keras_tuner.Tuner]
    objective: Any
    train: Dataset
    valid: Dataset
    max_trials: int | None
    minutes: float | None
    epochs: int | None
    seed: int
    unlabelled: Dataset | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this search, without its budget: JSON-able."""
        more = {} if self.unlabelled is None else {"unlabelled": fingerprint(self.unlabelled)}
        return {
            "rnnkit": rnnkit.__version__,
            "task": self.model.task.__name__,
            "algorithm": self.algorithm.__name__,
            "objective": describe_objective(self.objective),
            "seed": self.seed,
            "epochs": self.epochs,
            "guard": self.model.guard and self.model.guard.describe(),
            "space": self.model.describe(),
            "train": fingerprint(self.train),
            "valid": fingerprint(self.valid),
            **more,
        }

    @property
    def words(self) -> str:
        """Algorithm, objective and budget in a line."""
        trials = "any number of trials" if self.max_trials is None else f"{self.max_trials} trials"
        time = "" if self.minutes is None else f" in {self.minutes:g} minutes"
        length = "until validation no longer improves" if self.epochs is None else f"of {self.epochs} epochs"
        goal = ", ".join(describe_objective(self.objective))
        examples = f"{len(self.train)} training and {len(self.valid)} validation examples"
        return f"{self.algorithm.__name__} for {goal}: {trials}{time}, {length}, on {examples}"


def plan(
    task,
    train,
    valid,
    algorithm="bayesian",
    *,
    max_trials: int | None = None,
    minutes: float | None = None,
    objective=None,
    seed: int = 0,
    epochs: int | None = None,
    guard="auto",
    unlabelled=None,
    **space,
) -> Plan:
    """The plan of a search; the arguments are those of `tune`.

    Raises:
        ArgumentError: an argument that cannot be used, or nothing to search.
        DataError: data that cannot be used.

    Warns:
        UserWarning: the algorithm is too slow for this number of trials.
    """
    name, task_class = find_task(task)
    _check_budget(max_trials, minutes, epochs)
    tuner_class = find_algorithm(algorithm)
    goal = find_objective(name, task_class, objective)
    through_time = any(each in THROUGH_TIME for each in objective_names(goal))
    model = hypermodel(task_class, seed=seed, guard=guard, through_time=through_time, **space)
    if not model.searched:
        raise ArgumentError("space: nothing is left to search, all is fixed. Give one part a list or a range.")
    first = model.build(keras_tuner.HyperParameters())  # raises for a fixed argument that cannot be used
    train, valid = first.read(train), first.read(valid)
    more = {} if unlabelled is None else {"unlabelled": first.read_unlabelled(unlabelled)}
    first.adapt(train, **more)
    first.encode(valid)
    trials = _trials(tuner_class, max_trials, minutes)
    if issubclass(tuner_class, keras_tuner.BayesianOptimization) and (trials or 0) > MANY:
        warnings.warn(SLOW.format(trials=trials), stacklevel=2)
    return Plan(model, tuner_class, goal, train, valid, trials, minutes, epochs, seed, **more)


def _trials(algorithm: type, max_trials: int | None, minutes: float | None) -> int | None:
    """How many trials there are at most; None where the algorithm or the time sets the end."""
    ends = issubclass(algorithm, (keras_tuner.Hyperband, keras_tuner.GridSearch))
    return TRIALS if max_trials is None and minutes is None and not ends else max_trials


def _check_budget(max_trials, minutes, epochs) -> None:
    for name, value in {"max_trials": max_trials, "epochs": epochs}.items():
        if value is not None:
            whole(name, value)
    if minutes is not None:
        positive("minutes", minutes)


def find_objective(name: str, task: type[Task], objective=None):
    """A KerasTuner objective.

    Args:
        name: of the task.
        task: its class.
        objective: a name of `TaskSpec.known_objectives`, a `keras_tuner.Objective` or a list of such; None is the
            metric that the task goes by.

    Raises:
        ArgumentError: an unknown name.
    """
    if objective is None:
        return keras_tuner.Objective(*task.monitor)
    if isinstance(objective, (list, tuple)):
        return [find_objective(name, task, each) for each in objective]
    if not isinstance(objective, str):
        return objective
    known = {**spec_of(name).known_objectives, task.monitor[0]: task.monitor[1]}
    if objective not in known:
        question = close_to(objective, known)
        raise ArgumentError(
            f"objective: unknown objective '{objective}'.{question} Known for {name}: {', '.join(known)}."
        )
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
