"""Windows of series: where each begins is known, its numbers are gathered when a batch asks for them.

Legend: `R` windows, `L` steps looked back on, `H` steps ahead, `C` targets, `K` covariates. A row is a window of one
target of one series, so that a table of targets is as many rows as it has columns.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnnkit.datasets.series import Series
from rnnkit.datasets.time_grid import calendar
from rnnkit.errors import DataError
from rnnkit.tasks.forecasting.scaling import learn_scales, scale_of, standard

Rows = np.ndarray | slice


class Slices:
    """A column of windows: stretches of an array that are cut out when their rows are asked for.

    Args:
        source: shape (n, ...).
        firsts: rows -> where in `source` each begins.
        length: steps of each.
        count: R.
    """

    owners: Callable[[Rows], np.ndarray]  # the series of each row, of targets

    def __init__(self, source: np.ndarray, firsts: Callable[[Rows], np.ndarray], length: int, count: int):
        self.source, self.firsts, self.length, self.count = source, firsts, length, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: Rows) -> np.ndarray:
        return self.source[self.firsts(rows)[:, None] + np.arange(self.length)]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        """What all windows are cut from, for a checksum."""
        return self.source


class Windows:
    """All windows of some series.

    Attributes:
        x: by input of the network, a column of R rows.
        y: targets (R, H), scaled, NaN where they are missing; None where the windows end with the series.
        series: which series each row is of, as a function of rows.
    """

    def __init__(self, learned: dict[str, Any], series: Sequence[Series], lookback: int, horizon: int, target: bool):
        self.learned, self.lookback, self.horizon = learned, lookback, horizon
        channels = len(learned["targets"])
        spans = [_origins(each, lookback, horizon) if target else range(len(each), len(each) + 1) for each in series]
        pads = [max(0, lookback - span.start) if span else 0 for span in spans]
        runs = [_padded(_scaled(learned, each), pad) for each, pad in zip(series, pads, strict=True)]
        values = np.concatenate([run.T.ravel() for run in runs]).astype("float32")
        sizes = np.repeat([len(run) for run in runs], channels)
        self.run_starts = np.cumsum(sizes) - sizes
        places = [
            start + pad + np.arange(span.start - lookback, span.stop - lookback)
            for start, pad, span in zip(
                self.run_starts, np.repeat(pads, channels), [s for s in spans for _ in range(channels)], strict=True
            )
        ]
        if np.isnan(values).any():
            places = [_usable(values, each, lookback, horizon if target else 0) for each in places]
        if not target and not all(map(len, places)):
            raise DataError(f"x: all of the last {lookback} values of a series are missing. There is nothing to go on.")
        self.starts = np.concatenate([*places, np.zeros(0, "int64")])
        self.first_rows = np.cumsum([0, *map(len, places)])
        self._channels, self._series = channels, list(series)
        self.x: dict[str, Any] = {"history": Slices(values, lambda rows: self.starts[rows], lookback, len(self))}
        self.y: Any = Slices(values, lambda rows: self.starts[rows] + lookback, horizon, len(self)) if target else None
        if self.y is not None:
            self.y.owners = self.series
        self._add_covariates(pads, 0 if target else horizon)
        self._add_statics()

    def __len__(self) -> int:
        return len(self.starts)

    def runs(self, rows: Rows) -> np.ndarray:
        """The series and target of each row, as one number: series * C + target."""
        rows = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        return np.searchsorted(self.first_rows, rows, side="right") - 1

    def series(self, rows: Rows) -> np.ndarray:
        """The number of each row's series."""
        return self.runs(rows) // self._channels

    def origins(self, rows: Rows) -> np.ndarray:
        """How many steps of its series each row has seen before its first forecast."""
        runs = self.runs(rows)
        return self.starts[rows] - self.run_starts[runs] - self._pads[runs // self._channels] + self.lookback

    def scales(self, rows: Rows) -> np.ndarray:
        """Shift and scale of each row, shape (2, rows, 1)."""
        each = [scale_of(self.learned["scales"], series) for series in self._series]
        return np.concatenate(each, axis=1)[:, self.runs(rows), None]

    def _add_covariates(self, pads: list[int], ahead: int) -> None:
        self._pads = np.array(pads)
        width = covariate_width(self.learned)
        if not width[0]:
            return
        tables = [
            _padded(_covariates(self.learned, each, ahead), pad, 0.0)
            for each, pad in zip(self._series, pads, strict=True)
        ]
        table = np.concatenate(tables).astype("float32")
        sizes = np.array([len(each) for each in tables])
        shifts = np.repeat(np.cumsum(sizes) - sizes, self._channels) - self.run_starts

        def firsts(rows: Rows) -> np.ndarray:
            return self.starts[rows] + shifts[self.runs(rows)]

        self.x["covariates"] = Slices(table, firsts, self.lookback, len(self))
        if width[1]:
            known = np.ascontiguousarray(table[:, width[0] - width[1] :])
            self.x["future"] = Slices(known, lambda rows: firsts(rows) + self.lookback, self.horizon, len(self))

    def _add_statics(self) -> None:
        for name, make in (("ids", _ids), ("numbers", _static_numbers)):
            rows = [make(self.learned, each, channel) for each in self._series for channel in range(self._channels)]
            if rows and rows[0]:
                kind = "int32" if name == "ids" else "float32"
                self.x[name] = Statics(np.array(rows, kind), self.runs, len(self))


class Statics(Slices):
    """A column of what never changes within a series."""

    def __init__(self, source: np.ndarray, runs: Callable[[Rows], np.ndarray], count: int):
        super().__init__(source, runs, 1, count)

    def __getitem__(self, rows: Rows) -> np.ndarray:
        return self.source[self.firsts(rows)]


def learn_encoding(
    series: Sequence[Series], scaling: str, per_series: bool, calendar_features: bool, embed_groups: bool
) -> dict[str, Any]:
    """What has to be known of the training data to make windows of it and of later data; JSON-able."""
    roles = series[0].roles
    covariates = np.concatenate([_given(each) for each in series])
    columns = [*roles.past, *roles.known] or [f"covariate {number}" for number in range(covariates.shape[1])]
    masked = [name for name, column in zip(columns, covariates.T, strict=True) if np.isnan(column).any()]
    numeric = [name for name in series[0].static if all(_is_number(each.static[name]) for each in series)]
    labels = {
        name: sorted({str(each.static[name]) for each in series}) for name in series[0].static if name not in numeric
    }
    groups = sorted({str(each.group) for each in series}) if embed_groups else []
    return {
        "roles": roles._asdict() | {"frequency": series[0].frequency},
        "targets": list(roles.target),
        "scales": learn_scales(series, scaling, per_series),
        "columns": columns,
        "past": series[0].past.shape[1],
        "covariates": standard(covariates) if columns else [],
        "masked": masked,
        "missing": any(bool(np.isnan(each.values).any()) for each in series),
        "calendar": list(calendar(series[0].stamps(0))) if calendar_features else [],
        "labels": labels | ({"group": groups} if groups else {}),
        "numbers": {name: standard(np.array([[each.static[name]] for each in series], float)) for name in numeric},
    }


def covariate_width(learned: dict[str, Any]) -> tuple[int, int]:
    """How many covariates there are of the past, and how many of them are known ahead."""
    past = learned["past"]
    masks = [learned["columns"].index(name) for name in learned["masked"]]
    known = len(learned["columns"]) - past + sum(place >= past for place in masks) + len(learned["calendar"])
    return past + sum(place < past for place in masks) + known, known


def _origins(series: Series, lookback: int, horizon: int) -> range:
    """The steps at which a forecast of the horizon may begin; a short series has fewer steps before it."""
    last = len(series) - horizon
    return range(max(1, series.start, min(lookback, last)), last + 1)


def _scaled(learned: dict[str, Any], series: Series) -> np.ndarray:
    shift, scale = scale_of(learned["scales"], series)
    return (series.values - shift) / scale


def _padded(table: np.ndarray, pad: int, value: float = np.nan) -> np.ndarray:
    return np.pad(table, ((pad, 0), (0, 0)), constant_values=value) if pad else table


def _usable(values: np.ndarray, places: np.ndarray, lookback: int, horizon: int) -> np.ndarray:
    """The windows with a value to look back on, and one to forecast."""
    if not len(places):
        return places
    first = places[0]
    seen = np.isfinite(values[first : places[-1] + lookback + horizon])
    counts = np.concatenate([[0], np.cumsum(seen)])
    at = places - first
    usable = counts[at + lookback] > counts[at]
    if horizon:
        usable &= counts[at + lookback + horizon] > counts[at + lookback]
    return places[usable]


def _given(series: Series) -> np.ndarray:
    return np.concatenate([series.past, series.known[: len(series)]], axis=1)


def _covariates(learned: dict[str, Any], series: Series, ahead: int) -> np.ndarray:
    """Inputs other than the target, (T + ahead, K): past columns, known ones, the calendar; scaled, 0 for missing.

    Raises:
        DataError: missing values in a column that had none in training, or one that is not known far enough ahead.
    """
    size, past = len(series) + ahead, learned["past"]
    names = learned["columns"]
    if len(series.known) < size and len(names) > past:
        raise DataError(
            f"known: {', '.join(names[past:])} must be known {ahead} steps ahead, got {len(series.known) - len(series)}"
            f"{'' if series.group is None else f' of {series.group!r}'}. Give the rows of those steps too, without a "
            "target; or make it one of past=."
        )
    beyond = np.full((ahead, past), np.nan)
    table = np.concatenate([np.concatenate([series.past, beyond]), series.known[:size]], axis=1)
    if table.shape[1] != len(names):
        raise DataError(f"past, known: expected {len(names)} columns as in training, got {table.shape[1]}.")
    parts = {"past": [], "known": []}  # type: dict[str, list[np.ndarray]]
    for place, (name, column) in enumerate(zip(names, table.T, strict=True)):
        lost = np.isnan(column)
        if name not in learned["masked"] and lost[: size if place >= past else len(series)].any():
            raise DataError(f"{name}: values are missing, and none were in training. Fill them, or train with such.")
        shift, scale = learned["covariates"][0][place], learned["covariates"][1][place]
        side = parts["past" if place < past else "known"]
        side.append(np.where(lost, 0.0, (column - shift) / scale))
        side += [lost.astype(float)] if name in learned["masked"] else []
    if learned["calendar"]:
        parts["known"] += list(calendar(series.stamps(ahead)[:size]).values())
    return np.stack([*parts["past"], *parts["known"]], axis=1)


def _ids(learned: dict[str, Any], series: Series, channel: int) -> list[int]:
    """The channel, where there are several, and the numbers of the labels."""
    found = [channel] if len(learned["targets"]) > 1 else []
    for name, labels in learned["labels"].items():
        value = str(series.group if name == "group" else series.static.get(name))
        if value not in labels:
            raise DataError(f"{name}: {value!r} was not in training; it knew {', '.join(labels[:9])}. Train with it.")
        found.append(labels.index(value))
    return found


def _static_numbers(learned: dict[str, Any], series: Series, channel: int) -> list[float]:
    scaled = {name: (float(series.static[name]) - pair[0][0]) / pair[1][0] for name, pair in learned["numbers"].items()}
    return list(scaled.values())


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
