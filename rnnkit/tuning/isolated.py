"""A trial in a process of its own: `python -m rnnkit.tuning.isolated JOB PARENT`."""

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnkit.tuning.processes import command, end_with, environment, last_line, pickled

JOB, ANSWER = "job.pickle", "answer.json"


@dataclass
class Isolated:
    """Runs trials of a tuner in processes of their own, on the devices that this one uses.

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
        job.write_bytes(pickled("isolate", self.settings, fit_args, fit_kwargs))
        try:
            start = command("rnnkit.tuning.isolated", job)
            done = subprocess.run(start, capture_output=True, text=True, check=False, env=environment())
        finally:
            job.unlink(missing_ok=True)
        if not answer.is_file():
            raise FailedTrialError(f"the trial's process ended with code {done.returncode}: {last_line(done.stderr)}")
        said = json.loads(answer.read_text(encoding="utf-8"))
        if "failed" in said:
            raise FailedTrialError(said["failed"])
        histories = []
        for logs in said["histories"]:
            histories.append(History())
            histories[-1].history = logs
        return histories


def main(job: Path, parent: int) -> None:
    """Runs the trial of a job file and leaves its answer beside it; ends when its parent does."""
    end_with(parent)
    settings, fit_args, fit_kwargs = pickle.loads(job.read_bytes())
    from keras_tuner.engine.trial import Trial

    from rnnkit.tuning.folder import write_json
    from rnnkit.tuning.tuners import make_tuner
    from rnnkit.tuning.words import in_a_line

    tuner = make_tuner(**settings)
    try:
        histories = tuner.run_trial(Trial.load(job.with_name("trial.json")), *fit_args, **fit_kwargs)
    except Exception as error:
        answer: dict[str, Any] = {"failed": in_a_line(error)}
    else:
        logs = [{name: list(map(float, values)) for name, values in each.history.items()} for each in histories]
        answer = {"histories": logs}
    write_json(job.with_name(ANSWER), answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
