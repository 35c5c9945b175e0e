"""Ended from outside: what the shell sees of Ctrl-C, SIGTERM and a disk that is full."""

import contextlib
import errno
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rnnkit.errors import RnnkitError, WriteError

SIGNALS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated"}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Ended(BaseException):
    """This process was told to end.

    Args:
        number: of the signal.

    Attributes:
        kept: what is there, and how to go on.
    """

    def __init__(self, number: int):
        super().__init__(number)
        self.number, self.kept = number, ""

    def __str__(self):
        return f"{SIGNALS[signal.Signals(self.number)]}. {self.kept}".strip()


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Within, SIGINT and SIGTERM end what is done with a line on standard error and the code that shells know.

    A second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    except Ended as ended:
        print(ended, file=sys.stderr)
        sys.exit(128 + ended.number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame) -> None:
    signal.signal(number, signal.SIG_DFL)
    raise Ended(number)


@contextlib.contextmanager
def can_go_on(kept: str) -> Iterator[None]:
    """Within, whoever is ended by a signal or a disk reads what is kept and how to continue.

    Raises:
        WriteError: in the place of an `OSError`.
    """
    try:
        yield
    except Ended as ended:
        ended.kept = kept
        raise
    except OSError as error:
        if isinstance(error, RnnkitError) and not isinstance(error, WriteError):
            raise
        raise WriteError(f"{in_words(error)} {kept}") from error


def resume_words(folder: Path) -> str:
    """How an unfinished run is resumed, or its best epoch kept."""
    line = shlex.join(["rnnkit", "run", "--resume", str(folder)])
    return f"Resume with: {line} (with --finish, the best epoch so far is kept instead)"


def in_words(error: OSError) -> str:
    """An error of the system, and what to do about it."""
    if isinstance(error, RnnkitError):
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    advice = " Make room first." if error.errno in FULL else ""
    return f"{where}{error.strerror or error}.{advice}"


def same_command(out: Path | None, folder: Path | None) -> str:
    """The command that is running, so that it continues in its folder.

    Args:
        out: the folder that was named, or None.
        folder: the one that is used.
    """
    given = [each for each in sys.argv[1:] if each != "--overwrite"]
    return shlex.join(["rnnkit", *given, *([] if out else ["--out", str(folder)])])


def flush_output() -> None:
    """Writes what is still to be written on standard output, so that an error of it is not said by Python at the end.

    Raises:
        OSError: it cannot be written, and not for want of a reader; what is left is dropped.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            raise
