"""`rnnkit.tune`: a search over the hyperparameters of a task."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.study.made import keep_made
from rnnkit.study.work_folder import join_folder, open_folder
from rnnkit.tuning.chief import lead, part_in_search
from rnnkit.tuning.guided import SEARCH, GuidedSearch
from rnnkit.tuning.plan import plan
from rnnkit.tuning.processes import Isolated, Workers
from rnnkit.tuning.tuners import make_tuner


def tune(
    task: Any,
    train: Any,
    valid: Any,
    algorithm: Any = "bayesian",
    *,
    max_trials: int | None = None,
    minutes: float | None = None,
    directory: str | Path | None = None,
    objective: Any = None,
    seed: int = 0,
    epochs: int | None = None,
    guard: Any = "auto",
    isolate: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    unlabelled: Any = None,
    say: Callable[[str], None] | None = print,
    **space: Any,
) -> GuidedSearch:
    """Searches the hyperparameters of a task with KerasTuner; the same call resumes an interrupted search.

        tuner = rnnkit.tune("sentiment", train, valid, minutes=12, cell=["lstm", "gru"], directory="runs/search")
        tuner.results
        tuner.best_model().save("best.keras")

    Several processes on this machine share a search with `workers`. Several machines share one if each runs the same
    call on the same `directory`, which all of them see, with KerasTuner's environment variables: `KERASTUNER_ORACLE_IP`
    and `KERASTUNER_ORACLE_PORT`, an address of the machine that distributes the trials and a free port on it, and
    `KERASTUNER_TUNER_ID`, `chief` for the one that distributes them and a unique name for each that runs them. A
    worker that was lost can be restarted with its name, and gets its trial back. Their messages are not encrypted.

    Args:
        task: a name of the tasks, or a task's class.
        train, valid: raw data in any form that the task's `fit` takes.
        algorithm: `"bayesian"` (needs scikit-learn), `"random"`, `"hyperband"`, `"grid"`, or a tuner class of
            KerasTuner.
        max_trials: how many trials in all. None is 20 for a Bayesian or random search without `minutes`, else as many
            as there are.
        minutes: time for all trials together, those of several workers side by side. None begins when it is over, and
            those that run end with their epoch.
        directory: a folder of its own; the same search in it, interrupted or with a smaller budget, is resumed. None
            makes a new one, `runs/tune-TASK-TIME`.
        objective: what is optimized, in the logs of an epoch: a name such as `"val_accuracy"`, `"grad_norm_max"`,
            `"clip_rate"` or `"horizon_min"`, a `keras_tuner.Objective`, or a list of such. None is the metric that the
            task goes by.
        seed: random seed of the search and of each trial's training.
        epochs: of each trial. None stops a trial when validation no longer improves; Hyperband then takes the task's
            `max_epochs` for the longest.
        guard, space: see `hypermodel`.
        isolate: run each trial in a process of its own, whose memory is given back; it costs the start of TensorFlow
            each time, and a trial that crashes its process is a failed one.
        workers: number of parallel workers, each on all devices that this process uses. One that is killed is
            restarted and repeats its trial; a trial that ends its worker twice has failed.
        overwrite: replace another search in the folder.
        unlabelled: more inputs, as in `fit`; every trial needs a loss that reads them.
        say: called with a line after each trial; None is silent.

    Returns:
        The KerasTuner tuner, which is also a `GuidedSearch`: with `results`, `plot()` and `best_model()`. Its folder
        holds `search.json`, what is searched, `results.csv` and `report.html`.

    Raises:
        ArgumentError: an argument that cannot be used, nothing to search, a folder that holds something else, or all
            trials have failed.
        DataError: data that cannot be used, or a search to resume whose files are damaged.
        OSError: the folder cannot be written any more; finished trials stay, and the same call resumes.
    """
    budget: dict[str, Any] = {"max_trials": max_trials, "minutes": minutes, "epochs": epochs}
    part = _part(workers, directory)
    given: dict[str, Any] = {"objective": objective, "seed": seed, "guard": guard, "unlabelled": unlabelled}
    planned = plan(task, train, valid, algorithm, **budget, **given, **space)
    folder = Path(directory or new_folder(planned.model.task_name))
    if part == "worker":
        join_folder(folder, SEARCH, planned.identity)
    else:
        open_folder(folder, SEARCH, planned.identity, overwrite)
        keep_made(folder, train=planned.train, valid=planned.valid, unlabelled=planned.unlabelled)
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
    tuner.isolated = Isolated(settings) if isolate else None
    tuner.lead = lead if part == "chief" else None if workers is None else Workers(workers, settings)
    of_fit = {"epochs": epochs, "unlabelled": planned.unlabelled}
    of_fit = {name: value for name, value in of_fit.items() if value is not None}
    tuner.search(planned.train, validation_data=planned.valid, **of_fit)
    return tuner


def new_folder(name: str) -> Path:
    """The folder of a search for a task that names none."""
    return Path("runs") / f"tune-{name}-{time.strftime('%Y%m%d-%H%M%S')}"


def _part(workers, directory) -> str | None:
    """The role of this process in a search that several share, by its environment."""
    if workers is not None:
        whole("workers", workers)
    part = part_in_search()
    if part is not None and workers is not None:
        raise ArgumentError(f"workers: this process is a {part} already, by KERASTUNER_TUNER_ID. Leave one out.")
    if part is not None and directory is None:
        raise ArgumentError("directory: machines that share a search need one folder that all of them see. Name it.")
    return part
