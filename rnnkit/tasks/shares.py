"""What several workers evaluate or predict: each encodes its own rows of the data only, contiguous ones.

Legend: `N` rows of the data, `W` workers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnkit import workers
from rnnkit.datasets import Dataset
from rnnkit.errors import DataError, RnnkitError


def answered_by_all(strategy: Any, data: Dataset, answer: Callable[[Dataset], Any]) -> Any:
    """What `answer` says to each row, in their order; of several workers each answers its own rows.

    Args:
        strategy: that of the model; all its workers have to come here.
        data: the rows.
        answer: takes a `Dataset` to an array (N, ...), or to a list of N arrays that differ in their first axis only.

    Raises:
        DataError: a worker cannot answer its rows.
    """
    if not workers.are_sharing(strategy):
        return answer(data)
    rows = own_rows(strategy, len(data))
    found, _ = _by_each(strategy, rows, lambda: (answer(data.take(rows)) if len(rows) else None, None))
    return workers.joined(strategy, found)


def encoded_by_all(strategy: Any, data: Dataset, encode: Callable[[Dataset], dict]) -> dict[str, Any]:
    """What `encode` makes of data; of several workers each encodes its own rows, and has zeros for those of others.

    Args:
        strategy: that of the model; all its workers have to come here.
        data: the rows.
        encode: gives columns, by name or nested: lists of arrays or arrays, and among them `lengths`, an array.

    Returns:
        The same columns, in which those of other rows are as long as they would be; and `shares`, how many examples
        each worker has.

    Raises:
        DataError: a worker cannot encode its rows.
    """
    if not workers.are_sharing(strategy):
        return encode(data)
    rows = own_rows(strategy, len(data))
    own, told = _by_each(strategy, rows, lambda: _encoded(data, rows, encode))
    number = strategy.cluster_resolver.task_id
    lengths = [np.array(each["values"], own["lengths"].dtype) for each in told]
    whole = {name: _whole(column, [each["sizes"][name] for each in told], number) for name, column in own.items()}
    return {**whole, "lengths": np.concatenate(lengths), "shares": [len(each) for each in lengths]}


def own_rows(strategy: Any, count: int) -> np.ndarray:
    """The numbers of the rows, of `count` in all, that this worker of a strategy has."""
    resolver = strategy.cluster_resolver
    number_of_workers = sum(len(each) for each in resolver.cluster_spec().as_dict().values())
    return np.array_split(np.arange(count), number_of_workers)[resolver.task_id]


def _encoded(data: Dataset, rows: np.ndarray, encode: Callable[[Dataset], dict]) -> tuple[dict, dict]:
    """This worker's columns, and what it tells the others of them; without rows those of the first one, and nothing."""
    columns = encode(data.take(rows if len(rows) else [0]))
    count = len(columns["lengths"]) if len(rows) else 0
    sizes = {name: _sizes(column, count) for name, column in columns.items()}
    return columns, {"sizes": sizes, "values": columns["lengths"][:count].tolist()}


def _by_each(strategy: Any, rows: np.ndarray, make: Callable[[], tuple]) -> tuple[Any, list]:
    """What this worker makes, and what each tells of it; all raise the error of one, or they would wait for it."""
    made, told, wrong = None, None, ""
    try:
        made, told = make()
    except RnnkitError as error:
        wrong = f"worker {strategy.cluster_resolver.task_id}, whose row 0 is row {min(rows, default=0)}: {error}"
    found = workers.gathered(strategy, {"told": told, "wrong": wrong})
    if wrongs := [each["wrong"] for each in found if each["wrong"]]:
        raise DataError(wrongs[0])
    return made, [each["told"] for each in found]


def _sizes(column: Any, count: int) -> Any:
    """How long each of the first `count` entries of a column is, or how many rows an array has."""
    if isinstance(column, dict):
        return {name: _sizes(each, count) for name, each in column.items()}
    if isinstance(column, list):
        return [len(each) for each in column[:count]]
    return count


def _whole(own: Any, sizes: list, number: int) -> Any:
    """A column of all workers by that of this one and the sizes of all; zeros that take no memory for other lists."""
    if isinstance(own, dict):
        return {name: _whole(column, [each[name] for each in sizes], number) for name, column in own.items()}
    if isinstance(own, list):
        zero, shape = np.zeros((), own[0].dtype), own[0].shape[1:]
        blank = [[np.broadcast_to(zero, (length, *shape)) for length in each] for each in sizes]
        blank[number] = own[: len(blank[number])]
        return [row for each in blank for row in each]
    if isinstance(own, np.ndarray):
        parts = [np.zeros((each, *own.shape[1:]), own.dtype) for each in sizes]
        parts[number] = own[: len(parts[number])]
        return np.concatenate(parts)
    return own
