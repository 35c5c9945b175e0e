"""A KerasTuner tuner that keeps its budget, says why trials failed, and goes on after a kill."""

import contextlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner

from rnnkit.errors import ArgumentError
from rnnkit.tuning.corrections import whole_files, without_noise
from rnnkit.tuning.folder import write_json
from rnnkit.tuning.results import importance, results_frame

if TYPE_CHECKING:
    import pandas as pd

RECORD = "record.json"


class GuidedSearch(keras_tuner.Tuner):
    """What `tune` adds to a tuner of KerasTuner; its tuners are also of KerasTuner's class for the algorithm.

    Attributes:
        minutes: the time for all trials, those of earlier calls in the same folder included; None is without limit.
        say: called with a line after each trial; None is silent.
        isolated: how a trial is run in a process of its own, or None.
    """

    minutes: float | None = None
    say: Callable[[str], None] | None = None
    isolated: Callable | None = None

    @property
    def results(self) -> "pd.DataFrame":
        """One row a trial, in their order.

        `trial`, `status` (`completed`, `failed`, `running`), `reason` (why it failed, or was cut short), the
        hyperparameters, `score` (the objective), the metrics of the best epoch, `seconds` of training, `epochs`,
        `parameters`, `wall` (seconds of the whole trial), `grad_norm`, `grad_norm_max`, `clip_rate`, `skipped_steps`,
        and where measured `gain_min`, `gain_max`, `horizon_min`: of the best epoch, and for a failed trial over all its
        steps.
        """
        return results_frame(self)

    @property
    def importance(self) -> "pd.Series":
        """How much of the objective's variance each hyperparameter explains by itself, from 0 to 1, largest first.

        See `rnnkit.tuning.results.importance`; of few trials it tells little.
        """
        return importance(self)

    def plot(self):
        """A `matplotlib.figure.Figure`: the objective over the trials, and `importance`."""
        from rnnkit.tuning.plot import search_figure

        return search_figure(self)

    def best_model(self) -> keras.Model:
        """The best trial's model with the weights of its best epoch, ready to evaluate and to save.

        Raises:
            ArgumentError: no trial was completed.
        """
        return self.load_model(self._best_trial())

    def load_model(self, trial) -> keras.Model:
        """As in KerasTuner, with the state of the optimizer besides."""
        folder = Path(self.get_trial_dir(trial.trial_id))
        model = self._try_build(trial.hyperparameters)
        if not model.built:
            model.build_from_config(json.loads((folder / "build_config.json").read_text(encoding="utf-8")))
        model.optimizer.build(model.trainable_variables)
        model.load_weights(folder / "checkpoint.weights.h5")
        return model

    @property
    def spent(self) -> float:
        """Seconds that all finished trials took."""
        return sum(self.record(trial).get("wall", 0.0) for trial in self._ended())

    def record(self, trial_id: str) -> dict[str, Any]:
        """What was measured in a trial, and the `reason` of its failure; empty for one that has not ended."""
        path = Path(self.get_trial_dir(trial_id)) / RECORD
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def search(self, *fit_args, **fit_kwargs):
        """Runs trials until a budget is used up; what has been done already is not done again.

        Raises:
            ArgumentError: all trials have failed; with the reasons.
        """
        with whole_files(), without_noise(), contextlib.suppress(OutOfTime):
            self.save()
            super().search(*fit_args, **{**fit_kwargs, "verbose": 0})
        self._write_results()
        self._best_trial()

    def pre_create_trial(self):
        if self._left() <= 0:
            raise OutOfTime

    def on_trial_begin(self, trial):
        trial.metrics = type(trial.metrics)()  # a killed run of this trial may have left some
        super().on_trial_begin(trial)

    def run_trial(self, trial, *fit_args, **fit_kwargs):
        start, left, reason = time.monotonic(), self._left(), ""
        path = Path(self.get_trial_dir(trial.trial_id)) / RECORD
        path.unlink(missing_ok=True)
        self.hypermodel.measured = {}
        if left < math.inf:
            fit_kwargs["callbacks"] = [*fit_kwargs.get("callbacks", ()), TimeLimit(left)]
        try:
            if self.isolated is not None:
                return self.isolated(self, trial, fit_args, fit_kwargs)
            return super().run_trial(trial, *fit_args, **fit_kwargs)
        except Exception as error:
            reason = in_a_line(error)
            raise
        finally:
            measured, wall = self.hypermodel.measured or self.record(trial.trial_id), time.monotonic() - start
            reason = reason or ("cut short by the time budget" if wall > left else "")
            record = {**measured, "reason": reason, "wall": round(wall, 3)}
            write_json(path, record)

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        self._write_results()
        if self.say is not None:
            self.say(self._line(trial.trial_id))

    def _left(self) -> float:
        """Seconds of the time budget that are left."""
        return math.inf if self.minutes is None else 60 * self.minutes - self.spent

    def _ended(self) -> list[str]:
        return list(self.oracle.end_order)

    def _best_trial(self):
        [best] = self.oracle.get_best_trials(1) or [None]
        if best is None:
            raise ArgumentError("max_trials, minutes: no trial was run. Give a larger budget.")
        if best.status != "COMPLETED":
            rows = self.results
            reasons = rows.groupby("reason").size().sort_values(ascending=False)
            words = "; ".join(f"{reason} ({count} of {len(rows)})" for reason, count in list(reasons.items())[:5])
            raise ArgumentError(f"space: every trial has failed: {words}. See {self.project_dir}/results.csv.")
        return best

    def _write_results(self) -> None:
        path = Path(self.project_dir) / "results.csv"
        temporary = path.with_suffix(".new")
        self.results.to_csv(temporary, index=False)
        temporary.replace(path)

    def _line(self, trial_id: str) -> str:
        """What came of a trial, how much of the budget is used, and the best so far."""
        table = self.results.set_index("trial")
        row, name = table.loc[trial_id], self.oracle.objective.name
        ended = len(self._ended())
        budget = [f"trial {ended}" + (f" of {self.oracle.max_trials}" if self.oracle.max_trials else "")]
        budget.append(_clock(self.spent) + (f" of {_clock(60 * self.minutes)}" if self.minutes else ""))
        if row["status"] == "failed":
            outcome = f"failed after {row['wall']:.0f} s: {row['reason']}"
        else:
            outcome = f"{name} {row['score']:.4f} in {row['wall']:.0f} s"
        best = self.oracle.get_best_trials(1)[0]
        said = f"best {best.score:.4f} (trial {best.trial_id})" if best.status == "COMPLETED" else "none completed yet"
        return "  ".join([*budget, outcome, said])


class OutOfTime(Exception):  # noqa: N818  (no error: a budget is used up)
    """The time of a search is over."""


class TimeLimit(keras.callbacks.Callback):
    """Ends a training at the end of the epoch in which it has lasted longer than so many seconds."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() - self._start > self.seconds:
            self.model.stop_training = True


def in_a_line(error: Exception) -> str:
    """An error in a line."""
    words = " ".join(str(error).split())[:300]
    known = type(error).__name__ in ("FailedTrialError", "ArgumentError", "DataError")
    return words if known else f"{type(error).__name__}: {words}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
