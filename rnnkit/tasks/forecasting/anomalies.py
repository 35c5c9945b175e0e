"""Values that the step before did not expect."""

from typing import TYPE_CHECKING

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Series
from rnnkit.errors import ArgumentError
from rnnkit.tasks.forecasting.backtest import Subset, labels_of, levels_of

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.tasks.forecasting.answers import Answers


def anomalies(model: "Answers", data: Dataset, level: float = 0.99) -> "pd.DataFrame":
    """Each value with the interval in which the forecast from the step before expected it.

    Args:
        model: trained; of quantiles that reach as far, of a distribution, or calibrated.
        data: series; the first `lookback` steps of each, or those before its start, are only looked back on, and so
            are its last ones where what is known ahead ends before their horizon.
        level: of the interval; a fraction of 1 - level of usual values lies outside of it.

    Returns:
        One row for each value: the group, `time`, `target`, `value`, `expected`, `lower`, `upper`, and `anomaly`,
        whether it is outside.
    """
    import pandas as pd

    if not isinstance(level, float) or not 0 < level < 1:
        raise ArgumentError(f"level: expected a number between 0 and 1, got {level!r}.")
    series = [_one_step_more(each, model.horizon) for each in data["series"]]
    windows = model.windows(Dataset({"series": series}))
    rows = np.flatnonzero(np.isfinite(windows.y[np.arange(len(windows))][:, 0]))
    described, (shift, scale) = model.described(Subset(windows, rows)), windows.scales(rows)
    levels = [round((1 - level) / 2, 6), round((1 + level) / 2, 6)]
    lower, upper = levels_of(model, windows, rows, described, levels, strict=True).values()
    value = windows.y[rows][:, 0] * scale[:, 0] + shift[:, 0]
    labels, stamps = labels_of(model, windows, series, rows, 1)
    found = {"value": value, "expected": model.head.point(described)[:, 0], "lower": lower[:, 0], "upper": upper[:, 0]}
    outside = (value < found["lower"]) | (value > found["upper"])
    frame = labels.drop(columns=["window", "origin"]).assign(time=[each[0] for each in stamps])
    return pd.DataFrame({**frame, **found, "anomaly": outside})


def _one_step_more(series: Series, horizon: int) -> Series:
    """The series with missing values after its end, so that its last value has a window too."""
    more = horizon - 1
    if series.known.shape[1]:
        more = min(more, len(series.known) - len(series))
    pad = ((0, more), (0, 0))
    made = series.cut(len(series))
    made.values = np.pad(series.values, pad, constant_values=np.nan)
    made.past = np.pad(series.past, pad)
    made.known = series.known[: len(series) + more] if series.known.shape[1] else np.zeros((len(made.values), 0))
    made.index = None if series.index is None else series.stamps(more)
    return made
