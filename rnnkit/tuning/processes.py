"""Processes of their own, for a trial or for a worker: what they are given, where they run, and how they end.

A job is code and data that only this process may say, so it goes through a pipe: what lies in the folder of a search is
never unpickled.
"""

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

from rnnkit.errors import ArgumentError


def command(module: str, folder: Path | None = None) -> list[str]:
    """What starts a module's `main`, on a folder where it needs one; it reads its job from its standard input."""
    return [sys.executable, "-m", module, str(os.getpid()), *([] if folder is None else [str(folder)])]


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
    """Writes a job into a process's standard input, while this one goes on."""

    def write() -> None:
        with contextlib.suppress(OSError), pipe:  # it may have ended
            pipe.write(job)

    threading.Thread(target=write, daemon=True).start()


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


def last_line(text: str) -> str:
    """The last line of what a process has said."""
    return (text.strip().splitlines() or ["nothing was said"])[-1]


def _gpus_are_hidden() -> bool:
    """Whether this process was told to leave its GPUs alone (see `use_device`)."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU")) and not tf.config.get_visible_devices("GPU")
