"""One training of a comparison, measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from rnnkit.datasets import Dataset
from rnnkit.diagnosis import diagnose
from rnnkit.study.graphs import graphs_freed
from rnnkit.study.training import Training, best_epoch
from rnnkit.tasks.spec import metrics_of
from rnnkit.tasks.task import Task

PROBES = 64  # validation examples on which gain and horizon are measured


@dataclass(frozen=True)
class Settings:
    """How every network of a comparison is trained, and on what.

    Attributes:
        train, valid, test: in the task's columns; `test` may be None.
        epochs, batch_size, clipping, threshold: see `compare`.
    """

    train: Dataset
    valid: Dataset
    test: Dataset | None
    epochs: int | None
    batch_size: int
    clipping: Any
    threshold: float | None


@graphs_freed()
def train_once(task: type[Task], options: dict[str, Any], settings: Settings, seed: int) -> dict[str, Any]:
    """One training, measured: a row of `Comparison.frame` without its name."""
    keras.utils.set_random_seed(seed)
    model = task(**options)
    training = Training(settings.clipping, settings.threshold)
    history = training.fit(
        model,
        settings.train,
        validation_data=settings.valid,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        verbose=0,
    )
    measured, best = training.measured(model), best_epoch(history, model.monitor)
    times = {"seconds_to_best": round(training.times.ends[best], 3), "best_epoch": best + 1}
    return {
        "units": "-".join(map(str, model.stack.units)) if model.stack.built else None,
        **scored(lambda train, data: metrics_of(model, data), settings),
        **measured,
        **times,
        **(through_time(model, settings.valid) if model.stack.built else {}),
    }


def scored(score: Callable[[Dataset, Dataset], dict[str, float]], settings: Settings) -> dict[str, float]:
    """The metrics on validation and test data, named after the part."""
    parts = {"valid": settings.valid, "test": settings.test}
    return {
        f"{part}_{name}": value
        for part, data in parts.items()
        if data is not None
        for name, value in score(settings.train, data).items()
    }


def through_time(model: Task, valid: Dataset) -> dict[str, float]:
    """Gain and horizon of the trained model; NaN where they cannot be measured, as the run must not be lost for it."""
    try:
        layers = diagnose(model, *valid.sample(PROBES), lyapunov=False).layers
    except Exception:
        return {}
    joint = layers[layers["path"] == "joint"]
    gain, horizon = joint["gain"], joint["horizon"]
    return {"gain_min": float(gain.min()), "gain_max": float(gain.max()), "horizon_min": float(horizon.min())}
