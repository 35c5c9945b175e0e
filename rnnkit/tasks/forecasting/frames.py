"""Series from any form that users have, and forecasts as frames."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Roles, Series, series_of
from rnnkit.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd


def series_column(x, roles: Roles, *, target: bool = True) -> Dataset:
    """A `Dataset` with the column `series` from series, frames, tables or arrays.

    Args:
        x: a `Dataset` or list of `Series`, or of numbers of shape (T, C); an array (N, T, C), or one series (T, C) in a
            list; a frame, or a `Dataset` of columns, which `roles` tell apart.
        roles: of the columns of a frame.
        target: whether its targets must be there.

    Raises:
        DataError: something else, or data that cannot be used.
    """
    if x is None:
        raise DataError("x: expected data, got None.")
    if isinstance(x, Dataset) and "series" not in x.columns:
        x = x.to_pandas()
    if is_frame(x):
        return Dataset({"series": series_of(x, roles, target=target)})
    rows = x["series"] if isinstance(x, Dataset) else x
    if getattr(rows, "ndim", 3) != 3 or isinstance(rows, (str, bytes, Mapping)) or not hasattr(rows, "__len__"):
        got = f"shape {rows.shape}" if hasattr(rows, "shape") else type(rows).__name__
        raise DataError(f"x: expected a frame, or series of shape (N, T, C), got {got}. One series goes into a list.")
    if not len(rows):
        raise DataError("x: the data set is empty. Give at least one series.")
    series = [each if isinstance(each, Series) else Series(each) for each in rows]
    _check_alike(series)
    if isinstance(x, Dataset) and all(isinstance(each, Series) for each in rows):
        return x
    return Dataset({"series": series}, name=getattr(x, "name", None) or "")


def is_frame(x) -> bool:
    """Whether something is a pandas frame, or as good as one."""
    return hasattr(x, "columns") and hasattr(x, "iloc")


def _check_alike(series: Sequence[Series]) -> None:
    for row, each in enumerate(series):
        for part in ("values", "past", "known"):
            width, expected = getattr(each, part).shape[1], getattr(series[0], part).shape[1]
            if width != expected:
                raise DataError(f"x: expected {part} of {expected} columns in every series, got {width} in row {row}.")


def with_future(x, future, roles: Roles):
    """A frame, and the rows of the steps ahead in which the known columns stand.

    Raises:
        ArgumentError: there is something else than frames.
    """
    import pandas as pd

    if future is None:
        return x
    if not isinstance(x, pd.DataFrame) or not isinstance(future, pd.DataFrame):
        raise ArgumentError("future: expected frames as history and future; a Series has its own known=.")
    wanted = [*roles.known, *(each for each in (roles.time, roles.group) if each is not None)]
    if missing := [str(name) for name in wanted if name not in future.columns]:
        raise DataError(f"future: there is no column {', '.join(missing)}. The steps ahead need all known columns.")
    return pd.concat([x, future[wanted]], ignore_index=True)


def forecast_frame(series: Sequence[Series], roles: Roles, columns: Mapping[str, np.ndarray]) -> "pd.DataFrame":
    """One row per series and step ahead.

    Args:
        series: N of them.
        roles: names of time, group and C targets.
        columns: by what stands after a target's name, forecasts of shape (N, steps, C).
    """
    import pandas as pd

    steps = next(iter(columns.values())).shape[1]
    parts = []
    for number, each in enumerate(series):
        made: dict[str, Any] = {} if each.group is None else {roles.group or "series": [each.group] * steps}
        if each.group is None and len(series) > 1:
            made["series"] = [number] * steps
        made[roles.time or "step"] = each.stamps(steps)[len(each) :]
        for place, name in enumerate(roles.target):
            made |= {f"{name}{suffix}": values[number, :, place] for suffix, values in columns.items()}
        parts.append(pd.DataFrame(made))
    return pd.concat(parts, ignore_index=True)
