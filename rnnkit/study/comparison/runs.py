"""The runs of a comparison: one training measured, and the table of all of them, on disk as soon as they are there."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from rnnkit.datasets import Dataset
from rnnkit.diagnosis import diagnose
from rnnkit.study.files import write_text
from rnnkit.study.graphs import graphs_freed
from rnnkit.study.memory import peak_memory
from rnnkit.study.training import Training, new_model
from rnnkit.study.work_folder import expect_intact
from rnnkit.tasks.settings import by_owner
from rnnkit.tasks.spec import GRADIENTS, THROUGH_TIME, metrics_of
from rnnkit.tasks.task import Task

RUNS = "runs.csv"
WHO = ("model", "kind", "seed", "units")
FIGURES = (
    *("parameters", "memory_mib", "seconds", "seconds_to_best", "epochs", "best_epoch"),
    *THROUGH_TIME,
    *GRADIENTS,
)
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
def train_once(
    task: type[Task], options: dict[str, Any], settings: Settings, seed: int, **of_fit: Any
) -> dict[str, Any]:
    """One training, measured: a row of `Comparison.frame` without its name; `of_fit` are more arguments of `fit`."""
    keras.utils.set_random_seed(seed)
    memory = peak_memory()
    model = new_model(task, options)
    training = Training(settings.clipping, settings.threshold)
    training.fit(
        model,
        settings.train,
        validation_data=settings.valid,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        verbose=0,
        **by_owner(options).fit,
        **of_fit,
    )
    measured, ends = training.measured(model), training.times.ends
    best = len(ends) - 1 if model.kept_epoch is None else model.kept_epoch
    costs = {"memory_mib": round(memory(), 1), "seconds_to_best": round(ends[best], 3), "best_epoch": best + 1}
    return {
        "units": "-".join(map(str, model.stack.units)) if model.stack.built else None,
        **scored(lambda train, data: metrics_of(model, data), settings),
        **measured,
        **costs,
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


class Rows:
    """The rows of a comparison, each kept in a folder as soon as it is there.

    Args:
        folder: with the rows of earlier calls; None keeps nothing.
        metric: the column that is reported.
        say: called with a line after each row; None is silent.

    Attributes:
        loaded: whether there were any.

    Raises:
        DataError: they were damaged.
    """

    def __init__(self, folder: Path | None, metric: str, say: Callable[[str], None] | None):
        self.path = None if folder is None else folder / RUNS
        self.metric, self.say = metric, say
        self.loaded = self.path is not None and self.path.is_file()
        self.rows: list[dict] = read_runs(self.path).to_dict("records") if self.path and self.loaded else []

    def add(self, model: str, kind: str, seed: int | None, make: Callable[[], dict]) -> None:
        """Adds what `make` gives, unless this model and seed are there already."""
        if any(_is(row, model, seed) for row in self.rows):
            return
        start = time.monotonic()
        self.rows.append({"model": model, "kind": kind, "seed": math.nan if seed is None else seed, **make()})
        if self.path is not None:
            write_text(self.path, pd.DataFrame(self.rows).to_csv(index=False))
        if self.say is not None:
            value = self.rows[-1].get(self.metric)
            score = "" if value is None else f"  {self.metric} {value:.4f}"
            self.say(f"{model}{'' if seed is None else f'  seed {seed}'}{score}  {time.monotonic() - start:.0f} s")

    def frame(self, models: Sequence[str], seeds: int) -> pd.DataFrame:
        """The rows of these models and this many seeds, in this order."""
        wanted = [(model, seed) for model in models for seed in (*range(seeds), None)]
        rows = [row for model, seed in wanted for row in self.rows if _is(row, model, seed)]
        return in_order(pd.DataFrame(rows))


def in_order(runs: pd.DataFrame) -> pd.DataFrame:
    """The columns of `Comparison.frame`, in its order."""
    metrics = [name for name in runs if str(name).startswith(("valid_", "test_"))]
    return runs.reindex(columns=[*WHO, *metrics, *FIGURES])


def read_runs(path: Path) -> pd.DataFrame:
    """The runs that are there, one row each.

    Raises:
        DataError: the file was damaged.
    """
    with expect_intact(path.parent):
        table = pd.read_csv(path, dtype={"units": str})
        if missing := {*WHO[:3]} - {*table}:
            raise ValueError(f"{path.name} has no {', '.join(sorted(missing))}")
        numbers = [name for name in table if name not in ("model", "kind", "units")]
        return table.assign(**{str(name): pd.to_numeric(table[name]) for name in numbers})


def _is(row: dict, model: str, seed: int | None) -> bool:
    return row["model"] == model and (math.isnan(row["seed"]) if seed is None else row["seed"] == seed)
