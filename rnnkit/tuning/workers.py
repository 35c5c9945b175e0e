"""Several processes on this machine that share a search."""

import contextlib
import functools
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnkit.errors import ArgumentError
from rnnkit.tuning.chief import Chief
from rnnkit.tuning.full_disk import check_exit_code
from rnnkit.tuning.processes import command, environment, hand_over, last_line, pickled

LOOPBACK = "127.0.0.1"


@dataclass
class Workers:
    """Runs the trials of a tuner in several processes, which this one leads, on the devices that it uses.

    A worker that is killed is started again and gets its trial back; of a trial that ends its worker twice the failure
    is noted, and the search goes on. What a worker says is in `WORKER.log` in the search's folder.

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
            command("rnnkit.tuning.worker"),
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
