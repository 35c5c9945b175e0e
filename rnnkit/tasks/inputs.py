"""Raw data in any of the forms that users have, as one `Dataset`."""

import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rnnkit.datasets import Dataset
from rnnkit.errors import DataError
from rnnkit.tasks.columns import as_column, depth
from rnnkit.tasks.streams import is_stream, read_stream
from rnnkit.text.corpus import Corpus


class Given(NamedTuple):
    """What a user gave, taken apart: the data without its weights.

    Attributes:
        x, y: in any form that `as_dataset` takes.
        weights: of each example, or None.
        batch_size: that of a source that came in batches, or None.
    """

    x: Any
    y: Any
    weights: Any
    batch_size: int | None = None


def take_apart(
    x, y=None, weights=None, *, columns: Sequence[str], rank: int = 0, target: bool = True, **of_stream
) -> Given:
    """Reads what arrives piece by piece, and tells x, y and weights apart.

    Args:
        x, y, weights: what the user gave; x may be (x, y) or (x, y, weights), or a source of such elements.
        columns: the task's; where there is one only, a tuple is one of inputs unless its first is a list of them.
        rank: axes of one input: 0 for a text, 1 for a list of words.
        target: False for inputs alone: targets and weights are left out then, as in `keras.Model.predict`.
        of_stream: see `read_stream`.

    Raises:
        DataError: x and another argument both give targets or weights, or a source cannot be read.
    """
    batch_size, brought = None, list[Any]()
    if is_stream(x):
        (x, *brought), batch_size = read_stream(x, rank=rank, **of_stream)
    elif y is None and _is_tuple_of_columns(x, rank, target and len(columns) > 1):
        x, *brought = x
    if not target:
        return Given(x, None, None, batch_size)
    own_y, own_weights, *_ = [*brought, None, None]
    return Given(x, _given_once("y", y, own_y), _given_once("sample_weight", weights, own_weights), batch_size)


def as_dataset(x, y=None, *, columns: Sequence[str], target: bool = True, rank: int = 0) -> Dataset:
    """Texts and labels, or what else a task takes, as a `Dataset` with the task's columns.

    Args:
        x: a `Dataset` or DataFrame with the task's columns; a tuple (x, y), unless no target is needed and these are
            two inputs; a `tf.data.Dataset`, `PyDataset` or generator of raw pairs, in batches or not (see
            `read_stream`); or the first column as a list, array or Series.
        y: the second column, where x is only the first.
        columns: the task's column names, inputs first, the target last.
        target: whether the target is needed; without it, only the inputs are read.
        rank: axes of one input: 0 for a text, 1 for a list of words.

    Raises:
        DataError: a column is missing, x and y are of unequal length, or there are weights, which only `fit` and
            `evaluate` take.
    """
    x, y, weights, _ = take_apart(x, y, columns=columns, rank=rank, target=target)
    if weights is not None:
        raise DataError("x: expected (x, y), got weights as well, which only fit and evaluate use. Leave them out.")
    wanted = list(columns if target else columns[:-1])
    if x is None:
        raise DataError("x: expected data, got None.")
    if y is None and isinstance(x, Dataset) and len(x) and x.columns == tuple(wanted):
        return x
    named = _columns(x)
    named = {columns[0]: as_column(x)} if named is None else named
    if y is not None:
        if columns[-1] in named:
            raise DataError(f"y: x brings the column {columns[-1]}. Leave y out, or give x without it.")
        named[columns[-1]] = _targets(y, len(next(iter(named.values()), [])))
    missing = [name for name in wanted if name not in named]
    if missing:
        hint = "Give y as well." if named.keys() == {columns[0]} else f"There are: {', '.join(map(str, named))}."
        raise DataError(f"x: expected the columns {', '.join(wanted)}; {', '.join(missing)} is missing. {hint}")
    data = Dataset({name: named[name] for name in wanted}, name=getattr(x, "name", None) or "")
    if not len(data):
        raise DataError("x: the data set is empty. Give at least one example.")
    return data


def texts_of_lines(name: str, given: Any) -> Any:
    """The lines of a file, or of those of a folder, each a text, where a path was given; else what was given.

    Raises:
        DataError: there is nothing to read; the message begins with the argument's name.
    """
    if not isinstance(given, (str, os.PathLike)):
        return given
    try:
        return Corpus(given, each_line=True).texts()
    except DataError as error:
        raise DataError(f"{name}: {str(error).removeprefix('x: ')}") from error


def _given_once(name: str, given, brought):
    """The targets or weights, from the argument or from x."""
    if given is not None and brought is not None:
        raise DataError(f"{name}: x brings its own. Leave {name} out, or give x without it.")
    return given if brought is None else brought


def _is_tuple_of_columns(x, rank: int, paired: bool) -> bool:
    """Whether a tuple is (x, y) or (x, y, weights), not a tuple of inputs."""
    if not isinstance(x, tuple) or len(x) not in (2, 3):
        return False
    return paired or depth(x[0]) > rank or hasattr(x[0], "columns")


def _columns(x) -> dict[str, list] | None:
    """The named columns of a Dataset or DataFrame; None for anything else."""
    if isinstance(x, Dataset):
        return {name: x[name] for name in x.columns}
    if hasattr(x, "columns") and hasattr(x, "iloc"):
        return {name: as_column(x[name]) for name in x.columns}
    return None


def _targets(y, count: int) -> list:
    targets = as_column(itertools.islice(y, count + 1) if isinstance(y, Iterator) else y)
    if len(targets) != count:
        raise DataError(
            f"x, y: expected the same number of examples, got {count} and {len(targets)}. Give each its own target."
        )
    return targets
