"""Forecasting: what a series has been in, and what it will be out.

Legend: `N` series, `T` steps, `C` targets, `L` steps looked back on, `H` steps ahead, `P` numbers that describe a step.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from rnnkit.datasets.series import Roles, split_by_time
from rnnkit.datasets.time_grid import season_of
from rnnkit.diagnosis.layers import ESTIMATED, FORETELLS
from rnnkit.diagnosis.series import past_dependence
from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import fraction, one_of, whole
from rnnkit.tasks.forecasting.answers import Answers
from rnnkit.tasks.forecasting.frames import is_frame, series_column
from rnnkit.tasks.forecasting.heads import LOSSES, QUANTILES, ForecastLoss, ForecastMetric, Head
from rnnkit.tasks.forecasting.leaks import ends_of, told_leaks
from rnnkit.tasks.forecasting.network import DECODERS, NORMALIZATIONS, forecast_network
from rnnkit.tasks.forecasting.scaling import KINDS
from rnnkit.tasks.forecasting.windows import learn_encoding
from rnnkit.tasks.inputs import take_apart

LONGEST_SEGMENT = 48  # that of SegRNN
PROBED = 64  # windows for a diagnosis


@keras.saving.register_keras_serializable(package="rnnkit")
class Forecaster(Answers):
    """Learns from series and forecasts how they go on.

        model = rnnkit.Forecaster(horizon=24, lookback=168, loss="quantiles")
        model.fit(frame, target="load", time="date", known=["holiday"], validation_split=0.2)
        model.forecast(frame, quantiles=[0.1, 0.9])

    Each target is forecast from its own past and from the columns in `past`, `known` and `static`: one network for all
    targets and series, which learns which one it has before it. Scales are learned from the training steps, saved with
    the model, and inverted in its answers; `loss`, `mse` and `mae` are in scaled units. Missing values (NaN, or steps
    that are left out) are zero after scaling, are marked by an extra input, and do not count in the loss.

    Args:
        horizon: H, steps ahead.
        lookback: L, steps of the past that a forecast is made from. A shorter series is filled up with missing values.
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width, or a list with one width a layer.
        layers: how many recurrent layers.
        decoder: `"segments"`: segments of the window in, those of the horizon out, all at once (Lin et al., "SegRNN",
            2023); `"direct"`: step by step in, all steps out by one linear map; `"recursive"`: step by step in and out.
        segment: steps of a segment, a divisor of `lookback` and `horizon`; None takes the largest up to 48.
        loss: `"quantiles"`, the mean pinball loss; `"mae"`, `"mse"`, `"huber"`; or the likelihood of `"normal"`, or for
            counts `"negative_binomial"` (Salinas et al., "DeepAR", 2020).
        quantiles: the levels of `"quantiles"`, with 0.5 among them.
        scaling: `"standard"` (mean and deviation), `"robust"` (median and quartiles) or `"none"`.
        per_series: whether each group has scales of its own, so that one never seen cannot be forecast.
        normalization: what is taken out of each window: its `"last"` value, mean and deviation (`"instance"`), its
            `"mean"` size, or `"none"`.
        calendar: whether to add the time of day, day of week and day of year.
        group_embedding: whether to learn a vector for each group, so that one never seen cannot be forecast.
        head_dropout: fraction of the last layer's inputs dropped in training, in [0, 1).
        options: any other argument of `RecurrentStack`, such as `activation`, `dropout` and `bidirectional`; and `name`
            and `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.
    """

    columns = ("series",)
    rank = 2
    unclassed = "a time series"
    monitor = ("val_loss", "min")
    batch_size = 64

    def __init__(
        self,
        horizon: int = 24,
        lookback: int = 96,
        cell: Any = "gru",
        units: int | Sequence[int] = 128,
        layers: int = 1,
        decoder: str = "segments",
        segment: int | None = None,
        loss: str = "quantiles",
        quantiles: Sequence[float] = QUANTILES,
        scaling: str | None = None,
        per_series: bool = True,
        normalization: str | None = None,
        calendar: bool = False,
        group_embedding: bool = False,
        head_dropout: float = 0.0,
        **options: Any,
    ):
        super().__init__(cell, units, layers, return_sequences=False, **options)
        self.horizon, self.lookback = whole("horizon", horizon), whole("lookback", lookback)
        self.decoder = one_of("decoder", decoder, DECODERS)
        self.segment = _segment(segment, self.lookback, self.horizon)
        self.head = Head(one_of("loss", loss, LOSSES), quantiles)
        self.quantiles = list(quantiles)
        counts = loss == "negative_binomial"
        self.scaling = one_of("scaling", scaling or ("none" if counts else "standard"), KINDS)
        self.normalization = one_of("normalization", normalization or ("mean" if counts else "last"), NORMALIZATIONS)
        if counts and (self.scaling != "none" or self.normalization not in ("mean", "none")):
            raise ArgumentError("loss: a negative binomial is one of counts: leave scaling and normalization out.")
        self.per_series, self.calendar, self.group_embedding = per_series, calendar, group_embedding
        self.head_dropout = fraction("head_dropout", head_dropout)
        self._roles = Roles()

    def fit(  # type: ignore[override]  # columns have roles, and fit names them
        self,
        x: Any = None,
        y: Any = None,
        *,
        target: str | Sequence[str] = (),
        time: str | None = None,
        past: str | Sequence[str] = (),
        known: str | Sequence[str] = (),
        static: str | Sequence[str] = (),
        group: str | None = None,
        frequency: str | int | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        **options: Any,
    ):
        """As `Task.fit`, on a frame, an array (N, T, C), a list of arrays (T, C), or a `Dataset`.

        Args:
            x: the data. A frame has one row per step, and per group, in any order. Steps that are left out are missing.
            y: not used, the targets are columns of `x`.
            target: the columns to forecast, of a frame.
            time: its column of dates or whole numbers; None takes the rows as they come.
            past: columns that are known up to the present only, such as a temperature that was measured.
            known: columns that are known ahead, such as holidays.
            static: columns that never change within a group: numbers or text.
            group: the column that says which series a row is of.
            frequency: the step, such as `"h"` or `"D"`; None finds it.
            validation_split: fraction of the steps of each series, its last ones, to validate on; their windows look
                back on the steps before.
            validation_data: as `x`.
            options: the other arguments of `Task.fit`; `sample_weight` has a weight for each series.

        Warns:
            DataNotice: validation data overlap the training data, or a known column gives the target away.
        """
        if self._learned is None:
            self._roles = Roles.of(target, time, past, known, static, group, frequency)
        if validation_split and validation_data is None:
            x, validation_data = split_by_time(self.read(x), validation_split)
        x, validation_data = (self.read(each) if is_frame(each) else each for each in (x, validation_data))
        for notice in told_leaks(x, validation_data, self.roles):
            warnings.warn(notice, stacklevel=2)
        return super().fit(x, y, validation_data=validation_data, **options)

    def adapt(self, x: Any, y: Any = None, **roles: Any) -> None:
        """As `Task.adapt`; `roles` are those that `fit` takes."""
        self._roles = Roles.of(**roles) if roles else self._roles
        super().adapt(x, y)

    def read(self, x: Any, y: Any = None, *, target: bool = True):
        """A `Dataset` with the column `series`, of any form that `fit` takes."""
        x, y, *_ = take_apart(x, y, columns=self.columns, rank=self.rank)
        if y is not None:
            raise DataError("y: the targets are columns of the series. Leave y out.")
        return series_column(x, self.roles, target=target)

    def learn(self, data: Any):
        series = series_column(data, self.roles)["series"]
        learned = learn_encoding(series, self.scaling, self.per_series, self.calendar, self.group_embedding)
        if self.head.loss == "negative_binomial" and any((each.values < 0).any() for each in series):
            raise DataError("target: a negative binomial forecasts counts from 0, got negative values. Use 'normal'.")
        explained, steps = past_dependence(
            [column for each in series for column in each.values.T], self.lookback, self.horizon
        )
        lag = [explained, steps] if np.isfinite(steps) else None
        own = {"season": season_of(series[0].frequency), "lag": lag, "ends": ends_of(series), "conformal": None}
        return {**learned, **own}

    def make_network(self, learned: dict[str, Any]):
        return forecast_network(self, learned)

    def one_step(self):
        raise ArgumentError(
            "streaming: a forecaster reads its whole window for each forecast. Export without streaming, and call that "
            "with the last rows."
        )

    def encode(self, data: Any, *, target: bool = True):
        windows = self.windows(data, target=target)
        lengths = np.broadcast_to(np.int32(self.lookback), len(windows))
        return {"x": windows.x, "y": windows.y, "lengths": lengths, "max_steps": math.inf}

    def encoded_to_measure(self, data: Any):
        """That of all series: windows are cut out of them as they are served, so that nothing is encoded twice."""
        return self.encoded(data)

    def example_weights(self, weights: Any, encoded: dict[str, Any]):
        return weights if weights is None else weights[encoded["y"].owners(slice(None))]

    def default_compile(self):
        place = self.head.levels.index(0.5) if self.head.levels else 0
        metrics = [ForecastMetric(kind, place) for kind in ("mae", "mse")]
        optimizer = keras.optimizers.Adam(1e-3, global_clipnorm=1.0)
        return {"optimizer": optimizer, "loss": ForecastLoss(self.head.loss, self.head.levels), "metrics": metrics}

    def probe_batch(self, x: Any, y: Any = None):
        """Windows that lie evenly over the series, as one batch."""
        windows = self.windows(self.read(x, y))
        rows = np.unique(np.linspace(0, len(windows) - 1, PROBED).astype(int))
        return {name: column[rows] for name, column in windows.x.items()}, windows.y[rows]

    def known_lag(self, median_length: float):
        explained, steps = (self._learned or {}).get("lag") or (0.0, 0.0)
        if explained < FORETELLS:
            return None
        read = self.segment if self.decoder == "segments" else 1
        window = f"the last {steps + 1:.0f} time steps explains {explained:.0%} of the next {self.horizon}"
        return float(steps // read), f"{ESTIMATED} of {window}, by the autocorrelation of the targets"

    def predicts_each_step_of(self, layer: Any):
        return False  # what is read are other steps than those that are forecast

    def get_config(self):
        own = ("horizon", "lookback", "decoder", "segment", "quantiles", "scaling", "per_series", "normalization")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (*own, "calendar", "group_embedding", "head_dropout")},
            "loss": self.head.loss,
        }


def _segment(segment: int | None, lookback: int, horizon: int) -> int:
    common = math.gcd(lookback, horizon)
    if segment is None:
        return max(size for size in range(1, LONGEST_SEGMENT + 1) if common % size == 0)
    if common % whole("segment", segment):
        raise ArgumentError(f"segment: expected a divisor of lookback {lookback} and horizon {horizon}, got {segment}.")
    return segment
