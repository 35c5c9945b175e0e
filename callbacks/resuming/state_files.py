"""The state of a training on disk: each save is one new file, complete or not there at all.

A file is a line that names the format, a line with the SHA-256 of all that follows, and a NumPy archive: arrays by
number, and a tree of plain values (JSON) in which they are named. Nothing in it is ever executed.
"""

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnkit.errors import ArgumentError, ResumeError

FORMAT = b"rnnkit training state 1\n"
KEPT = 2  # files: the newest, and the one before for when it is damaged
SUFFIX = ".state"
PLACE = ("epoch", "batch")
PARTS = ("identity", "seconds", "random at epoch", "random", "variables", "metrics", "stop_training", "callbacks")


class StateFiles:
    """The numbered saves in a folder.

    Args:
        folder: made by the first `write` where it is missing.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.number = 0  # of the save that was read or written last

    def read(self) -> Any:
        """The newest save that is whole; None if there is none at all.

        A damaged one is passed over with a warning, and replaced by the next `write`.

        Raises:
            ResumeError: all of them are damaged.
        """
        for number, state in self.intact():
            self.number = number
            return state
        return None

    def intact(self) -> Iterator[tuple[int, Any]]:
        """Numbers and states of the saves that are whole, the newest first; see `read`."""
        files, damaged = self._numbered(), 0
        for number, path in files:
            try:
                state = unpacked(path.read_bytes())
            except Exception as error:  # broken bytes make zipfile and NumPy raise errors of many types
                warnings.warn(f"Resume: {path} is damaged and is skipped: {error}.", stacklevel=2)
                damaged += 1
            else:
                yield number, state
        if files and damaged == len(files):
            raise ResumeError(
                f"directory: all saves in {self.folder} are damaged. Delete them to train from the start."
            )

    def write(self, state) -> None:
        """Saves plain values and arrays in lists and dicts, and drops what is older than the last two saves.

        Raises:
            ArgumentError: a value of another type.
            OSError: the disk is full, or the folder cannot be written; the earlier saves are then still there.
        """
        content = packed(state)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.number + 1:08d}{SUFFIX}"
        part = path.with_suffix(".part")
        try:
            _write(part, content)
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync(self.folder)
        self.number += 1
        for number, old in self._numbered():
            if number <= self.number - KEPT:
                old.unlink(missing_ok=True)

    def _numbered(self) -> list[tuple[int, Path]]:
        """Numbers and files, the newest first."""
        files = [path for path in self.folder.glob(f"*{SUFFIX}") if path.stem.isdecimal() and path.is_file()]
        return sorted(((int(path.stem), path) for path in files), reverse=True)


def check_parts(saved: Any, folder: str | os.PathLike) -> None:
    """Raises a `ResumeError` unless a save has all that `Resume` writes."""
    there = isinstance(saved, dict) and saved.keys() >= {*PLACE, *PARTS}
    if not there or not all(type(saved[name]) is int and saved[name] >= 0 for name in PLACE):
        raise ResumeError(f"directory: the saves in {folder} were not written by Resume. Name another folder.")


def packed(state) -> bytes:
    """Plain values and arrays in lists and dicts (with text for keys) as the content of a file."""
    arrays: list[np.ndarray] = []
    tree = json.dumps(_without_arrays(state, arrays)).encode()
    archive = io.BytesIO()
    named = {str(number): array for number, array in enumerate(arrays)}
    np.savez(archive, tree=np.frombuffer(tree, "uint8"), **named)  # type: ignore[arg-type]
    content = archive.getvalue()
    return FORMAT + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def unpacked(content: bytes):
    """What `packed` was given, tuples as lists.

    Raises:
        Exception: it is not what was written.
    """
    if not content.startswith(FORMAT):
        raise ValueError("it is not a training state of this version of rnnkit")
    digest, _, archive = content[len(FORMAT) :].partition(b"\n")
    if digest != hashlib.sha256(archive).hexdigest().encode():
        raise ValueError("its checksum is wrong")
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        if sum(each.file_size for each in members.infolist()) > len(archive):
            raise ValueError("it is compressed, which no save is")  # and might unpack to any size
    with np.load(io.BytesIO(archive), allow_pickle=False) as arrays:
        loaded = dict(arrays)
    return _with_arrays(json.loads(loaded.pop("tree").tobytes()), loaded)


def _without_arrays(value, arrays: list):
    if isinstance(value, Mapping):
        return {str(name): _without_arrays(item, arrays) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(item, arrays) for item in value]
    if isinstance(value, (np.ndarray, np.generic)) and not np.asarray(value).dtype.hasobject:
        arrays.append(np.asarray(value))
        return {"__array__": len(arrays) - 1}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ArgumentError(f"get_state: expected plain values and arrays, got {type(value).__name__}: {value!r:.80}.")


def _with_arrays(value, arrays):
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__array__"}:
        return arrays[str(value["__array__"])][()]  # a NumPy scalar stays one
    return {name: _with_arrays(item, arrays) for name, item in value.items()}


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Makes the new name last through a loss of power, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
