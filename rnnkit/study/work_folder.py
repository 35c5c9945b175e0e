"""A folder of many trainings: the work it belongs to, so that the same call resumes it, and damaged files."""

import contextlib
import hashlib
import inspect
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError, RnnkitError
from rnnkit.study.files import cannot_write, check_inside, write_json


def open_folder(folder: Path, file: str, identity: Mapping[str, Any], overwrite: bool = False) -> Path:
    """Makes a folder, or finds the one that holds the same work, to resume it.

    Args:
        folder: its path.
        file: the file in it that says what it belongs to.
        identity: JSON-able; what the work is.
        overwrite: replace a folder with such a file, whatever work it belongs to.

    Raises:
        ArgumentError: the folder belongs to other work, holds other things, or cannot be written.
        DataError: its files were damaged.
    """
    identity = json.loads(json.dumps(identity, default=str))
    try:
        if overwrite and (folder / file).is_file():
            shutil.rmtree(folder)
        if folder.is_dir() and any(folder.iterdir()):
            _check_same(folder, file, identity)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / file, identity)
    except OSError as error:
        raise ArgumentError(
            f"directory: {folder} cannot be written ({error.strerror}). Name another folder."
        ) from error
    return folder


def join_folder(folder: Path, file: str, identity: Mapping[str, Any], patience: float = 3600.0) -> Path:
    """Finds a folder that another process opens for the same work, and waits for it.

    Args:
        folder, file, identity: see `open_folder`.
        patience: seconds.

    Raises:
        ArgumentError: it is not there in time, or belongs to other work.
    """
    until = time.monotonic() + patience
    while not (folder / file).is_file():
        if time.monotonic() > until:
            raise ArgumentError(f"directory: {folder} has no {file} yet. Start the chief, with the same folder.")
        time.sleep(0.2)
    _check_same(folder, file, json.loads(json.dumps(identity, default=str)))
    return folder


def _check_same(folder: Path, file: str, identity: Mapping[str, Any]) -> None:
    if not (folder / file).is_file():
        raise ArgumentError(f"directory: {folder} contains other files, and no {file}. Name another folder.")
    check_inside(folder)
    with expect_intact(folder):
        before = dict(json.loads((folder / file).read_text(encoding="utf-8")))
    other = [name for name in {**before, **identity} if before.get(name) != identity.get(name)]
    if other:
        differences = ", ".join(_difference(name, before.get(name), identity.get(name)) for name in other)
        raise ArgumentError(
            f"directory: {folder} belongs to other work; it differs in {differences}. "
            "Name another folder, or replace it with overwrite=True."
        )


def _difference(name: str, before, now) -> str:
    words = f"{name} ({json.dumps(before)}, now {json.dumps(now)})"
    return words if len(words) < 100 else name


@contextlib.contextmanager
def expect_intact(folder: Path) -> Iterator[None]:
    """Within, files are read that lie in a folder from an earlier call, and may have been damaged or changed.

    Raises:
        DataError: in the place of whatever error that leads to, but for those of a full disk.
    """
    try:
        yield
    except (RnnkitError, ImportError):
        raise
    except Exception as error:
        if cannot_write(error):
            raise
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise DataError(
            f"directory: the files in {folder} are damaged or inconsistent ({said}). Name another folder, or "
            "replace it with overwrite=True."
        ) from error


def fingerprint(data: Dataset) -> str:
    """Sixteen characters that change with the data's columns, values or their order."""
    found = hashlib.sha256()
    for name in data.columns:
        found.update(name.encode())
        for part in _bytes(data[name]):
            found.update(part)
    return found.hexdigest()[:16]


def _bytes(value: Any) -> Iterable[bytes]:
    if isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, (list, tuple)):
        yield f"{len(value)}[".encode()
        for each in value:
            yield from _bytes(each)
    else:
        yield f"{type(value).__name__}{value!r};".encode()


def label(value) -> str:
    """A value in a word: the same in every process."""
    if isinstance(value, type):
        return value.__name__
    if hasattr(value, "get_config"):
        return f"{type(value).__name__}({value.get_config()})"
    if inspect.isfunction(value):
        return keras.saving.get_registered_name(value)
    return "none" if value is None else str(value)
