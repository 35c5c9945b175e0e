"""`rnnkit.tune`: a search over the hyperparameters of a task."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.tasks.task import Task
from rnnkit.tuning.folder import fingerprint, open_folder
from rnnkit.tuning.guided import GuidedSearch
from rnnkit.tuning.hypermodel import TaskHyperModel, hypermodel
from rnnkit.tuning.objectives import THROUGH_TIME, describe_objective, find_objective, objective_names
from rnnkit.tuning.spaces import find_task
from rnnkit.tuning.tuners import find_algorithm, make_tuner

TRIALS = 20
SEARCH = "search.json"


def tune(
    task,
    train,
    valid,
    algorithm="bayesian",
    *,
    max_trials: int | None = None,
    minutes: float | None = None,
    directory: str | Path | None = None,
    objective=None,
    seed: int = 0,
    epochs: int | None = None,
    guard="auto",
    isolate: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] | None = print,
    **space,
) -> GuidedSearch:
    """Searches the hyperparameters of a task with KerasTuner; broken off, the same call goes on.

        tuner = rnnkit.tune("sentiment", train, valid, minutes=12, cell=["lstm", "gru"], directory="runs/search")
        tuner.results
        tuner.best_model().save("best.keras")

    Args:
        task: a name of the tasks, or a task's class.
        train, valid: raw data in any form that the task's `fit` takes.
        algorithm: `"bayesian"` (needs scikit-learn), `"random"`, `"hyperband"`, `"grid"`, or a tuner class of
            KerasTuner.
        max_trials: how many trials in all. None is 20 for a Bayesian or random search without `minutes`, else as many
            as there are.
        minutes: time for all trials. None begins when it is over, and the one that runs ends with its epoch.
        directory: a folder of its own; one that holds the same search, broken off or with a smaller budget, is gone on
            with. None makes a new one, `runs/tune-TASK-TIME`.
        objective: what is looked for, in the logs of an epoch: a name such as `"val_accuracy"`, `"grad_norm_max"`,
            `"clip_rate"` or `"horizon_min"`, a `keras_tuner.Objective`, or a list of such. None is the metric that the
            task goes by.
        seed: of the search and of each trial's training.
        epochs: of each trial. None stops a trial when validation no longer improves; Hyperband then takes the task's
            `max_epochs` for the longest.
        guard, space: see `hypermodel`.
        isolate: run each trial in a process of its own, whose memory is given back; it costs the start of TensorFlow
            each time, and a trial that crashes its process is a failed one.
        overwrite: start anew where another search is.
        say: called with a line after each trial; None is silent.

    Returns:
        The KerasTuner tuner, which is also a `GuidedSearch`: with `results`, `plot()` and `best_model()`. Its folder
        holds `search.json`, what is searched, and `results.csv`.

    Raises:
        ArgumentError: an argument that cannot be used, nothing to search, a folder that holds something else, or all
            trials have failed.
        DataError: data that cannot be used.
    """
    name, task_class = find_task(task)
    _check_budget(max_trials, minutes, epochs)
    tuner_class = find_algorithm(algorithm)
    goal = find_objective(name, task_class, objective)
    through_time = any(each in THROUGH_TIME for each in objective_names(goal))
    model = hypermodel(task_class, seed=seed, guard=guard, through_time=through_time, **space)
    _check_searched(model)
    first = build_default(model)
    train, valid = first.read(*_pair(train)), first.read(*_pair(valid))
    first.adapt(train)
    first.encode(valid)
    identity = {
        "rnnkit": rnnkit.__version__,
        "task": task_class.__name__,
        "algorithm": tuner_class.__name__,
        "objective": describe_objective(goal),
        "seed": seed,
        "epochs": epochs,
        "guard": model.guard and model.guard.describe(),
        "space": model.describe(),
        "train": fingerprint(train),
        "valid": fingerprint(valid),
    }
    folder = Path(directory or Path("runs") / f"tune-{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    open_folder(folder, SEARCH, identity, overwrite)
    settings: dict[str, Any] = {
        "algorithm": tuner_class,
        "model": model,
        "objective": goal,
        "folder": folder.absolute(),
        "max_trials": trial_budget(tuner_class, max_trials, minutes),
        "epochs": epochs or task_class.max_epochs,
        "seed": seed,
    }
    try:
        tuner = make_tuner(**settings)
    except ImportError as error:
        raise ArgumentError(f"algorithm: {error} Or take algorithm='random'.") from error
    tuner.minutes, tuner.say = minutes, say
    if isolate:
        from rnnkit.tuning.isolated import Isolated

        tuner.isolated = Isolated(settings)
    tuner.search(train, validation_data=valid, **({} if epochs is None else {"epochs": epochs}))
    return tuner


def trial_budget(algorithm: type, max_trials: int | None, minutes: float | None) -> int | None:
    """How many trials there are at most; None where the algorithm or the time sets the end."""
    ends = issubclass(algorithm, (keras_tuner.Hyperband, keras_tuner.GridSearch))
    return TRIALS if max_trials is None and minutes is None and not ends else max_trials


def build_default(model: TaskHyperModel) -> Task:
    """The task with the first value of each part: what is wrong with a fixed argument is said here.

    Raises:
        ArgumentError: an argument that the task does not know or take.
    """
    return model.build(keras_tuner.HyperParameters())


def _check_searched(model: TaskHyperModel) -> None:
    if not model.searched:
        raise ArgumentError("space: nothing is left to search, all is fixed. Give one part a list or a range.")


def _check_budget(max_trials, minutes, epochs) -> None:
    for name, value in {"max_trials": max_trials, "epochs": epochs}.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ArgumentError(f"{name}: expected a positive integer, got {value!r}.")
    if minutes is not None and not minutes > 0:
        raise ArgumentError(f"minutes: expected a positive number, got {minutes!r}.")


def _pair(data):
    return data if isinstance(data, tuple) else (data,)
