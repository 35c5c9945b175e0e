"""Raw data that arrives piece by piece: `tf.data` datasets, `PyDataset`s and generators, as columns."""

import math
import pickle
from collections.abc import Iterator
from typing import NamedTuple

import keras

from rnnkit.errors import DataError
from rnnkit.tasks.columns import as_column, depth

MAX_ROWS = 1_000_000  # read from a source of unknown length
MAX_BYTES = 2**31  # of these rows, as the first one weighs


class Stream(NamedTuple):
    """What was read of a source.

    Attributes:
        columns: lists of equal length: x; x and y; or x, y and weights.
        batch_size: rows of the largest batch, or None if rows came one at a time.
    """

    columns: list[list]
    batch_size: int | None


def is_stream(x) -> bool:
    """Whether `x` has to be read piece by piece."""
    return hasattr(x, "element_spec") or isinstance(x, (keras.utils.PyDataset, Iterator))


def read_stream(x, *, rank: int, steps: int | None = None, rows_per_step: int = 1, advice: str = "") -> Stream:
    """Reads a source to its end, or a given number of steps of one that has none.

    Args:
        x: a `tf.data.Dataset`, a `PyDataset`, or an iterator such as a generator. Each element is a row or a batch of
            rows: x, (x, y) or (x, y, weight).
        rank: axes of one input; an element with more axes is a batch.
        steps: how many batches to read where the source is endless or its length unknown; a source of known length is
            read to its end.
        rows_per_step: rows that count as a step where they come one at a time.
        advice: how the caller's user can set `steps`.

    Raises:
        DataError: the source is endless, may be, or its elements are something else.
    """
    size = _batches_in(x)
    if size == math.inf and steps is None:
        raise DataError(f"x: this {_kind(x)} is endless. {advice}Cut it, such as with .take(n).")
    rows: list[list] = []
    batch_size, limit = None, math.inf
    for number, element in enumerate(_elements(x)):
        parts = _parts(element)
        batched = depth(parts[0]) > rank
        columns = [_rows(part, batched, rank) for part in parts]
        _check_counts(columns, rows)
        if not rows:
            rows = [[] for _ in columns]
            limit = math.inf if isinstance(size, int) else _most_rows(columns)
        for column, more in zip(rows, columns, strict=True):
            column.extend(more)
        batch_size = max(batch_size or 0, len(columns[0])) if batched else None
        if not isinstance(size, int) and steps and number + 1 >= steps * (1 if batched else rows_per_step):
            break
        if len(rows[0]) > limit:
            raise DataError(
                f"x: more than {limit:,} rows came from this {_kind(x)}, whose length is unknown. "
                f"{advice}Cut it if it is endless, such as with itertools.islice; else give lists or a Dataset."
            )
    return Stream(rows or [[]], batch_size)


def _batches_in(x) -> int | float | None:
    """How many elements there are, `math.inf` for a source without end, None where it does not say."""
    if isinstance(x, keras.utils.PyDataset):
        try:
            return math.inf if x.num_batches is None else x.num_batches
        except NotImplementedError:
            return None
    if not hasattr(x, "cardinality"):
        return None
    size = int(x.cardinality())
    return size if size >= 0 else math.inf if size == -1 else None  # tf.data's INFINITE_CARDINALITY, and UNKNOWN


def _kind(x) -> str:
    if isinstance(x, keras.utils.PyDataset):
        return "PyDataset"
    return "tf.data.Dataset" if hasattr(x, "element_spec") else type(x).__name__


def _elements(x):
    if isinstance(x, keras.utils.PyDataset) and isinstance(size := _batches_in(x), int):
        return (x[index] for index in range(size))
    return iter(x)


def _parts(element) -> tuple:
    parts = element if isinstance(element, tuple) else (element,)
    if len(parts) > 3 or any(isinstance(part, dict) for part in parts):
        got = f"{len(parts)} parts" if len(parts) > 3 else "a dict"
        raise DataError(f"x: expected elements (x, y) or (x, y, weight), got {got}. Map them to such tuples.")
    return parts


def _check_counts(columns: list[list], before: list[list]) -> None:
    counts = [len(column) for column in columns]
    if len(set(counts)) > 1:
        raise DataError(f"x, y: expected batches of equally many inputs and targets, got {counts} rows.")
    if before and len(before) != len(columns):
        raise DataError(f"x: expected elements of {len(before)} parts like the first, got one of {len(columns)}.")


def _rows(part, batched: bool, rank: int) -> list:
    values = part.numpy() if hasattr(part, "numpy") else part
    rows = list(values) if batched else [values]
    return rows if rank == 2 else as_column(rows)


def _most_rows(columns: list[list]) -> int:
    weight = sum(len(pickle.dumps(column[0])) for column in columns if column)
    return int(min(MAX_ROWS, max(1, MAX_BYTES // max(1, weight))))
