"""Time stamps on a regular grid: which step they have, what is missing, and how they go on."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

CALENDAR_STEPS = ("YE", "YS", "QE", "QS", "BME", "BMS", "ME", "MS", "D")  # the long ones first: each is days as well
FIXED = {"D": 86_400, "h": 3_600, "min": 60, "s": 1}
DAY = 86_400.0
WORKDAYS = 5
# How many of a calendar step make a season: a year, or a working week.
SEASONS = {"B": 5, "W": 52, "MS": 12, "ME": 12, "BMS": 12, "BME": 12, "QS": 4, "QE": 4, "YS": 1, "YE": 1}


def read_stamps(name: str, column) -> "pd.Index":
    """The time stamps of a column: dates, text that can be read as dates, or whole numbers.

    Raises:
        DataError: something else, or one is missing.
    """
    import pandas as pd

    index = pd.Index(column)
    if index.hasnans:
        row = int(np.flatnonzero(index.isna())[0])
        raise DataError(f"time: {name} is missing in row {row}. Every row needs a time stamp.")
    if pd.api.types.is_integer_dtype(index.dtype) or isinstance(index, pd.DatetimeIndex):
        return index
    if pd.api.types.is_numeric_dtype(index.dtype):
        raise DataError(f"time: expected dates or whole numbers in {name}, got {index[0]}. Round them to steps.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a format that differs from row to row
            return pd.DatetimeIndex(pd.to_datetime(index))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"time: {name} cannot be read as dates ({str(error).splitlines()[0]:.150}). Give pandas.to_datetime(...) "
            "of it, with utc=True where stamps have different offsets."
        ) from error


def find_frequency(name: str, stamps: "pd.Index") -> "str | int":
    """The step between sorted stamps, some of which may be left out.

    Raises:
        DataError: there is none that all of them keep to.
    """
    import pandas as pd

    if len(stamps) < 2:
        raise DataError(f"time: {name} has {len(stamps)} stamp, and no step can be found. Give frequency='h' or so.")
    if not isinstance(stamps, pd.DatetimeIndex):
        return int(np.gcd.reduce(np.diff(stamps.to_numpy()))) or 1
    stamps = stamps.unique()
    seconds = np.diff(stamps.as_unit("ns").asi8) / 1e9
    values, counts = np.unique(seconds, return_counts=True)
    usual = values[counts.argmax()]
    if usual == DAY and seconds.max() > DAY and (stamps.day_of_week < WORKDAYS).all():
        return "B"
    if np.allclose(seconds / usual, np.round(seconds / usual)) and 2 * counts.max() >= len(seconds):
        return _written(usual)
    for step in CALENDAR_STEPS:
        if stamps.isin(pd.date_range(stamps[0], stamps[-1], freq=step)).all():
            return step
    raise DataError(
        f"time: {name} has no regular step: {int((seconds != usual).sum())} of {len(seconds)} differ from the usual "
        f"one, {pd.Timedelta(seconds=usual)}. Resample it first, such as with frame.resample('1h').mean(), or give "
        "frequency=."
    )


def regular(name: str, stamps: "pd.Index", frequency, group=None) -> "tuple[pd.Index, np.ndarray]":
    """The whole grid from the first to the last of sorted stamps, and the place of each on it.

    Raises:
        DataError: a stamp is there twice, or off the grid.
    """
    import pandas as pd

    of = "" if group is None else f" of {group!r}"
    if stamps.has_duplicates:
        twice = stamps[stamps.duplicated()][0]
        hint = "" if group is not None else " Of many series, say which is which with group=."
        raise DataError(f"time: {twice} is there twice in {name}{of}. Keep one row for each step.{hint}")
    if isinstance(stamps, pd.DatetimeIndex):
        grid: Any = pd.date_range(stamps[0], stamps[-1], freq=frequency)
    else:
        grid = pd.RangeIndex(stamps[0], stamps[-1] + 1, int(frequency))
    places = grid.get_indexer(stamps)
    if (places < 0).any():
        off = stamps[int(np.flatnonzero(places < 0)[0])]
        raise DataError(
            f"time: {off} in {name}{of} does not lie on a grid of step {frequency} from {stamps[0]}. Resample it "
            "first, or give another frequency=."
        )
    return grid, places


def following(index: "pd.Index", steps: int, frequency) -> "pd.Index":
    """The grid, and a number of steps after it."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        return pd.date_range(index[0], periods=len(index) + steps, freq=frequency)
    return pd.RangeIndex(index[0], index[-1] + 1 + steps * int(frequency), int(frequency))


def season_of(frequency) -> int:
    """How many steps of a frequency make a season: a day of hours, a week of days, a year of months; else 1."""
    if not isinstance(frequency, str):
        return 1
    import pandas as pd

    name = frequency.split("-")[0].lstrip("0123456789")
    if name in SEASONS:
        count = frequency[: -len(frequency.lstrip("0123456789"))] or 1
        return max(1, SEASONS[name] // int(count))
    step: Any = pd.tseries.frequencies.to_offset(frequency)
    seconds = pd.Timedelta(step).total_seconds()
    return {DAY: 7, 7 * DAY: 52}.get(seconds, 1) if seconds >= DAY else max(1, round(DAY / seconds))


def calendar(index: "pd.Index") -> dict[str, np.ndarray]:
    """Sines and cosines of the time of day, the day of the week and the day of the year.

    Local time where stamps have a time zone.

    Raises:
        DataError: the stamps are no dates.
    """
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex):
        raise DataError("calendar: expected time stamps that are dates, got counted steps. Leave it out.")
    hour = index.hour + index.minute / 60
    phases = {"day": hour / 24, "week": index.day_of_week / 7, "year": (index.day_of_year - 1) / 365.25}
    found: dict[str, np.ndarray] = {}
    for name, phase in phases.items():
        angle = 2 * np.pi * phase.to_numpy()
        found |= {f"{name} sine": np.sin(angle), f"{name} cosine": np.cos(angle)}
    return found


def _written(seconds: float) -> str:
    """A fixed step as pandas writes it."""
    for unit, size in FIXED.items():
        if seconds % size == 0:
            count = int(seconds // size)
            return unit if count == 1 else f"{count}{unit}"
    return f"{round(seconds * 1e9)}ns"
