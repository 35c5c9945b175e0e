"""A KerasTuner tuner that keeps its budget, records why trials failed, and resumes after it was killed."""

import contextlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial

from rnnkit.compat import own_oracle, search_files_by, without_trial_tracebacks
from rnnkit.errors import ArgumentError
from rnnkit.study.files import read_json, write_json, write_text
from rnnkit.study.graphs import graphs_freed
from rnnkit.study.made import read_made
from rnnkit.study.work_folder import expect_intact
from rnnkit.tuning.chief import answered, part_in_search
from rnnkit.tuning.full_disk import ends_a_search
from rnnkit.tuning.results import RECORD, importance, in_a_line, read_record, results_frame, time_spent, trial_line
from rnnkit.tuning.trial_guard import OutOfTime, TimeLimit

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SEARCH = "search.json"  # what is searched, as `tune` writes it


class GuidedSearch(keras_tuner.Tuner):
    """What `tune` adds to a tuner of KerasTuner; its tuners are also of KerasTuner's class for the algorithm.

    Attributes:
        minutes: the time for all trials, those of earlier calls in the same folder included; None is without limit.
        say: called with a line after each trial; None is silent.
        isolated: how a trial is run in a process of its own, or None.
        lead: how the trials are distributed to other processes, or None.
    """

    minutes: float | None = None
    say: Callable[[str], None] | None = None
    isolated: Callable | None = None
    oracle: Any
    lead: Callable | None = None

    @property
    def is_worker(self) -> bool:
        """Whether this process runs trials that a chief elsewhere distributes."""
        return part_in_search() == "worker"

    @property
    def results(self) -> "pd.DataFrame":
        """One row per trial, in their order.

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
        return importance(self.results)

    def plot(self) -> "Figure":
        """A `matplotlib.figure.Figure`: the objective over the trials, and `importance`."""
        from rnnkit.tuning.plot import search_plot

        return search_plot(self.results, self.oracle.objective).figure()

    def best_model(self) -> keras.Model:
        """The best trial's model with the weights of its best epoch, ready to evaluate and to save.

        Raises:
            ArgumentError: no trial was completed.
        """
        return self.load_model(self._best_trial())

    def load_model(self, trial: Any) -> keras.Model:
        """As in KerasTuner, with the state of the optimizer besides."""
        folder = self._trial_folder(trial.trial_id)
        with expect_intact(self._folder):
            model = self.hypermodel.build(trial.hyperparameters)
            if not model.built:
                model.build_from_config(json.loads((folder / "build_config.json").read_text(encoding="utf-8")))
            model.optimizer.build(model.trainable_variables)
            model.load_weights(folder / "checkpoint.weights.h5")
        return model

    @property
    def spent(self) -> float:
        """Seconds in which trials ran that are finished; those of several processes at once count once."""
        return time_spent(self._folder)

    @property
    def time_left(self) -> float:
        """Seconds of the time budget that are left."""
        return math.inf if self.minutes is None else 60 * self.minutes - self.spent

    def record(self, trial_id: str) -> dict[str, Any]:
        """What was measured in a trial, and the `reason` of its failure; empty for one that has not ended."""
        return read_record(self._trial_folder(trial_id) / RECORD)

    def search(self, *fit_args: Any, **fit_kwargs: Any):
        """Runs trials until a budget is used up; finished trials are not repeated.

        Raises:
            ArgumentError: all trials have failed; with the reasons.
            DataError: files of earlier calls are damaged.
            OSError: the folder cannot be written; finished trials stay, and the same call resumes.
        """
        with self._resuming(), search_files_by(write_json), without_noise(), answered(), contextlib.suppress(OutOfTime):
            self.save()
            if self.lead is None:
                super().search(*fit_args, **{**fit_kwargs, "verbose": 0})
            else:
                self.lead(self, *fit_args, **{**fit_kwargs, "verbose": 0})
        if self.is_worker:
            self.oracle = own_oracle(self.oracle)
            self.oracle.reload()  # what the chief has written
        else:
            self._write_results()
            self._best_trial()

    def _resuming(self) -> contextlib.AbstractContextManager:
        """Checks the files of earlier calls in the folder, and reports damage from then on."""
        if self.is_worker or not self.oracle.trials:
            return contextlib.nullcontext()
        with expect_intact(self._folder):
            time_spent(self._folder)
            self._outputs()
        return expect_intact(self._folder)

    def pre_create_trial(self):
        if self.is_worker:
            time.sleep(0.1)  # a chief that has no trial yet is asked again and again
        elif self.time_left <= 0:
            raise OutOfTime

    def on_trial_begin(self, trial: Any):
        trial.metrics = type(trial.metrics)()  # a killed run of this trial may have left some
        if self.is_worker:  # a message rounds numbers, and changes the order of the hyperparameters
            trial.hyperparameters = Trial.load(self._trial_folder(trial.trial_id) / "trial.json").hyperparameters
        super().on_trial_begin(trial)

    def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any):
        with ends_a_search(), graphs_freed():
            return self._run_measured(trial, fit_args, fit_kwargs)

    def _run_measured(self, trial, fit_args, fit_kwargs):
        start, began, left, reason = time.monotonic(), time.time(), self.time_left, ""
        path = self._trial_folder(trial.trial_id) / RECORD
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
            write_json(path, {**measured, "reason": reason, "began": began, "wall": round(wall, 3)})

    def on_trial_end(self, trial: Any):
        super().on_trial_end(trial)
        if self.is_worker:
            return
        self._write_results()
        if self.say is not None:
            self.say(trial_line(self, trial.trial_id))

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
        for name, text in self._outputs().items():
            write_text(self._folder / name, text)

    def _outputs(self) -> dict[str, str]:
        """The files of the results by name."""
        from rnnkit.tuning.page import search_page

        trials, search = self.results, self._folder / SEARCH
        page = {}
        if search.is_file():
            page["report.html"] = search_page(read_json(search), trials, self.spent, read_made(self._folder))
        return {"results.csv": trials.to_csv(index=False), **page}

    @property
    def _folder(self) -> Path:
        return Path(self.project_dir)

    def _trial_folder(self, trial_id: str) -> Path:
        return Path(self.get_trial_dir(trial_id))


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Leaves out the traceback of each failed trial, and warnings that no user can do anything about."""
    with without_trial_tracebacks(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(currentThread|getName)\(\) is deprecated")
        warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)  # a log that was never a number
        warnings.filterwarnings("ignore", module="sklearn")
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # when Hyperband continues
        yield
