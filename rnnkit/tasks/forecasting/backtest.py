"""Forecasts of the past, compared with baselines.

Legend: `R` windows of a target, `H` steps ahead, `C` targets.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Series
from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import whole
from rnnkit.tasks.forecasting.baselines import LinearModel, baseline_forecasts
from rnnkit.tasks.forecasting.scores import naive_errors, point_scores, quantile_scores
from rnnkit.tasks.forecasting.windows import Windows

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.report.plot import Plot
    from rnnkit.tasks.forecasting.answers import Answers

INTERVAL = (0.05, 0.5, 0.95)
MODEL = "model"


@dataclass(frozen=True)
class Backtest:
    """Forecasts with what came, in the units of the data.

    Attributes:
        actual: shape (R, H), NaN where it is missing.
        forecasts: by name, the model first, shape (R, H).
        quantiles: of the model, by level.
        scale: of MASE, shape (R, 1).
        labels: one row for each window: `window`, `origin` (the last time stamp before the forecast), `target`, and
            the group's column, if there are groups.
        stamps: time stamps, a list of R with H each.
    """

    actual: np.ndarray
    forecasts: Mapping[str, np.ndarray]
    quantiles: Mapping[float, np.ndarray]
    scale: np.ndarray
    labels: "pd.DataFrame"
    stamps: "Sequence[pd.Index]"

    @property
    def frame(self) -> "pd.DataFrame":
        """One row for each window, target and step: `time`, `step`, `actual`, a column per forecast, and quantiles."""
        rows, horizon = self.actual.shape
        frame = self.labels.loc[self.labels.index.repeat(horizon)].reset_index(drop=True)
        columns = {"actual": self.actual, **self.forecasts, **{f"q{level:g}": q for level, q in self.quantiles.items()}}
        steps = np.tile(np.arange(1, horizon + 1), rows)
        times = np.concatenate([np.asarray(each) for each in self.stamps])
        return frame.assign(step=steps, time=times, **{name: values.ravel() for name, values in columns.items()})

    @property
    def scores(self) -> "pd.DataFrame":
        """One row for the model and each baseline: `mae`, `rmse`, `mase`, `smape`; `pinball`, `coverage`, `nominal`."""
        import pandas as pd

        rows = {name: point_scores(self.actual, values, self.scale) for name, values in self.forecasts.items()}
        rows[MODEL] |= quantile_scores(self.actual, self.quantiles)
        return pd.DataFrame(rows).T.rename_axis("forecast")

    @property
    def by_step(self) -> "pd.DataFrame":
        """As `scores`, for each step ahead: the columns `step` and `forecast` first."""
        import pandas as pd

        rows = []
        for step in range(self.actual.shape[1]):
            here = slice(step, step + 1)
            for name, values in self.forecasts.items():
                scores = point_scores(self.actual[:, here], values[:, here], self.scale)
                if name == MODEL:
                    quantiles = {level: each[:, here] for level, each in self.quantiles.items()}
                    scores |= quantile_scores(self.actual[:, here], quantiles)
                rows.append({"step": step + 1, "forecast": name, **scores})
        return pd.DataFrame(rows)

    def plot(self) -> "Plot":
        """The last windows of the first target, and the error of each forecast by step; `.figure()` draws it."""
        from rnnkit.tasks.forecasting.plots import backtest_plot

        return backtest_plot(self.frame, self.by_step)


def backtest(
    model: "Answers",
    data: Dataset,
    windows: int | None = None,
    stride: int | None = None,
    refit: bool = False,
    *,
    quantiles: Sequence[float] = INTERVAL,
    baselines: bool = True,
    **fit: Any,
) -> Backtest:
    """Forecasts the last steps of series from the steps before each of them, as it would have been done then.

    Args:
        model: trained.
        data: series. What counts are steps after the end of the training data, by their time stamps, or those of a part
            that `datasets.split_by_time` made.
        windows: how many forecasts of each series, the last ones; None takes all.
        stride: steps from one to the next; None is the horizon.
        refit: whether to train a new model of the same arguments before each forecast, on all that came before.
        quantiles: levels; left out where the model gives none.
        baselines: whether to add the last value, a seasonal naive forecast, the mean of the window, and a linear model
            of it that was fitted to all steps before the first forecast.
        fit: arguments of `fit` for `refit`, such as `epochs`.

    Raises:
        ArgumentError: it is not known which steps the model has not seen.
        DataError: no window fits.

    Warns:
        UserWarning: the model was trained on steps that are forecast.
    """
    stride = whole("stride", model.horizon if stride is None else stride)
    series = [_after_training(model, each, windows, refit) for each in data["series"]]
    longest = max(len(each) - each.start for each in series)
    if longest < model.horizon:
        raise DataError(
            f"data: expected {model.horizon} steps after the training data, got {longest}. Give later steps."
        )
    made = model.windows(Dataset({"series": series}))
    rows = _chosen(made, series, stride, None if windows is None else whole("windows", windows))
    if not len(rows):
        raise DataError(f"data: no window of {model.horizon} steps fits after the training data. Give later steps.")
    shift, scale = made.scales(rows)
    described = _refitted(model, made, series, rows, fit) if refit else model.described(Subset(made, rows))
    forecasts = {MODEL: model.head.point(described)}
    season = int((model.get_build_config() or {})["season"])
    firsts = _first_origins(made, rows, len(series))
    if baselines:
        linear = _linear(model, series, firsts)
        found = baseline_forecasts(made, rows, season, linear)
        forecasts |= {name: values * scale + shift for name, values in found.items()}
    errors = [naive_errors(each, first, season) for each, first in zip(series, firsts, strict=True)]
    labels, stamps = labels_of(model, made, series, rows, stride)
    return Backtest(
        made.y[rows] * scale + shift,
        forecasts,
        levels_of(model, made, rows, described, quantiles),
        np.concatenate(errors)[made.runs(rows)][:, None],
        labels,
        stamps,
    )


def _after_training(model: "Answers", series: Series, windows: int | None, refit: bool) -> Series:
    """A series whose steps count from where the training of the model ended."""
    import pandas as pd

    ends = (model.get_build_config() or {})["ends"]
    end = ends.get("" if series.group is None else str(series.group))
    if end is None or series.index is None:
        if not series.start and windows is None and not refit:
            raise ArgumentError(
                "windows: without time stamps it is not known which steps the model has not seen. Say how many "
                "windows, or give a part that datasets.split_by_time made."
            )
        return series
    last = pd.Timestamp(end) if isinstance(series.index, pd.DatetimeIndex) else int(end)
    seen = int((series.index[: len(series)] <= last).sum())
    if series.start and series.start < seen and not refit:
        warnings.warn(f"data: the model was trained on {seen - series.start} of the steps to forecast.", stacklevel=4)
    return series if series.start or refit else series.cut(len(series), start=seen)


def _chosen(made: Windows, series: Sequence[Series], stride: int, count: int | None) -> np.ndarray:
    """The rows whose forecasts end with the series, or a multiple of the stride before."""
    rows = np.arange(len(made))
    ends = np.array([len(each) for each in series])[made.series(rows)] - made.horizon
    back = ends - made.origins(rows)
    return rows[(back % stride == 0) & (True if count is None else back < count * stride)]


def _first_origins(made: Windows, rows: np.ndarray, count: int) -> list[int]:
    firsts = np.full(count, np.iinfo("int64").max)
    np.minimum.at(firsts, made.series(rows), made.origins(rows))
    return [int(first) for first in firsts]


class _Rows:
    """A column of windows, of some rows only."""

    def __init__(self, column, rows: np.ndarray):
        self.column, self.rows = column, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows):
        return self.column[self.rows[rows]]


class Subset:
    """Some rows of windows, with as much of `Windows` as a prediction asks for."""

    def __init__(self, made: Windows, rows: np.ndarray):
        self.made, self.rows = made, rows
        self.x = {name: _Rows(column, rows) for name, column in made.x.items()}

    def __len__(self) -> int:
        return len(self.rows)

    def scales(self, rows) -> np.ndarray:
        """As `Windows.scales`."""
        return self.made.scales(self.rows[rows])


def levels_of(model, made, rows, described, levels, strict: bool = False) -> dict[float, np.ndarray]:
    """Quantiles of some rows; none where the model has none, unless that is an error (`strict`)."""
    try:
        return model.quantiles_of(Subset(made, rows), described, levels)
    except ArgumentError:
        if strict:
            raise
        return {}


def _linear(model: "Answers", series: Sequence[Series], firsts: list[int]) -> LinearModel | None:
    """A linear model of all steps before the first forecast of each series; None where there is no window."""
    parts = [each.cut(min(first, len(each)), start=0) for each, first in zip(series, firsts, strict=True)]
    try:
        return LinearModel.fit(model.windows(Dataset({"series": parts})))
    except DataError:
        return None


def _refitted(model, made: Windows, series: Sequence[Series], rows: np.ndarray, fit: dict[str, Any]) -> np.ndarray:
    """The forecasts of models that were each trained on what came before."""
    origins, owners = made.origins(rows), made.series(rows)
    found: list[Any] = [None] * len(rows)
    for origin in np.unique(origins):
        here = np.flatnonzero(origins == origin)
        cuts = [series[number].cut(int(origin), start=0) for number in np.unique(owners[here])]
        for cut, number in zip(cuts, np.unique(owners[here]), strict=True):
            cut.known, cut.index = series[number].known, series[number].index
        again = type(model).from_config(model.get_config())
        before = [each.cut(int(origin)) for each in cuts]
        again.fit(Dataset({"series": before}), verbose=0, **{"validation_split": 0.1, **fit})
        described = again.described(again.windows(Dataset({"series": cuts}), target=False))
        for place, row in enumerate(here):
            found[row] = described[place]
    return np.stack(found)


def labels_of(model, made: Windows, series: Sequence[Series], rows: np.ndarray, stride: int):
    """Who, when and what each row is of, and the time stamps of its steps."""
    import pandas as pd

    owners, origins, channels = made.series(rows), made.origins(rows), made.runs(rows) % len(model.roles.target)
    stamps = [each.stamps(0) for each in series]
    lasts = np.array([len(each) for each in series])[owners] - made.horizon
    labels: dict[str, Any] = {}
    if any(each.group is not None for each in series) or len(series) > 1:
        groups = [number if each.group is None else each.group for number, each in enumerate(series)]
        labels[model.roles.group or "series"] = [groups[owner] for owner in owners]
    labels["window"] = -((lasts - origins) // stride)
    labels["origin"] = [stamps[owner][origin - 1] for owner, origin in zip(owners, origins, strict=True)]
    labels["target"] = [model.roles.target[channel] for channel in channels]
    times = [stamps[owner][origin : origin + made.horizon] for owner, origin in zip(owners, origins, strict=True)]
    return pd.DataFrame(labels), times
