"""Columns in numbers and words: length statistics, label counts, and the text that `repr(dataset)` shows."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from rnnkit.errors import DataError

FEW = 10  # a column with at most this many distinct values is shown by its counts
WIDTH = 72
MOST = 20  # names that an error lists


def length_statistics(column: str, values: Sequence[Any]) -> dict[str, float]:
    """The lengths of a column's values: words for text, items for sequences.

    Args:
        column: the column's name, for the error message.
        values: strings, or things with a length.

    Returns:
        A dict with `min`, `mean`, `median`, `p99` (the smallest length that 99 % of the values do not exceed), `max`.

    Raises:
        DataError: the column is empty, or holds a value without a length.
    """
    if not values:
        raise DataError(f"column '{column}' is empty, so it has no lengths.")
    try:
        sizes = sorted(len(value.split()) if isinstance(value, str) else len(value) for value in values)
    except TypeError:
        raise DataError(
            f"column '{column}' needs text or sequences to have lengths, got values of type {_types(values)}."
        ) from None
    p99 = sizes[math.ceil(0.99 * len(sizes)) - 1]
    return {"min": sizes[0], "mean": fmean(sizes), "median": median(sizes), "p99": p99, "max": sizes[-1]}


def describe(columns: Mapping[str, Sequence[Any]]) -> str:
    """A line for each column, then the first row, every value shortened to one line."""
    width = max(map(len, columns))
    parts = [(name, _types(values), _content(name, values)) for name, values in columns.items()]
    lines = [f"  {name:<{width}}  {types}  {content}".rstrip() for name, types, content in parts]
    first = [f"    {name:<{width}}  {shorten(values[0])}" for name, values in columns.items() if values]
    return "\n".join([*lines, *(["  first row:", *first] if first else [])])


def shorten(value: Any) -> str:
    """The value as one line of at most 72 characters; text in quotes, other values as Python writes them."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    # Not repr() for text: it would escape the joiners that hold emoji and Persian words together.
    text = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def listed(names: Iterable[Any]) -> str:
    """Names, shortened, and of more than 20 how many more there are."""
    names = list(names)
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return (", ".join(map(shorten, names[:MOST])) or "none") + more


def counted(what: str, lines: Sequence[int]) -> str:
    """How many there are, and on which lines: `2 pairs (line 3, 8)`; lines themselves are not counted."""
    shown = ", ".join(map(str, lines[:5])) + (f" and {len(lines) - 5} more" if len(lines) > 5 else "")
    plural = "s" if len(lines) > 1 else ""
    return f"line{plural} {shown}" if what == "line" else f"{len(lines)} {what}{plural} (line {shown})"


def _types(values: Sequence[Any]) -> str:
    return "|".join(sorted({type(value).__name__ for value in values})) or "empty"


def _content(name: str, values: Sequence[Any]) -> str:
    try:
        counts = Counter(values)
    except TypeError:  # lists and arrays cannot be counted
        counts = Counter()
    if 0 < len(counts) <= FEW and len(counts) < len(values):
        return ", ".join(f"{shorten(value)}: {count}" for value, count in counts.most_common())
    try:
        lengths = length_statistics(name, values)
    except DataError:
        return f"{len(counts)} distinct values" if counts else ""
    unit = "words" if isinstance(values[0], str) else "items"
    return f"{unit}: " + ", ".join(f"{key} {size:.4g}" for key, size in lengths.items())
