"""What a trained forecaster answers.

Legend: `N` series, `C` targets, `H` steps ahead, `R` windows, `P` numbers that describe a step.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Roles, Series
from rnnkit.errors import DataError
from rnnkit.errors.checks import whole
from rnnkit.tasks.batches import Batches
from rnnkit.tasks.forecasting.conformal import Calibration, calibrate
from rnnkit.tasks.forecasting.frames import forecast_frame, series_column, with_future
from rnnkit.tasks.forecasting.heads import QUANTILES, Head, check_levels
from rnnkit.tasks.forecasting.windows import Windows
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.report.plot import Plot
    from rnnkit.tasks.forecasting.backtest import Backtest
    from rnnkit.tasks.forecasting.stream import ForecastStream


class Answers(Task):
    """The half of `Forecaster` that works with what `fit` has learned.

    Attributes:
        horizon, lookback: as for `Forecaster`.
        head: what the last layer's numbers are.
    """

    horizon: int
    lookback: int
    head: Head
    _roles: Roles

    @property
    def roles(self) -> Roles:
        """What the columns of a frame are: those of the training data, or those that `fit` was given."""
        if self._learned is None:
            return self._roles
        learned = self._learned["roles"]
        kept: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in learned.items()}
        return Roles(**kept)

    def windows(self, data: Any, *, target: bool = True) -> Windows:
        """All windows of series, or the last one of each, which has no target.

        Raises:
            DataError: other columns than in training, or no window fits.
        """
        series, learned = series_column(data, self.roles)["series"], self._learned or {}
        count = series[0].values.shape[1]
        if count != len(learned["targets"]):
            raise DataError(f"x: expected {len(learned['targets'])} targets as in training, got {count}.")
        windows = Windows(learned, series, self.lookback, self.horizon, target)
        if not len(windows):
            longest = max(len(each) - each.start for each in series)
            raise DataError(
                f"x: no window fits: a forecast of {self.horizon} steps after at least one needs as many, the longest "
                f"series has {longest}. Give longer series (or a longer part to validate on), or a smaller horizon."
            )
        return windows

    def predict(
        self, x: Any, batch_size: int = 512, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """What comes after the end of each series, in the units of the data.

        Returns:
            Shape (N, H, C): the forecasts; for quantiles (N, H, C, Q), for a distribution (N, H, C, 2): its parameters.
        """
        self._need_network()

        def answer(own):
            found = self._by_series(self.described(self.windows(own, target=False), batch_size, verbose))
            return found if self.head.size > 1 else found[..., 0]

        return answered_by_all(self._strategy, self.inputs(x, batch_size, steps), answer)

    def forecast(
        self,
        history: Any,
        steps: int | None = None,
        quantiles: Sequence[float] = (),
        *,
        future: Any = None,
        batch_size: int = 512,
    ) -> "pd.DataFrame":
        """How series go on, as a frame with time stamps: a column for each target, and one for each quantile.

        Args:
            history: up to the present, in any form that `fit` takes; the rows of a frame may go on with what is known
                ahead, without a target.
            steps: how many, at most `horizon`; None is `horizon`.
            quantiles: levels; the column of the level 0.9 of `load` is `load_0.9`. A model of a point loss has none
                before `calibrate`.
            future: a frame with the known columns of the steps ahead, and their time and group.
            batch_size: windows per step.

        Raises:
            ArgumentError: `steps` or `quantiles` that the model cannot give.
            DataError: data that cannot be used, or a known column that is not known far enough.
        """
        self._need_network()
        steps = whole("steps", self.horizon if steps is None else steps, most=self.horizon)
        levels = check_levels(quantiles) if len(quantiles) else []
        data = self.read(with_future(history, future, self.roles), target=True)
        windows = self.windows(data, target=False)
        described = self.described(windows, batch_size)
        asked = {"": self.head.point(described)} | {
            f"_{level:g}": each for level, each in self.quantiles_of(windows, described, levels).items()
        }
        shaped = {name: self._by_series(values)[:, :steps] for name, values in asked.items()}
        return forecast_frame(data["series"], self.roles, shaped)

    def stream(
        self, history: Any = None, group: Any = None, steps: int | None = None, quantiles: Sequence[float] = ()
    ) -> "ForecastStream":
        """A series that grows row by row: `stream.push(row)` gives the next forecast. See `stream.ForecastStream`."""
        from rnnkit.tasks.forecasting.stream import ForecastStream

        self._need_network()
        return ForecastStream(self, history, group, steps, quantiles)

    def described(self, windows: Any, batch_size: int = 512, verbose: Any = 0) -> np.ndarray:
        """What describes each step of each window, (R, H, P), in the units of the data."""
        lengths = np.broadcast_to(np.int32(self.lookback), len(windows))
        batches = Batches(windows.x, lengths=lengths, batch_size=batch_size, max_steps=math.inf)
        found = self.answers_to(batches, verbose if len(windows) > batch_size else 0)
        return self.head.unscaled(np.asarray(found, "float64"), *windows.scales(slice(None)))

    def quantiles_of(self, windows: Windows, described: Any, levels: Sequence[float]) -> dict[float, np.ndarray]:
        """Quantiles by level, (R, H) each, conformal ones after `calibrate`.

        Raises:
            ArgumentError: the model has none, or not of this level.
        """
        calibration = Calibration.of((self._learned or {}).get("conformal"))
        return calibration.quantiles(self.head, described, windows.scales(slice(None))[1], levels)

    def calibrate(self, data: Any, levels: Sequence[float] = QUANTILES, batch_size: int = 512) -> None:
        """Conformal quantiles: shifts each by what it was off on data that the model was not trained on.

        For each level and step ahead the shift is the quantile of what the targets were above the forecast, with the
        correction for a finite sample (Romano, Patterson and Candès, "Conformalized quantile regression", 2019). It is
        saved with the model. A model of a point loss gives quantiles only after this.

        Args:
            data: in any form that `fit` takes, such as the validation data.
            levels: the quantiles that `forecast` can then give; others are interpolated.
        """
        self._need_network()
        windows = self.windows(self.read(data))
        described = self.described(windows, batch_size)
        self._learned = {**(self._learned or {}), "conformal": calibrate(self.head, windows, described, levels)}

    def backtest(
        self, data: Any, windows: int | None = None, stride: int | None = None, refit: bool = False, **options: Any
    ) -> "Backtest":
        """Forecasts of the past, compared with baselines; see `rnnkit.tasks.forecasting.backtest.backtest`."""
        from rnnkit.tasks.forecasting.backtest import backtest

        self._need_network()
        return backtest(self, self.read(data), windows, stride, refit, **options)

    def anomalies(self, data: Any, level: float = 0.99) -> "pd.DataFrame":
        """Values that the step before did not expect; see `rnnkit.tasks.forecasting.anomalies.anomalies`."""
        from rnnkit.tasks.forecasting.anomalies import anomalies

        self._need_network()
        return anomalies(self, self.read(data), level)

    def plot(
        self, history: Any, quantiles: Sequence[float] = (), *, future: Any = None, shown: int | None = None
    ) -> "Plot":
        """The end of each series and how it continues; `.figure()` draws it. See `plots.forecast_plot`."""
        from rnnkit.tasks.forecasting.plots import forecast_plot

        return forecast_plot(self, history, quantiles, future, shown or 2 * self.horizon)

    def preview(self, data: Any, rows: int = 6):
        import pandas as pd

        [series, *_] = series_column(data.take(range(1)), self.roles)["series"]
        windows = self.windows(Dataset({"series": [series]}))
        last = len(windows) // len(self.roles.target) - 1
        point, scales = self.head.point(self.described(_only(self, series))), windows.scales(slice(last, last + 1))
        steps = np.unique(np.linspace(0, self.horizon - 1, rows).astype(int))
        actual = windows.y[np.array([last])][0] * scales[1, 0] + scales[0, 0]
        stamps = series.stamps(0)[len(series) - self.horizon :]
        columns = {"time": stamps[steps], "actual": actual[steps], "forecast": point[0, steps]}
        return pd.DataFrame({"target": self.roles.target[0], "step": steps + 1, **columns})

    def _by_series(self, rows: np.ndarray) -> np.ndarray:
        """Rows of a series' targets one after the other, (N * C, H, ...) -> (N, H, C, ...)."""
        count = len(self.roles.target)
        return np.moveaxis(rows.reshape(len(rows) // count, count, *rows.shape[1:]), 1, 2)


def _only(model: Answers, series: Series) -> Windows:
    """The window before the last horizon of a series."""
    before = series.cut(len(series) - model.horizon)
    before.known, before.index = series.known, series.index
    return model.windows(Dataset({"series": [before]}), target=False)
