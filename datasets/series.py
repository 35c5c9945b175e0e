"""Time series: targets on a regular grid of time, their covariates, and how they are read from frames.

Legend: `T` steps, `C` targets, `P` columns known of the past only, `K` columns known ahead.
"""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.time_grid import find_frequency, following, read_stamps, regular
from rnnkit.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd


class Roles(NamedTuple):
    """What the columns of a frame are; see `series_of`."""

    target: tuple[str, ...] = ()
    time: str | None = None
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    group: str | None = None
    frequency: str | int | None = None

    @classmethod
    def of(cls, target=(), time=None, past=(), known=(), static=(), group=None, frequency=None) -> "Roles":
        """Names of columns, where a single one may stand alone.

        Raises:
            ArgumentError: a column has two roles.
        """
        several = [(name,) if isinstance(name, str) else tuple(name or ()) for name in (target, past, known, static)]
        target, past, known, static = several
        named = [*target, *past, *known, *static, *(each for each in (time, group) if each is not None)]
        if twice := sorted({str(name) for name in named if named.count(name) > 1}):
            raise ArgumentError(f"target, past, known: expected one role for each column, {', '.join(twice)} has two.")
        return cls(target, time, past, known, static, group, frequency)


class Series:
    """One series, or several targets with the same time stamps.

    Args:
        values: shape (T, C) or (T,), or a list of it; NaN is a missing value.
        past: shape (T, P), what is known up to the present.
        known: shape (T or more, K), what is known ahead, such as holidays.
        static: by name, what never changes: numbers or text.
        index: the time stamps of `known`, or at least of `values`; None counts steps.
        frequency: of the stamps.
        group: which of many series it is.
        start: the first step that counts as a target; those before it are there to look back on.
        roles: the names of the columns; None numbers the targets.

    Raises:
        DataError: values that are no numbers, or not of these shapes.
    """

    def __init__(
        self,
        values: Any,
        *,
        past: Any = None,
        known: Any = None,
        static: Any = None,
        index: Any = None,
        frequency: str | None = None,
        group: Any = None,
        start: int = 0,
        roles: Roles | None = None,
    ):
        self.values = _table("values", values)
        size = len(self.values)
        self.past = np.zeros((size, 0)) if past is None else _table("past", past)
        self.known = np.zeros((size, 0)) if known is None else _table("known", known)
        self.static: dict[str, Any] = dict(static or {})
        self.index, self.frequency, self.group, self.start = index, frequency, group, start
        self.roles = roles or Roles(tuple(map(str, range(self.values.shape[1]))))
        if len(self.past) != size or len(self.known) < size:
            sizes = f"{len(self.past)} and {len(self.known)}"
            raise DataError(f"past, known: expected {size} steps as of the targets, got {sizes}.")

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        size, targets = self.values.shape
        name = "Series" if self.group is None else f"Series {self.group!r}"
        since = "" if self.index is None else f" from {self.index[0]}"
        parts = (self.values, self.past, self.known)
        digest = zlib.crc32(b"".join(np.ascontiguousarray(each).tobytes() for each in parts))
        return f"<{name}: {size} steps, {targets} targets{since}, start {self.start}, {digest:08x}>"

    def cut(self, stop: int, start: int | None = None) -> "Series":
        """The series up to a step, and from where on its steps count as targets; nothing is copied."""
        return Series(
            self.values[:stop],
            past=self.past[:stop],
            known=self.known[:stop],
            static=self.static,
            index=None if self.index is None else self.index[:stop],
            frequency=self.frequency,
            group=self.group,
            start=self.start if start is None else start,
            roles=self.roles,
        )

    def stamps(self, steps: int) -> "pd.Index":
        """Its time stamps, and those of a number of steps after its last target."""
        import pandas as pd

        if self.index is None:
            return pd.RangeIndex(len(self) + steps)
        missing = len(self) + steps - len(self.index)
        return self.index[: len(self) + steps] if missing <= 0 else following(self.index, missing, self.frequency)


def split_by_time(data: Dataset, fraction: float) -> tuple[Dataset, Dataset]:
    """The earlier part of each series, and the later one, which may look back on the earlier.

    Args:
        data: with a column `series`.
        fraction: of the steps of each series, that goes to the later part.

    Raises:
        DataError: one of the two would be empty.
    """
    rest, part = [], []
    for series in data["series"]:
        at = len(series) - round(fraction * (len(series) - series.start))
        if not 0 < fraction < 1 or not series.start < at < len(series):
            raise DataError(
                f"fraction: expected steps on both sides of the split, got {fraction} of {len(series) - series.start} "
                "steps."
            )
        rest.append(series.cut(at))
        part.append(series.cut(len(series), start=at))
    return Dataset({"series": rest}, name=data.name), Dataset({"series": part}, name=data.name)


