"""The errors a user can meet. Each is also the standard error a caller would expect."""

import re
import shlex
from collections.abc import Callable

_ARGUMENT = re.compile(r"<(\w+)(?:=([^>]*))?>")
_X_OR_Y = re.compile(r"\A[xy]: ")  # arguments of `fit`, which no command has


def in_python(name: str, value: str | None = None) -> str:
    """An argument as a program gives it: `encoding="cp1252"`, or `encoding=` without a value."""
    if value is None or value in ("True", "False", "None"):
        return f"{name}={value or ''}"
    parts = value.split(",") if len(value) > 1 else [value]
    listed = ", ".join(part if part.isdecimal() else f'"{part}"' for part in parts)
    return f"{name}=({listed})" if len(parts) > 1 else f"{name}={listed}"


def in_shell(name: str, value: str | None = None) -> str:
    """An argument as the command line takes it: `--encoding cp1252`; False and None become `--no-NAME`."""
    option = name.replace("_", "-")
    if value in ("False", "None"):
        return f"--no-{option}"
    return f"--{option}" if value in (None, "True") else f"--{option} {shlex.quote(value)}"


class Told(Exception):  # noqa: N818 - no error by itself
    """What is said to the user, with advice in the words of a program or of a shell.

    Args:
        message: what is wrong; an argument that it is about stands at its start, as in `encoding: expected ...`.
        advice: what to do. It holds no data of the user's, and names arguments as `<encoding=cp1252>`, or as
            `<encoding>` where the value is open, so that `told` can put them into the words of a program or a shell.
    """

    def __init__(self, message: str = "", *, advice: str = ""):
        super().__init__(message)
        self.advice = advice

    def told(self, argument: Callable[[str, str | None], str] = in_python) -> str:
        """Message and advice.

        Args:
            argument: puts an argument, its name and its value or None, into the reader's words; `in_shell` is for
                somebody at a command line.
        """
        words = _ARGUMENT.sub(lambda found: argument(found[1], found[2]), self.advice)
        message = super().__str__()
        if argument is in_shell:
            message = _X_OR_Y.sub("data: ", message)
        return f"{message} {words}".strip()

    def __str__(self) -> str:
        return self.told()


class RnnkitError(Told):
    """Base of every error that rnnkit raises on purpose."""


class DataNotice(Told, UserWarning):
    """What a reader of files took for what, or left out; a warning."""


class ArgumentError(RnnkitError, ValueError):
    """An argument has a value that cannot be used."""


class PackageError(ArgumentError, ImportError):
    """What was asked for needs a package that is not installed."""


class DataError(RnnkitError, ValueError):
    """Data, a column or a file does not have the form that was asked for."""


class DownloadError(RnnkitError, OSError):
    """A public data set could not be fetched, or arrived with the wrong bytes."""


class ModelFileError(RnnkitError, OSError):
    """A saved model cannot be read."""


class DeviceError(RnnkitError, RuntimeError):
    """The device that was asked for is not there."""


class WriteError(RnnkitError, OSError):
    """Something cannot be written: the disk is full, or the folder is read-only."""


class ResumeError(RnnkitError, RuntimeError):
    """A saved training cannot be gone on with."""
