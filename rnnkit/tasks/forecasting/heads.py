"""What a forecast of a step is: a number, quantiles, or a distribution; its loss, and what is asked of it.

Legend: `B` windows, `H` steps ahead, `P` numbers that describe a step, `Q` quantiles.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError

POINT = ("mse", "mae", "huber")
LOSSES = (*POINT, "quantiles", "normal", "negative_binomial")
QUANTILES = (0.005, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.995)
LEAST = 1e-4  # of a standard deviation or a mean, in scaled units


class Head:
    """The last step of the network: from raw numbers (B, H, P) to what describes a step, and from there to answers.

    Args:
        loss: one of `LOSSES`.
        quantiles: levels of a head of quantiles, with 0.5 among them.

    Raises:
        ArgumentError: levels that cannot be used.
    """

    def __init__(self, loss: str, quantiles: Sequence[float] = QUANTILES):
        self.loss = loss
        self.levels = check_levels(quantiles) if loss == "quantiles" else []
        if self.levels and 0.5 not in self.levels:
            raise ArgumentError(f"quantiles: expected 0.5 among them, the point forecast, got {self.levels}.")
        self.size = len(self.levels) or (1 if loss in POINT else 2)

    def parameters(self, raw, shift, scale):
        """What describes each step, (B, H, P), for windows that were normalised by shift and scale (B, 1, 1).

        Quantiles cannot cross: they lie around the median by sums of positive increments. A normal distribution is
        mean and standard deviation; a negative binomial one is mean and dispersion a, its variance m + a m^2.
        """
        if self.loss == "quantiles":
            return _in_order(raw, self.levels.index(0.5)) * scale + shift
        if self.loss == "normal":
            return ops.concatenate([raw[..., :1] * scale + shift, ops.softplus(raw[..., 1:]) * scale + LEAST], axis=-1)
        if self.loss == "negative_binomial":
            mean = ops.softplus(raw[..., :1]) * scale + LEAST
            return ops.concatenate([mean, ops.softplus(raw[..., 1:]) / ops.sqrt(scale) + LEAST], axis=-1)
        return raw * scale + shift

    def point(self, parameters: np.ndarray) -> np.ndarray:
        """The forecast itself, (..., P) -> (...): the median of quantiles, the mean of a distribution."""
        return parameters[..., self.levels.index(0.5) if self.levels else 0]

    def quantile(self, parameters: np.ndarray, level: float) -> np.ndarray | None:
        """A quantile, (..., P) -> (...); None where the head knows none.

        Raises:
            ArgumentError: a level outside those of the head.
        """
        from scipy import stats

        if self.loss == "normal":
            return stats.norm.ppf(level, parameters[..., 0], parameters[..., 1])
        if self.loss == "negative_binomial":
            mean, size = parameters[..., 0], 1 / parameters[..., 1]
            return stats.nbinom.ppf(level, size, size / (size + mean))
        if not self.levels:
            return None
        if not self.levels[0] <= level <= self.levels[-1]:
            raise ArgumentError(
                f"quantiles: the model learned {self.levels[0]} to {self.levels[-1]}, got {level}. Train with "
                "quantiles=[...] that reach as far."
            )
        upper = min(int(np.searchsorted(self.levels, level)), len(self.levels) - 1)
        lower = max(0, upper - (self.levels[upper] != level))
        share = (level - self.levels[lower]) / ((self.levels[upper] - self.levels[lower]) or 1)
        return parameters[..., lower] * (1 - share) + parameters[..., upper] * share

    def unscaled(self, parameters: np.ndarray, shift, scale) -> np.ndarray:
        """Parameters in the units of the data, where targets were scaled by shift and scale, which broadcast."""
        if self.loss == "normal":
            return np.stack([parameters[..., 0] * scale + shift, parameters[..., 1] * scale], axis=-1)
        if self.loss == "negative_binomial":
            return parameters  # of counts, which are not scaled
        return parameters * np.asarray(scale)[..., None] + np.asarray(shift)[..., None]


def check_levels(levels: Sequence[float]) -> list[float]:
    """Quantile levels between 0 and 1, each above the one before."""
    found = [float(level) for level in levels]
    if not found or any(not 0 < level < 1 for level in found) or sorted(set(found)) != found:
        raise ArgumentError(f"quantiles: expected rising numbers between 0 and 1, got {list(levels)!r:.80}.")
    return found


@keras.saving.register_keras_serializable(package="rnnkit")
class ForecastLoss(keras.losses.Loss):
    """The loss of forecasts (B, H, P) against targets (B, H): the mean over the steps that are not missing (NaN).

    Args:
        kind: one of `LOSSES`; `"huber"` is quadratic up to 1, in scaled units.
        quantiles: their levels, for `"quantiles"`: the loss is the mean pinball loss of all of them.
    """

    def __init__(self, kind="mse", quantiles=(), reduction="sum_over_batch_size", name="forecast_loss", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.kind, self.quantiles = kind, list(quantiles)

    def call(self, y_true, y_pred):
        y, observed = observed_targets(y_true, y_pred.dtype)
        kept = ops.sum(observed, axis=-1)
        losses = step_losses(self.kind, y, y_pred, self.quantiles)
        return ops.sum(losses * observed, axis=-1) / ops.maximum(kept, 1.0)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "quantiles": self.quantiles}


@keras.saving.register_keras_serializable(package="rnnkit")
class ForecastMetric(keras.metrics.Mean):
    """`mse` or `mae` of the point forecast, in scaled units: the mean over all steps that are not missing.

    Args:
        kind: `"mse"` or `"mae"`.
        place: of the point forecast among the P numbers.
    """

    def __init__(self, kind="mae", place=0, name=None, dtype=None):
        super().__init__(name=name or kind, dtype=dtype)
        self.kind, self.place = kind, place

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the steps of a batch."""
        y, observed = observed_targets(y_true, self.dtype)
        point = ops.cast(y_pred, self.dtype)[..., self.place : self.place + 1]
        weight = observed if sample_weight is None else observed * ops.cast(sample_weight, self.dtype)[:, None]
        return super().update_state(step_losses(self.kind, y, point), sample_weight=weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "kind": self.kind, "place": self.place}


