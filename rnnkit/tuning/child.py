"""What runs in a process of its own: one trial, or a worker of a search that several processes share.

`python -m rnnkit.tuning.child PARENT [FOLDER]`, with the folder of the trial.
"""

import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from rnnkit.tuning.full_disk import UnwritableError, told_by_exit_code


def run_worker() -> None:
    """Runs trials as long as the chief has some."""
    from rnnkit.tuning.tuners import make_tuner

    settings, minutes, isolated, fit_args, fit_kwargs = taken_job()
    tuner = make_tuner(**settings)
    tuner.minutes, tuner.isolated = minutes, isolated
    tuner.search(*fit_args, **fit_kwargs)


def run_trial(folder: Path) -> None:
    """Runs the trial in a folder and writes its answer there."""
    settings, fit_args, fit_kwargs = taken_job()
    from keras_tuner.engine.trial import Trial

    from rnnkit.study.files import write_json
    from rnnkit.tuning.processes import ANSWER
    from rnnkit.tuning.results import in_a_line
    from rnnkit.tuning.tuners import make_tuner

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


def taken_job() -> tuple:
    """What the parent of this process has handed over, with `pickled`."""
    return pickle.loads(sys.stdin.buffer.read())


def end_with(parent: int) -> None:
    """From now on this process ends when its parent does: a search that was killed must not leave one that writes.

    A Ctrl-C, which a terminal sends to both, is the parent's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    with told_by_exit_code():
        end_with(int(sys.argv[1]))
        run_trial(Path(sys.argv[2])) if len(sys.argv) > 2 else run_worker()
