"""A disk that is full or read-only ends a search: no trial is to blame, and each that came after would fail."""

import contextlib
import sys
from collections.abc import Iterator

from keras_tuner.errors import FatalError

from rnnkit.errors import WriteError
from rnnkit.study.files import cannot_write

EXIT_CODE = 74  # of a process that could not write, as in sysexits.h


class UnwritableError(WriteError, FatalError):
    """A trial that could not write; KerasTuner lets it pass."""


@contextlib.contextmanager
def ends_a_search() -> Iterator[None]:
    """Within a trial.

    Raises:
        UnwritableError: in the place of an error of the disk.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, UnwritableError) or not cannot_write(error):
            raise
        raise UnwritableError(f"{error.filename or 'directory'}: {error.strerror}.") from error


@contextlib.contextmanager
def told_by_exit_code() -> Iterator[None]:
    """Within a process of a search: tells the one that started it about a full disk."""
    try:
        yield
    except OSError as error:
        if not (isinstance(error, UnwritableError) or cannot_write(error)):
            raise
        print(error, file=sys.stderr)
        sys.exit(EXIT_CODE)


def check_exit_code(code: int, said: str) -> None:
    """Raises what `told_by_exit_code` tells.

    Args:
        code: of a process that has ended.
        said: the last line of its output.
    """
    if code == EXIT_CODE:
        raise UnwritableError(said)
