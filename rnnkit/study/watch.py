"""The callbacks that see and steer a training's gradients, and in numbers what they saw."""

import math
import time
from typing import Any

import keras
import numpy as np

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth

COLUMNS = ("grad_norm", "grad_norm_max", "clip_rate", "skipped_steps")


class Watch:
    """What `tune` and `compare` put into each training: gradient health, a guard that skips steps that are not finite,
    and clipping.

        watch = Watch("global_norm", 1.0)
        model.fit(train, callbacks=watch.callbacks)
        watch.measured(model)

    Args:
        clipping: a rule of `GradientClipping`; None or `"none"` is without.
        threshold: the rule's first argument; None keeps its default.
    """

    def __init__(self, clipping=None, threshold=None):
        self.health = GradientHealth(level="layer", max_rows=20_000)
        self.times = EpochTimes()
        clips = [] if clipping in (None, "none") else [GradientClipping(clipping, threshold)]
        self.callbacks: list[keras.callbacks.Callback] = [self.health, GradientGuard("skip"), *clips, self.times]

    def measured(self, model) -> dict[str, Any]:
        """`seconds`, `epochs`, `parameters`; and over all steps `grad_norm` and `grad_norm_max` (mean and largest
        global norm before clipping), `clip_rate` (share of the taken steps that clipping made smaller) and
        `skipped_steps`.
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
