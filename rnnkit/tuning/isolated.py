"""A trial in a process of its own: `python -m rnnkit.tuning.isolated PARENT FOLDER`."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnkit.tuning.full_disk import UnwritableError, check_exit_code, told_by_exit_code
from rnnkit.tuning.processes import command, end_with, environment, last_line, pickled, taken_job

ANSWER = "answer.json"


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
        answer = folder / ANSWER
        answer.unlink(missing_ok=True)
        job = pickled("isolate", self.settings, fit_args, fit_kwargs)
        start = command("rnnkit.tuning.isolated", folder)
        done = subprocess.run(start, input=job, capture_output=True, check=False, env=environment())
        if not answer.is_file():
            words = last_line(done.stderr.decode(errors="replace"))
            check_exit_code(done.returncode, words)
            raise FailedTrialError(f"the trial's process ended with code {done.returncode}: {words}")
        said = json.loads(answer.read_text(encoding="utf-8"))
        if "failed" in said:
            raise FailedTrialError(said["failed"])
        histories = []
        for logs in said["histories"]:
            histories.append(History())
            histories[-1].history = logs
        return histories


def main(parent: int, folder: Path) -> None:
    """Runs the trial in a folder and leaves its answer there; ends when its parent does."""
    end_with(parent)
    settings, fit_args, fit_kwargs = taken_job()
    from keras_tuner.engine.trial import Trial

    from rnnkit.study.files import write_json
    from rnnkit.tuning.tuners import make_tuner
    from rnnkit.tuning.words import in_a_line

    tuner = make_tuner(**settings)
    try:
        histories = tuner.run_trial(Trial.load(folder / "trial.json"), *fit_args, **fit_kwargs)
    except UnwritableError:
        raise
    except Exception as error:
        answer: dict[str, Any] = {"failed": in_a_line(error)}
    else:
        logs = [{name: list(map(float, values)) for name, values in each.history.items()} for each in histories]
        answer = {"histories": logs}
    write_json(folder / ANSWER, answer)


if __name__ == "__main__":
    with told_by_exit_code():
        main(int(sys.argv[1]), Path(sys.argv[2]))
