"""A trial in a process of its own: `python -m rnnkit.tuning.isolated JOB PARENT`."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnkit.errors import ArgumentError

JOB, ANSWER = "job.pickle", "answer.json"


@dataclass
class Isolated:
    """Runs trials of a tuner in processes of their own.

    Args:
        settings: the arguments of `make_tuner`; with the data, they must be picklable.
    """

    settings: dict[str, Any]

    def __call__(self, tuner, trial, fit_args, fit_kwargs):
        """The histories of a trial.

        Raises:
            FailedTrialError: the trial failed there, or its process was killed.
        """
        from keras.callbacks import History
        from keras_tuner.errors import FailedTrialError

        folder = Path(tuner.get_trial_dir(trial.trial_id))
        job, answer = folder / JOB, folder / ANSWER
        answer.unlink(missing_ok=True)
        job.write_bytes(self._pickled(trial.trial_id, fit_args, fit_kwargs))
        try:
            command = [sys.executable, "-m", "rnnkit.tuning.isolated", str(job), str(os.getpid())]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        finally:
            job.unlink(missing_ok=True)
        if not answer.is_file():
            last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
            raise FailedTrialError(f"the trial's process ended with code {done.returncode}: {last}")
        said = json.loads(answer.read_text(encoding="utf-8"))
        if "failed" in said:
            raise FailedTrialError(said["failed"])
        histories = []
        for logs in said["histories"]:
            histories.append(History())
            histories[-1].history = logs
        return histories

    def _pickled(self, *trial) -> bytes:
        try:
            return pickle.dumps((self.settings, trial))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ArgumentError(
                f"isolate: {error}. What goes to another process must be importable there: no lambda, and no "
                "class that was defined in a script."
            ) from error


def main(job: Path, parent: int) -> None:
    """Runs the trial of a job file and leaves its answer beside it; ends when its parent does."""
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    settings, (trial_id, fit_args, fit_kwargs) = pickle.loads(job.read_bytes())
    from rnnkit.tuning.folder import write_json
    from rnnkit.tuning.guided import in_a_line
    from rnnkit.tuning.tuners import make_tuner

    tuner = make_tuner(**settings)
    try:
        histories = tuner.run_trial(tuner.oracle.get_trial(trial_id), *fit_args, **fit_kwargs)
    except Exception as error:
        answer: dict[str, Any] = {"failed": in_a_line(error)}
    else:
        logs = [{name: list(map(float, values)) for name, values in each.history.items()} for each in histories]
        answer = {"histories": logs}
    write_json(job.with_name(ANSWER), answer)


def _end_with_parent(parent: int) -> None:
    """A search that was killed must not leave a trial behind that writes into its folder."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(Path(sys.argv[1]), int(sys.argv[2]))
