"""A progress bar that follows the reading of a file or of a download."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

LARGE = 1_000_000  # bytes: below this a bar is shown on a terminal only


@contextmanager
def reading(stream: BinaryIO, size: int, description: str) -> Iterator[BinaryIO]:
    """Show on stderr how much of a stream has been read.

    Args:
        stream: what is read.
        size: its length in bytes.
        description: what the bar is called.

    Yields:
        A stream to read from instead.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=size < LARGE and not console.is_terminal) as progress:
        yield progress.wrap_file(stream, total=size, description=description)
