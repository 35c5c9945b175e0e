"""`rnnkit.tune`: a search over the hyperparameters of a task."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnkit.tuning.folder import open_folder
from rnnkit.tuning.guided import GuidedSearch
from rnnkit.tuning.isolated import Isolated
from rnnkit.tuning.plan import plan
from rnnkit.tuning.tuners import make_tuner

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
    budget: dict[str, Any] = {"max_trials": max_trials, "minutes": minutes, "epochs": epochs}
    planned = plan(task, train, valid, algorithm, **budget, objective=objective, seed=seed, guard=guard, **space)
    name = planned.model.task_name
    folder = Path(directory or Path("runs") / f"tune-{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    open_folder(folder, SEARCH, planned.identity, overwrite)
    settings: dict[str, Any] = {
        "algorithm": planned.algorithm,
        "model": planned.model,
        "objective": planned.objective,
        "folder": folder.resolve(),
        "max_trials": planned.max_trials,
        "epochs": epochs or planned.model.task.max_epochs,
        "seed": seed,
    }
    tuner = make_tuner(**settings)
    tuner.minutes, tuner.say = minutes, say
    if isolate:
        tuner.isolated = Isolated(settings)
    length = {} if epochs is None else {"epochs": epochs}
    tuner.search(planned.train, validation_data=planned.valid, **length)
    return tuner
