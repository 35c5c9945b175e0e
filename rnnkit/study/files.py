"""Files in a folder of ours: written whole, and read with distrust."""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnkit.errors import ArgumentError, DataError

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def write_text(path: str | os.PathLike, text: str) -> str:
    """Writes so that the file is the old one or the new one, whenever the process is killed; returns the text.

    Raises:
        OSError: it cannot be written; no part of it is left then.
    """
    temporary = Path(f"{path}.new")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # half a file would keep its folder from being used
        raise
    return text


def write_json(path: str | os.PathLike, value: Mapping[str, Any]) -> str:
    """Writes JSON as `write_text` does; returns its text."""
    return write_text(path, json.dumps(value, indent=2) + "\n")


def write_page(path: Path, page: str) -> Path:
    """Writes a page where it was asked for, and returns where.

    Raises:
        ArgumentError: it cannot be written.
    """
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ArgumentError(f"out: {path} cannot be written ({error.strerror}). Name another file.") from error
    return path


def cannot_write(error: Exception) -> bool:
    """Whether an error is one of the disk."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run.

    Raises:
        DataError: there is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"run: {path} cannot be read as JSON ({error}). Was the run finished?") from error
    if not isinstance(found, dict):
        raise DataError(f"run: {path} is not a JSON object, but a {type(found).__name__}.")
    return found


def check_inside(folder: Path) -> None:
    """Sees that nothing in a folder and its folders would be read without end, or written elsewhere.

    Raises:
        DataError: a link that leads out of it, a pipe or a device.
    """
    own = folder.resolve()
    for path in [*folder.glob("*"), *folder.glob("*/*")]:  # those hold no others
        if path.is_symlink() and not path.resolve().is_relative_to(own):
            raise DataError(f"run: {path} is a link to outside of its folder. Replace it by a copy.")
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"run: {path} is a pipe or a device. Remove it.")
