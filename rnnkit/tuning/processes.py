"""Trials in other processes of this machine: one process per trial, or several that share a search.

A job is code and data that only this process may say, so it goes through a pipe: what lies in the folder of a search is
never unpickled. `rnnkit.tuning.child` is what runs there.
"""

import contextlib
import functools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from keras.callbacks import History
from keras_tuner.errors import FailedTrialError

from rnnkit.errors import ArgumentError
from rnnkit.tuning.chief import Chief
from rnnkit.tuning.full_disk import check_exit_code

ANSWER = "answer.json"
LOOPBACK = "127.0.0.1"


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
        folder = Path(tuner.get_trial_dir(trial.trial_id))
        answer = folder / ANSWER
        answer.unlink(missing_ok=True)
        job = pickled("isolate", self.settings, fit_args, fit_kwargs)
        start = command(folder)
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


@dataclass
class Workers:
    """Runs the trials of a tuner in several processes, which this one leads, on the devices that it uses.

    A worker that is killed is restarted and gets its trial back; of a trial that ends its worker twice the failure
    is recorded, and the search continues. The output of a worker is in `WORKER.log` in the search's folder.

    Args:
        count: how many.
        settings: the arguments of `make_tuner`; with the data, they must be picklable.
    """

    count: int
    settings: dict[str, Any]

    def __call__(self, tuner, *fit_args, **fit_kwargs):
        """Searches to the end.

        Raises:
            ArgumentError: no worker is left.
            WriteError: they cannot write into the folder.
        """
        folder = Path(tuner.project_dir)
        job = pickled("workers", self.settings, tuner.minutes, tuner.isolated, fit_args, fit_kwargs)
        chief = Chief(tuner)
        with chief.listening(f"{LOOPBACK}:0") as port, contextlib.ExitStack() as stack:
            start = functools.partial(_start, stack, job, folder, port)
            crew = {name: start(name) for name in map("worker-{}".format, range(self.count))}
            while not chief.is_done and crew:
                time.sleep(0.2)
                ended = {name: process for name, process in crew.items() if process.poll() is not None}
                for name, process in ended.items():
                    del crew[name]
                    reason = _reason(process.returncode, folder / f"{name}.log")
                    if process.returncode and chief.lost(name, reason):
                        crew[name] = start(name)
        if not chief.stop_triggered:
            raise ArgumentError(f"workers: none is left, {reason}. See {folder / name}.log.")


def _start(stack: contextlib.ExitStack, job: bytes, folder: Path, port: int, name: str) -> subprocess.Popen:
    """A worker, which is killed when the stack is left."""
    own = {"KERASTUNER_TUNER_ID": name, "KERASTUNER_ORACLE_IP": LOOPBACK, "KERASTUNER_ORACLE_PORT": str(port)}
    own["no_grpc_proxy"] = LOOPBACK
    with (folder / f"{name}.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**environment(), **own},
        )
    hand_over(job, process.stdin)  # type: ignore[arg-type]
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _reason(code: int, log: Path) -> str:
    """How a worker has ended; raises where the disk is to blame."""
    if code < 0:
        return f"its worker was killed ({signal.Signals(-code).name})"
    said = last_line(log.read_text(encoding="utf-8", errors="replace"))
    check_exit_code(code, said)
    return f"its worker ended with code {code}: {said}"


def command(folder: Path | None = None) -> list[str]:
    """What starts a child, for the trial in a folder or as a worker; it reads its job from its standard input."""
    return [sys.executable, "-m", "rnnkit.tuning.child", str(os.getpid()), *([] if folder is None else [str(folder)])]


def environment() -> dict[str, str]:
    """The environment of a process that runs on the devices of this one, and leaves room on a GPU for its siblings."""
    own = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {**os.environ, **own, **({"CUDA_VISIBLE_DEVICES": "-1"} if _gpus_are_hidden() else {})}


def pickled(argument: str, *things) -> bytes:
    """Things as bytes for another process.

    Raises:
        ArgumentError: something that cannot be sent; `argument` is what asked for processes.
    """
    try:
        return pickle.dumps(things)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"{argument}: {error}. What goes to another process must be importable there: no lambda, and no "
            "class that was defined in a script."
        ) from error


def hand_over(job: bytes, pipe: IO[bytes]) -> None:
    """Writes a job into a process's standard input, in the background."""

    def write() -> None:
        with contextlib.suppress(OSError), pipe:  # it may have ended
            pipe.write(job)

    threading.Thread(target=write, daemon=True).start()


def last_line(text: str) -> str:
    """The last line of a process's output."""
    return (text.strip().splitlines() or ["it printed nothing"])[-1]


def _gpus_are_hidden() -> bool:
    """Whether this process was told to leave its GPUs alone (see `use_device`)."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU")) and not tf.config.get_visible_devices("GPU")
