"""The tuners of KerasTuner by name, made so that they search to the end and go on where they were."""

import contextlib
import inspect
import io
import sys
import zlib
from pathlib import Path

import keras_tuner

from rnnkit.compat import resume_grid
from rnnkit.errors import ArgumentError
from rnnkit.study.work_folder import expect_intact
from rnnkit.tuning.guided import GuidedSearch
from rnnkit.tuning.task_model import TaskHyperModel

ALGORITHMS = {
    "bayesian": keras_tuner.BayesianOptimization,
    "random": keras_tuner.RandomSearch,
    "hyperband": keras_tuner.Hyperband,
    "grid": keras_tuner.GridSearch,
}
RANDOM_FIRST = 8  # trials of a Bayesian search at least before it models anything; a third of the budget at most


def find_algorithm(algorithm) -> type[keras_tuner.Tuner]:
    """A tuner class from its name or itself.

    Raises:
        ArgumentError: neither.
    """
    if isinstance(algorithm, type) and issubclass(algorithm, keras_tuner.Tuner):
        return algorithm
    if algorithm not in ALGORITHMS:
        names = ", ".join(ALGORITHMS)
        raise ArgumentError(f"algorithm: expected one of {names}, or a tuner class of KerasTuner, got {algorithm!r}.")
    return ALGORITHMS[algorithm]


def make_tuner(
    algorithm: type[keras_tuner.Tuner],
    model: TaskHyperModel,
    objective,
    folder: Path,
    *,
    max_trials: int | None,
    epochs: int,
    seed: int,
) -> GuidedSearch:
    """A tuner with `GuidedSearch` before it; it has loaded what lies in the folder.

    Args:
        algorithm: a tuner class.
        model: what it builds.
        objective: a KerasTuner objective, or a list of them.
        folder: its own.
        max_trials: None is without limit.
        epochs: of a trial at most, for Hyperband.
        seed: of the search.

    Raises:
        ArgumentError: the algorithm needs a package that is not installed.
        DataError: files of an earlier search were damaged.
    """
    options = {
        "objective": objective,
        "seed": _far_apart(seed),
        "max_trials": max_trials,
        "max_epochs": epochs,
        "num_initial_points": max(3, min(RANDOM_FIRST, (max_trials or 100) // 3)),
        "directory": str(folder.parent),
        "project_name": folder.name,
    }
    taken = {name for cls in algorithm.__mro__ for name in inspect.signature(cls).parameters}
    try:
        with contextlib.redirect_stdout(io.StringIO()), _reloading(folder):  # it says that it reloads
            tuner = guided(algorithm)(model, **{name: options[name] for name in taken & options.keys()})
            if not tuner.is_worker:  # else the chief has the oracle
                _complete(tuner.oracle, max_trials)
    except ImportError as error:
        raise ArgumentError(f"algorithm: {error} Or take algorithm='random'.") from error
    return tuner


def _far_apart(seed: int) -> int:
    """A seed for KerasTuner, which takes 0 for none.

    It draws the n-th value with seed + n, so neighbours would search for much the same trials.
    """
    return 1 + zlib.crc32(str(seed).encode()) // 2  # scikit-learn takes no more than 32 bits


def _complete(oracle, max_trials: int | None) -> None:
    """What KerasTuner does not do for a search that is resumed, up to its end."""
    oracle.max_trials = max_trials  # Hyperband takes none
    oracle.max_consecutive_failed_trials = sys.maxsize  # a failed trial is a row of the table, however many there are
    for trial_id in set(oracle.trials) - set(oracle.start_order):  # killed in the moment between the two files
        del oracle.trials[trial_id]
    if isinstance(oracle, keras_tuner.oracles.GridSearchOracle) and oracle.trials:
        resume_grid(oracle)


def _reloading(folder: Path) -> contextlib.AbstractContextManager:
    """What lies in the folder from earlier calls is distrusted, where there is any."""
    return expect_intact(folder) if any(folder.glob("tuner*.json")) else contextlib.nullcontext()


def guided(tuner_class: type[keras_tuner.Tuner]) -> type[GuidedSearch]:
    """A tuner class of KerasTuner with `GuidedSearch` before it."""
    return type(f"Guided{tuner_class.__name__}", (GuidedSearch, tuner_class), {"__doc__": GuidedSearch.__doc__})
