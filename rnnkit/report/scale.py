"""From numbers to places on the page, and the numbers that are written on an axis."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from rnnkit.report.markup import MINUS

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """A range of numbers, laid over a range of places; places are NaN for what has none, as 0 on a logarithmic scale.

    Attributes:
        low, high: the range of numbers.
        log: logarithmic.
        start, end: the places of `low` and `high`.
        ticks: the numbers to write on the axis and how; round ones by default.
    """

    low: float
    high: float
    log: bool = False
    start: float = 0.0
    end: float = 1.0
    ticks: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self):
        if not self.ticks:
            marks = _decades(self.low, self.high) if self.log else _round(self.low, self.high)
            object.__setattr__(self, "ticks", marks)

    @classmethod
    def fit(cls, arrays, *, log=False, margin=0.0, floor=0.0, ticks=()) -> "Scale":
        """The scale that shows all finite numbers of some arrays, for `log` the positive ones.

        Args:
            arrays: list of arrays.
            log: logarithmic.
            margin: room at both ends, as a part of the range.
            floor: the lowest number shown, as a part of the highest.
            ticks: as the attribute.
        """
        values = np.concatenate([np.ravel(np.asarray(each, float)) for each in arrays] or [np.zeros(0)])
        values = values[np.isfinite(values) & (values > 0 if log else True)]
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.1, 1.0)
        low = max(low, floor * high) if log else low
        a, b = (math.log10(low), math.log10(high)) if log else (low, high)
        room = margin * (b - a) if b > a else (0.2 if log else 0.1 * abs(a) or 0.1)
        a, b = a - room, b + room
        return cls(10**a, 10**b, log=True, ticks=list(ticks)) if log else cls(a, b, ticks=list(ticks))

    def onto(self, start: float, end: float) -> "Scale":
        """The same scale over other places."""
        return replace(self, start=start, end=end)

    def __call__(self, values) -> np.ndarray:
        values = np.asarray(values, float)
        low, high = self.low, self.high
        if self.log:
            values = np.log10(np.where(values > 0, values, np.nan))
            low, high = math.log10(low), math.log10(high)
        return self.start + (np.where(np.isfinite(values), values, np.nan) - low) / (high - low) * (
            self.end - self.start
        )


def far_apart(values, times: float = 20) -> bool:
    """Whether positive numbers lie so many times apart that orders of magnitude show them better."""
    there = np.asarray(values, float)
    there = there[np.isfinite(there)]
    return bool(len(there) and 0 < times * there.min() <= there.max())


def _round(low: float, high: float) -> list[tuple[float, str]]:
    """Three to six multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.9)
    count = math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
    values = [(math.ceil(low / step - 1e-9) + number) * step for number in range(count)]
    return [(value, f"{value:.10g}".replace("-", MINUS)) for value in values]


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten, or for less than two of them also 2 and 5 times these."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        values = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
        within = [(value, _power(value)) for value in values if low <= value <= high]
        return within if len(within) > 1 else _round(low, high)
    stride = math.ceil((last - first + 1) / 5)
    return [(10.0**power, _power(10.0**power)) for power in range(last, first - 1, -stride)]


def _power(value: float) -> str:
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = value / 10.0**exponent
    return ("" if abs(factor - 1) < 1e-6 else f"{factor:.0f}·") + "10" + str(exponent).translate(SUPERSCRIPT)
