"""Raw data in any of the forms that users have, as one `Dataset`."""

import math
from collections.abc import Sequence

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.errors import DataError


def as_dataset(x, y=None, *, columns: Sequence[str], target: bool = True, rank: int = 0) -> Dataset:
    """Texts and labels, or what else a task takes, as a `Dataset` with the task's columns.

    Args:
        x: a `Dataset` or DataFrame with the task's columns; a `tf.data.Dataset` of raw pairs, batched or not; a
            tuple (x, y), unless no target is needed and these are two texts; or the first column as a list, array or
            Series.
        y: the second column, where x is only the first.
        columns: the task's column names, inputs first, the target last.
        target: whether the target is needed; without it, only the inputs are read.
        rank: axes of one input: 0 for a text, 1 for a list of words.

    Raises:
        DataError: a column is missing, or x and y are of unequal length.
    """
    if y is None and isinstance(x, tuple) and len(x) == 2 and (target or not all(isinstance(each, str) for each in x)):
        x, y = x
    wanted = list(columns if target else columns[:-1])
    if isinstance(x, Dataset) and len(x) and x.columns == tuple(wanted):
        return x
    named = _columns(x)
    if named is None:
        named = _pairs(x, y, columns, rank)
    missing = [name for name in wanted if name not in named]
    if missing:
        hint = "Give y as well." if named.keys() == {columns[0]} else f"There are: {', '.join(map(str, named))}."
        raise DataError(f"x: expected the columns {', '.join(wanted)}; {', '.join(missing)} is missing. {hint}")
    data = Dataset({name: named[name] for name in wanted}, name=getattr(x, "name", None) or "")
    if not len(data):
        raise DataError("x: the data set is empty. Give at least one example.")
    return data


def as_column(values) -> list:
    """A list of Python values from a list, NumPy array, Series or tensor; bytes become text."""
    if isinstance(values, (str, bytes)):
        values = [values]
    if isinstance(values, dict) or not hasattr(values, "__iter__"):
        raise DataError(f"x, y: expected a list, array or Series, got {type(values).__name__}.")
    if hasattr(values, "tolist"):
        values = values.tolist()
    elif hasattr(values, "numpy"):
        values = values.numpy().tolist()
    return [_python(value) for value in values]


def check_texts(texts: list, name: str = "x") -> list[str]:
    """The texts as they are; anything that is not a `str` is named by its place."""
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"{name}: expected a text in every row, got {text!r} in row {row}. Leave such rows out.")
    return texts


def check_labels(labels: list) -> list:
    """The labels as they are; None, NaN and things that cannot be a label are named by their place."""
    for row, label in enumerate(labels):
        missing = label is None or (isinstance(label, float) and not math.isfinite(label))
        if missing or not isinstance(label, (str, int, float)):
            raise DataError(f"y: expected a label in every row, got {label!r} in row {row}. Leave such rows out.")
    return labels


def check_weights(values, count: int) -> np.ndarray | None:
    """Weights of so many examples, float32; None stays None."""
    if values is None:
        return None
    weights = np.asarray(values, dtype="float32")
    if weights.shape != (count,):
        raise DataError(f"sample_weight: expected shape ({count},), one weight an example, got {weights.shape}.")
    return weights


def _python(value):
    if isinstance(value, (np.ndarray, list, tuple)):
        return [_python(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode("utf-8") if isinstance(value, bytes) else value


def _columns(x) -> dict[str, list] | None:
    """The named columns of a Dataset or DataFrame; None for anything else."""
    if isinstance(x, Dataset):
        return {name: x[name] for name in x.columns}
    if hasattr(x, "columns") and hasattr(x, "iloc"):
        return {name: as_column(x[name]) for name in x.columns}
    return None


def _pairs(x, y, columns, rank) -> dict[str, list]:
    if hasattr(x, "element_spec"):
        return _from_tf_data(x, columns, rank)
    if x is None:
        raise DataError("x: expected data, got None.")
    named = {columns[0]: as_column(x)}
    if y is not None:
        named[columns[-1]] = as_column(y)
        if len(named[columns[0]]) != len(named[columns[-1]]):
            counts = f"{len(named[columns[0]])} and {len(named[columns[-1]])}"
            raise DataError(f"x, y: expected the same number of examples, got {counts}. Give each its own target.")
    return named


def _from_tf_data(data, columns, rank) -> dict[str, list]:
    data = data if isinstance(data.element_spec, tuple) else data.map(lambda x: (x,))
    if any(not hasattr(part, "shape") for part in data.element_spec):
        raise DataError(f"x: expected a tf.data.Dataset of ({', '.join(columns)}) pairs, got {data.element_spec}.")
    if data.element_spec[0].shape.rank > rank:
        data = data.unbatch()
    rows = list(data.as_numpy_iterator())
    return {name: as_column(column) for name, column in zip(columns, zip(*rows, strict=True), strict=False)}
