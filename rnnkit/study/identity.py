"""What stands for data and values in a file, so that the same work is known again."""

import hashlib
import inspect
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from rnnkit.datasets import Dataset


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
