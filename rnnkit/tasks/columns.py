"""Columns of raw data as lists of Python values, and checks that name the row which cannot be used."""

import math

import numpy as np

from rnnkit.errors import DataError

MOST_CLASSES = 20  # from there on labels that mostly occur once are no classes


def as_column(values) -> list:
    """A list of Python values from a list, NumPy array, Series or tensor; bytes become text, one text a list of it."""
    if isinstance(values, dict):
        raise DataError("x, y: expected a list, array or Series, got a dict. Give its columns as x and y.")
    if hasattr(values, "numpy"):
        values = values.numpy()
    if isinstance(values, (str, bytes)):
        values = [values]
    elif isinstance(values, (np.ndarray, np.generic)) and not values.ndim:
        values = [values.item()]
    if not hasattr(values, "__iter__"):
        raise DataError(f"x, y: expected a list, array or Series, got {type(values).__name__}.")
    values = values.tolist() if hasattr(values, "tolist") else values
    return [_python(value, row) for row, value in enumerate(values)]


def as_text(value):
    """A single text, given as `bytes`, array or tensor without axes, as a `str`; anything else as it is."""
    is_scalar = getattr(value, "shape", None) == () and not isinstance(value, str)
    return as_column(value)[0] if is_scalar or isinstance(value, bytes) else value


def word_rows(words, batch_size: int, split) -> list[list[str]]:
    """The next words of each of `batch_size` texts that are read side by side.

    Args:
        words: a text or a list of words; for a `batch_size` above 1 a list of them.
        split: takes a text to its words.

    Raises:
        DataError: something else, or texts of different numbers of words.
    """
    given = [words] if batch_size == 1 else words
    rows = [split(row) if isinstance(row, str) else row for row in given]
    if not all(isinstance(row, list) and all(isinstance(word, str) for word in row) for row in rows):
        raise DataError(f"words: expected a text or a list of words, got {words!r:.80}.")
    counts = [len(row) for row in rows]
    if len(counts) != batch_size or len(set(counts)) > 1:
        raise DataError(f"words: expected {batch_size} texts with equally many words, got {counts} words.")
    return rows


def depth(value) -> int:
    """Axes of an array or tensor, or levels of nested lists: 0 for a text or number."""
    of_objects = getattr(getattr(value, "dtype", None), "kind", None) == "O"
    if of_objects and value.ndim and len(value):
        return value.ndim + depth(next(iter(value)))
    if hasattr(value, "shape"):
        return len(value.shape)
    return 1 + (depth(value[0]) if value else 0) if isinstance(value, (list, tuple)) else 0


def check_texts(texts: list, name: str = "x") -> list[str]:
    """The texts as they are; anything that is not a `str` is named by its place."""
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"{name}: expected a text in every row, got {text!r} in row {row}. Leave such rows out.")
    return texts


def check_labels(labels: list) -> list:
    """The labels as they are; None, NaN and things that cannot be a label are named by their place."""
    for row, label in enumerate(labels):
        if isinstance(label, list):
            raise DataError(
                f"y: expected a label in every row, got {label!r:.60} in row {row}. "
                "Of one-hot rows give y.argmax(axis=1)."
            )
        missing = label is None or (isinstance(label, float) and not math.isfinite(label))
        if missing or not isinstance(label, (str, int, float)):
            raise DataError(f"y: expected a label in every row, got {label!r} in row {row}. Leave such rows out.")
    return labels


def find_classes(labels: list) -> list:
    """The classes that occur in checked labels, sorted.

    Raises:
        DataError: labels of two kinds, of one class only, or too many different ones to be classes.
    """
    if len({isinstance(label, str) for label in labels}) > 1:
        raise DataError("y: expected labels of one kind, got text and numbers. Turn them into one of the two.")
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise DataError(f"y: expected two or more classes, got only {classes[0]!r}. Give examples of each class.")
    if len(classes) > MOST_CLASSES and 2 * len(classes) > len(labels):
        raise DataError(
            f"y: expected classes, got {len(classes)} different values in {len(labels)} rows, such as "
            f"{classes[0]!r:.40}. Cut scores into a few classes, such as with pandas.cut."
        )
    return classes


def _python(value, row: int):
    if hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)) and (not value.ndim or value.dtype.kind in "biuf"):
        value = value.tolist()
    elif isinstance(value, (np.ndarray, list, tuple)):
        return [_python(item, row) for item in value]
    return _decoded(value, row) if isinstance(value, bytes) else value


def _decoded(value: bytes, row: int) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"x, y: expected text or bytes in UTF-8, got {value!r:.60} in row {row}. Decode them first, such as "
            "with text.decode('latin-1')."
        ) from error