def split_at(series: Series, valid: int, test: int, end: int) -> Splits:
    """One series in three parts by the steps where they begin, and where the last one ends."""
    parts = (series.cut(valid), series.cut(test, start=valid), series.cut(end, start=test))
    return Splits(*(Dataset({"series": [part]}) for part in parts))


def series_of(frame: "pd.DataFrame", roles: Roles, *, target: bool = True) -> list[Series]:
    """The series of a frame: one, or one for each value of the column `group`, sorted by time.

    Steps that are left out become missing values. Rows after the last known target are kept for what is known ahead.

    Args:
        frame: one row per step and group.
        roles: what its columns are.
        target: whether the targets must be there.

    Raises:
        DataError: a column is missing or holds no numbers; a time stamp is missing, occurs twice, or lies off the grid.
    """
    _check_columns(frame, roles, target)
    if not len(frame):
        raise DataError("x: the frame is empty. Give at least one step.")
    if roles.group is not None and (lost := frame[roles.group].isna().to_numpy()).any():
        raise DataError(f"group: {roles.group} is missing in row {int(lost.argmax())}. Every row needs a series.")
    groups = [(None, frame)] if roles.group is None else list(frame.groupby(roles.group, sort=False))
    if roles.time is not None:
        longest = max(groups, key=lambda each: len(each[1]))[1]
        known = roles.frequency or find_frequency(
            roles.time, read_stamps(roles.time, longest[roles.time]).sort_values()
        )
        roles = roles._replace(frequency=known)
    return [_one(name, rows, roles) for name, rows in groups]


def _one(group, rows: "pd.DataFrame", roles: Roles) -> Series:
    index = None
    columns = [*roles.target, *roles.past, *roles.known]
    table = _numbers(rows, columns, group)
    if roles.time is not None:
        stamps = read_stamps(roles.time, rows[roles.time])
        order = np.argsort(stamps.to_numpy(), kind="stable")
        index, places = regular(roles.time, stamps[order], roles.frequency, group)
        whole = np.full((len(index), len(columns)), np.nan)
        whole[places] = table[order]
        table = whole
    targets, past, known = np.split(table, [len(roles.target), len(roles.target) + len(roles.past)], axis=1)
    observed = np.flatnonzero(np.isfinite(targets).any(axis=1))
    if not len(observed):
        raise DataError(f"target: all values{_of(group)} are missing. Leave this series out.")
    size = int(observed[-1]) + 1 if roles.known else len(targets)
    static = {name: _constant(rows, name, group) for name in roles.static}
    group = group.item() if isinstance(group, np.generic) else group
    options = {"static": static, "index": index, "frequency": roles.frequency, "group": group, "roles": roles}
    return Series(targets[:size], past=past[:size], known=known, **options)


def _check_columns(frame, roles: Roles, target: bool) -> None:
    if not roles.target:
        raise ArgumentError("target: a frame has many columns. Say which to forecast, such as target='OT'.")
    several = [*(roles.target if target else ()), *roles.past, *roles.known, *roles.static]
    wanted = [*several, *(name for name in (roles.time, roles.group) if name is not None)]
    if missing := [str(name) for name in wanted if name not in frame.columns]:
        known = ", ".join(map(str, frame.columns))
        raise DataError(f"x: the frame has no column {', '.join(missing)}. There are: {known}.")


def _numbers(rows: "pd.DataFrame", columns: Sequence[str], group) -> np.ndarray:
    """The columns as float64 (rows, columns); what is no finite number is named by its place."""
    import pandas as pd

    found = np.empty((len(rows), len(columns)))
    for place, name in enumerate(columns):
        column = rows[name]
        values = pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
        wrong = (np.isnan(values) & column.notna().to_numpy()) | np.isinf(values)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            got = column.iloc[row]
            got = got.item() if isinstance(got, np.generic) else got
            raise DataError(
                f"{name}: expected finite numbers, got {got!r} in row {row}{_of(group)}. Repair it, or "
                "leave it empty: missing values are not counted."
            )
        found[:, place] = values
    return found


def _constant(rows: "pd.DataFrame", name: str, group):
    values = rows[name].dropna().unique()  # rows of the steps ahead need not repeat it
    if len(values) != 1:
        raise DataError(
            f"static: {name} has {len(values)} values{_of(group)}, expected one. Is it known ahead instead?"
        )
    value = values[0]
    return value.item() if isinstance(value, np.generic) else value


def _table(name: str, values) -> np.ndarray:
    """Numbers as float64 (T, C)."""
    try:
        table = np.asarray(values, "float64")
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected numbers of shape (T, C), got {values!r:.60}.") from error
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not len(table) or np.isinf(table).any():
        got = "infinite ones" if np.isinf(table).any() else f"shape {table.shape}"
        raise DataError(f"{name}: expected finite numbers of shape (T, C), NaN where they are missing, got {got}.")
    return table


def _of(group) -> str:
    return "" if group is None else f" of {group!r}"
