"""What ends a trial early: it is hopeless, or the time of the search is over."""

import math
import time
from typing import Any

import keras
import numpy as np
from keras_tuner.errors import FailedTrialError

from rnnkit.callbacks.gradients.gradient_callback import GradientCallback
from rnnkit.callbacks.gradients.rows import WAITING, Block
from rnnkit.errors import ArgumentError
from rnnkit.tasks.parts import Baseline
from rnnkit.tasks.spec import GRADIENTS, THROUGH_TIME

SOLVED = 1e-3  # a loss below this may well have no gradient left


class TrialGuard(GradientCallback):
    """Ends a trial of a KerasTuner search as soon as it is clear that nothing will come of it.

    It raises `keras_tuner.errors.FailedTrialError` with the reason, and KerasTuner continues with the next trial.
    Reasons are:

    - non-finite: `refused` steps in a row, or all steps of an epoch, were not taken since their gradients were not
      finite; or the loss of an epoch is not finite;
    - exploding: the median over an epoch of the global norm before clipping is above `explosion`;
    - vanished: that median is below `vanishing`, and the loss is not;
    - chance: the validation metric is not better than chance after some epochs and steps;
    - limits: a figure of the epoch logs is beyond what was set.

    Place it behind `GradientGuard` and `ThroughTime`. Where gradients cannot be seen, the last two remain.

    Args:
        refused: steps in a row.
        explosion, vanishing: global gradient norms.
        chance: a `Baseline`: the score that shows no learning, and when to look; `"auto"` is that of the
            task's spec and the data; None does not look.
        monitor: the epoch log that is compared with chance, and its direction; None is that of the task.
        limits: epoch log -> number, such as `{"grad_norm_max": 100, "horizon_min": 5}`: the largest allowed value of
            what should be small (`grad_norm`, `grad_norm_max`, `clip_rate`, `skipped_steps`, `gain_max`), the smallest
            of what should be large (`gain_min`, `horizon_min`). Gain and horizon are measured in each epoch then.
        limits_from: the first epoch, from 0, whose logs must keep to the limits.

    Raises:
        ArgumentError: a limit on something else.
    """

    required = False

    def __init__(
        self,
        *,
        refused: int = 50,
        explosion: float = 1e4,
        vanishing: float = 1e-8,
        chance: Baseline | str | None = "auto",
        monitor: tuple[str, str] | None = None,
        limits: dict[str, float] | None = None,
        limits_from: int = 1,
    ):
        super().__init__()
        known = {**GRADIENTS, **THROUGH_TIME}
        for name in limits or {}:
            if name not in known:
                raise ArgumentError(f"limits: there is none on '{name}'. Known: {', '.join(known)}.")
        self.refused, self.explosion, self.vanishing = refused, explosion, vanishing
        self.chance, self.monitor = chance, monitor
        self.limits, self.limits_from = dict(limits or {}), limits_from
        self._row = 0
        self._norms: list[np.ndarray] = []
        self._best = -math.inf

    @property
    def reads_through_time(self) -> bool:
        """Whether a limit needs `ThroughTime`."""
        return any(name in THROUGH_TIME for name in self.limits)

    def describe(self) -> dict:
        """Its arguments, JSON-able."""
        names = ("refused", "explosion", "vanishing", "chance", "monitor", "limits", "limits_from")
        return {name: getattr(self, name) for name in names}

    def consume(self, block: Block):
        taken = block.taken
        self._norms.append(block.total_before[taken])
        for step in taken[block.status != WAITING]:
            self._row = 0 if step else self._row + 1
            if self._row >= self.refused:
                raise FailedTrialError(f"non-finite: {self._row} steps in a row had gradients that are not finite")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        self._norms = []
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        super().on_epoch_end(epoch, logs)
        logs = logs or {}
        self._judge_loss(logs)
        if self._seam:
            self._judge_norms(logs)
        self._judge_progress(epoch, logs)
        if epoch >= self.limits_from:
            self._judge_limits(logs)

    def _judge_loss(self, logs) -> None:
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise FailedTrialError(f"non-finite: {name} is {logs[name]}")

    def _judge_norms(self, logs) -> None:
        norms = np.concatenate(self._norms) if self._norms else np.empty(0)
        if not len(norms):
            raise FailedTrialError("non-finite: no step of an epoch had finite gradients")
        median = float(np.median(norms))
        if median > self.explosion:
            raise FailedTrialError(f"exploding: the median gradient norm is {median:.3g}, above {self.explosion:g}")
        if median < self.vanishing and logs.get("loss", 0.0) > SOLVED:
            raise FailedTrialError(f"vanished: the median gradient norm is {median:.3g}, below {self.vanishing:g}")

    def _judge_progress(self, epoch, logs) -> None:
        if not isinstance(self.chance, Baseline) or self.monitor is None or self.monitor[0] not in logs:
            return
        (name, mode), chance = self.monitor, self.chance
        sign = 1 if mode == "max" else -1
        self._best = max(self._best, sign * logs[name])
        trained = epoch + 1 >= chance.epochs and int(self.model.optimizer.iterations.numpy()) >= chance.steps
        if trained and self._best <= sign * chance.score:
            best = sign * self._best
            raise FailedTrialError(
                f"chance: the best {name} of {epoch + 1} epochs is {best:.4g}, no better than {chance.score:.4g}"
            )

    def _judge_limits(self, logs) -> None:
        for name, limit in self.limits.items():
            small = {**GRADIENTS, **THROUGH_TIME}[name] == "min"
            value = logs.get(name, math.nan)
            if value > limit if small else value < limit:
                raise FailedTrialError(f"limit: {name} is {value:.4g}, {'above' if small else 'below'} {limit:g}")


class OutOfTime(Exception):  # noqa: N818  (no error: a budget is used up)
    """The time of a search is over."""


class TimeLimit(keras.callbacks.Callback):
    """Ends a training with the epoch in which it exceeds a number of seconds."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() - self._start > self.seconds:
            self.model.stop_training = True