def observed_targets(y, dtype):
    """Targets with 0 where they are missing (NaN), and 1 where they are not, 0 where they are; both as y."""
    y = ops.cast(y, dtype)
    missing = ops.isnan(y)
    return ops.where(missing, ops.zeros_like(y), y), 1.0 - ops.cast(missing, dtype)


def step_losses(kind: str, y, parameters, quantiles: Sequence[float] = ()):
    """The loss of each step, (B, H), of targets (B, H) under parameters (B, H, P)."""
    first = parameters[..., 0]
    if kind == "mse":
        return ops.square(y - first)
    if kind == "mae":
        return ops.abs(y - first)
    if kind == "huber":
        size = ops.abs(y - first)
        return ops.where(size < 1, 0.5 * ops.square(size), size - 0.5)
    if kind == "quantiles":
        errors = y[..., None] - parameters
        levels = ops.convert_to_tensor(list(quantiles), dtype=parameters.dtype)
        return ops.mean(ops.maximum(levels * errors, (levels - 1.0) * errors), axis=-1)
    second = parameters[..., 1]
    if kind == "normal":
        return ops.log(second) + 0.5 * ops.square((y - first) / second) + 0.5 * math.log(2 * math.pi)
    size = 1.0 / second
    chosen = log_gamma(y + size) - log_gamma(size) - log_gamma(y + 1.0)
    return -(chosen + size * ops.log(size / (size + first)) + y * ops.log(first / (size + first)))


def log_gamma(x):
    """The logarithm of the gamma function of x > 0, by Stirling's series eight steps on; Keras has none."""
    shifted = x + 8.0
    inverse = 1.0 / shifted
    series = (1 / 12 - (1 / 360 - ops.square(inverse) / 1260) * ops.square(inverse)) * inverse
    below = sum(ops.log(x + float(step)) for step in range(8))
    return (shifted - 0.5) * ops.log(shifted) - shifted + 0.5 * math.log(2 * math.pi) + series - below


def _in_order(raw, middle: int):
    """Raw numbers (B, H, Q) as quantiles that do not cross, around the one in the middle."""
    median, below, above = raw[..., middle : middle + 1], raw[..., :middle], raw[..., middle + 1 :]
    parts = [median]
    if middle:
        parts.insert(0, median - ops.flip(ops.cumsum(ops.flip(ops.softplus(below), axis=-1), axis=-1), axis=-1))
    if above.shape[-1]:
        parts.append(median + ops.cumsum(ops.softplus(above), axis=-1))
    return ops.concatenate(parts, axis=-1)
