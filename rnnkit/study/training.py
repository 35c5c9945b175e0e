"""One training: what watches a model, guards it, clips its gradients and ends it, and what was measured.

`rnnkit run`, `rnnkit.tune` and `rnnkit.compare` all train through `Training.fit`.
"""

import contextlib
import math
import os
import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pandas as pd

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth
from rnnkit.errors import ArgumentError
from rnnkit.optimizers import without_scaler
from rnnkit.study.files import write_text
from rnnkit.tasks.settings import by_owner
from rnnkit.tasks.task import Task

MOST_ROWS = 20_000  # of the gradient records


class Training:
    """Gradient health, a guard that skips steps whose gradients are not finite, clipping, and the best epoch kept.

        training = Training("global_norm", 1.0)
        training.fit(model, train, validation_data=valid)
        training.measured(model)

    Args:
        clipping: a rule of `GradientClipping`; None or `"none"` clips nothing.
        threshold: the rule's first argument; None keeps its default.
        level: the detail of the gradient records, see `GradientHealth`.

    Raises:
        ArgumentError: an unknown rule, or a threshold that it cannot take.
    """

    def __init__(self, clipping=None, threshold=None, *, level: str = "layer"):
        self.health = GradientHealth(level=level, max_rows=MOST_ROWS)
        self.times = EpochTimes()
        clips = [] if clipping in (None, "none") else [GradientClipping(clipping, threshold)]
        self.callbacks: list[keras.callbacks.Callback] = [self.health, GradientGuard("skip"), *clips, self.times]

    def fit(self, model, x, y=None, *, epochs=None, callbacks=(), validation_data=None, **options):
        """Trains a task and, where there is validation data, ends with the weights of the best epoch.

        Args:
            model: a `Task`.
            x, y, validation_data, options: as in `Task.fit`.
            epochs: how many; None stops when validation no longer improves.
            callbacks: further ones, which find the weights of the best epoch when training ends.

        Returns:
            The `keras.callbacks.History`.
        """
        # as many epochs as asked for: patience never ends, and the callbacks are those of "auto", so that one resumes
        # the other
        best = [] if epochs is None or validation_data is None else model.auto_callbacks(patience=epochs)
        return model.fit(
            x,
            y,
            epochs="auto" if epochs is None else epochs,
            callbacks=[*best, *self.callbacks, *callbacks],
            validation_data=validation_data,
            **options,
        )

    def measured(self, model) -> dict[str, Any]:
        """`seconds`, `epochs`, `parameters`; and over all steps `grad_norm` and `grad_norm_max` (mean and largest
        global norm before clipping), `clip_rate` (fraction of the taken steps that were clipped) and `skipped_steps`.
        """
        steps = self.health.steps
        taken = steps[steps["status"] == "taken"]
        norms = taken["norm_before"].to_numpy(float)
        norms = norms[np.isfinite(norms)]
        return {
            "seconds": round(self.times.seconds, 3),
            "epochs": len(self.times.ends),
            "parameters": model.count_params() if model.built else None,
            "grad_norm": float(norms.mean()) if len(norms) else math.nan,
            "grad_norm_max": float(norms.max()) if len(norms) else math.nan,
            "clip_rate": float(taken["clipped"].mean()) if len(taken) else math.nan,
            "skipped_steps": int((steps["status"] != "taken").sum()),
        }


def new_model(task: type[Task], settings: Mapping[str, Any]) -> Task:
    """A task with settings, arguments of its constructor and of its optimizer (see `by_owner`); those of `fit` wait.

    Raises:
        ArgumentError: an argument that cannot be used.
    """
    found = by_owner(settings)
    model = task(**found.constructor)
    set_optimizer(model, found.optimizer)
    return model


def set_optimizer(model: Task, settings: Mapping[str, Any]) -> None:
    """Compiles a model with other arguments of its optimizer, where there are any.

    Raises:
        ArgumentError: a value that the optimizer cannot take.
    """
    if not settings:
        return
    if not model.compiled:
        model.compile()
    optimizer = without_scaler(model.optimizer)
    try:
        model.compile(type(optimizer).from_config({**optimizer.get_config(), **settings}))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{', '.join(settings)}: the optimizer cannot take this ({error}).") from error


class HistoryFile(keras.callbacks.Callback):
    """Writes the epoch logs as CSV, one row per epoch, after each; it comes after callbacks that add to them.

    Args:
        path: of the file.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append({"epoch": epoch, **(logs or {})})
        with contextlib.suppress(OSError):  # a full disk ends no training; `Resume` warns of it
            write_text(self.path, pd.DataFrame(self.rows).to_csv(index=False))

    def get_state(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Takes over what `get_state` gave."""
        self.rows = list(state["rows"])


class EpochTimes(keras.callbacks.Callback):
    """When each epoch ended, in seconds from the start of training.

    The epoch logs get a `clip_rate` of 0 if no clipping puts one there, so that all trials of a search have one.
    """

    def __init__(self):
        super().__init__()
        self.ends: list[float] = []
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """From the start of training until now."""
        return time.perf_counter() - self._start

    def on_train_begin(self, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(self.seconds)
        if logs is not None:
            logs.setdefault("clip_rate", 0.0)
