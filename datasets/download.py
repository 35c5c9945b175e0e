"""Files of public data sets: fetched once, checked by digest, and in the cache folder either whole or not at all."""

import errno
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rnnkit.datasets.source import SourceFile
from rnnkit.errors import DownloadError

TIMEOUT = 30  # seconds without a byte
CHUNK = 2**16
MOST = 2**30  # bytes of a file; a server that never ends would fill the disk
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a full disk says
LARGE = 1_000_000  # bytes: below this a bar is shown on a terminal only
STALE = 3600  # seconds: a download that has not written for so long was killed


def ensure(file: SourceFile, folder: Path) -> Path:
    """The path of a file in the cache folder, downloaded first if it is not there; its digest is checked either way.

    Args:
        file: name, address and digest.
        folder: the data set's cache folder.

    Returns:
        The path of the file, whose bytes have the digest.

    Raises:
        DownloadError: it cannot be fetched or written, or has another digest. A file that was just downloaded is then
            deleted; one that was there before is left alone.
    """
    target = folder / file.name
    if not target.exists():
        download(file, folder)
        return target
    try:
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DownloadError(f"{target} cannot be read: {error}. Remove or replace it.") from error
    if digest != file.sha256:
        raise DownloadError(f"{target} {_wrong(digest, file)} Remove or replace that file; rnnkit leaves it as it is.")
    return target


def download(file: SourceFile, folder: Path) -> None:
    """Download one file into a folder under a temporary name, check it, then give it its name.

    Whatever goes wrong, `KeyboardInterrupt` included, the temporary file is removed. One that a killed process left
    behind is removed by the next download of that file.

    Args:
        file: name, address and digest.
        folder: where it goes; made if it does not exist.

    Raises:
        DownloadError: the server refuses, cannot be reached or stops half-way, the digest is wrong, or the folder
            cannot be written to.
    """
    part = folder / f".{file.name}.{uuid.uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(file, folder)
        out = part.open("xb")
    except OSError as error:
        raise DownloadError(_unwritable(folder, error)) from error
    try:
        with out:
            digest = _fetch(file, out, folder / file.name)
        if digest != file.sha256:
            raise DownloadError(f"{file.url} {_wrong(digest, file)} The download was deleted.")
        os.replace(part, folder / file.name)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(_unwritable(folder, error)) from error
    finally:
        part.unlink(missing_ok=True)


def _fetch(file: SourceFile, out: BinaryIO, target: Path) -> str:
    """Stream the address into `out`; returns the digest."""
    by_hand = f"To go on without this download, put the file from {file.url} at {target} by hand."
    try:
        with urlopen(Request(file.url, headers={"User-Agent": "rnnkit"}), timeout=TIMEOUT) as response:
            size = response.length or 0  # 0: the server does not say
            with reading(response, size or file.size or 0, file.name) as stream:
                digest = _copy(stream, out)
    except HTTPError as error:
        error.close()
        raise DownloadError(f"{file.url} answered {error.code} {error.reason}. {by_hand}") from error
    except URLError as error:
        raise DownloadError(f"{file.url} cannot be reached: {error.reason}. {by_hand}") from error
    except (OSError, HTTPException) as error:
        if getattr(error, "errno", None) in FULL:
            raise DownloadError(_unwritable(target.parent, error)) from error
        reason = f"{type(error).__name__}: {error}"
        raise DownloadError(f"{file.url}: the download stopped: {reason}. {by_hand}") from error
    if out.tell() < size:  # urllib takes a connection that is cut for the end of the file
        raise DownloadError(f"{file.url}: the download stopped after {out.tell()} of {size} bytes. {by_hand}")
    return digest


def _copy(stream: BinaryIO, out: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        out.write(chunk)
        digest.update(chunk)
        if out.tell() > MOST:
            raise OSError(f"it has more than {MOST} bytes")
    return digest.hexdigest()


def _unwritable(folder: Path, error: Exception) -> str:
    return (
        f"the cache folder {folder} cannot be written to: {error}. "
        "Make room, or pass directory=, or set RNNKIT_DATA_DIR, to a folder that can."
    )


def _wrong(digest: str, file: SourceFile) -> str:
    return f"has the wrong bytes: expected sha256 {file.sha256}, got {digest}."


def _remove_stale(file: SourceFile, folder: Path) -> None:
    for part in folder.glob(f".{file.name}.*.part"):
        with suppress(FileNotFoundError):  # another process may do the same
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


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
