"""The numbers that are written on an axis."""

import math

import numpy as np

from rnnkit.report.markup import MINUS

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def round_numbers(low: float, high: float) -> list[tuple[float, str]]:
    """Three to six multiples of 1, 2 or 5 times a power of ten, and how they are written."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.9)
    count = math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
    values = [(math.ceil(low / step - 1e-9) + number) * step for number in range(count)]
    return [(value, f"{value:.10g}".replace("-", MINUS)) for value in values]


def decades(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten, or for less than two of them also 2 and 5 times these, and how they are written."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 1:
        values = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
        within = [(value, _power(value)) for value in values if low <= value <= high]
        return within if len(within) > 1 else round_numbers(low, high)
    stride = math.ceil((last - first + 1) / 5)
    return [(10.0**power, _power(10.0**power)) for power in range(last, first - 1, -stride)]


def some_of(values) -> list[float]:
    """At most eight of some numbers, evenly: ticks of what is counted."""
    return list(values[:: -(-len(values) // 8)])


def far_apart(values, times: float = 20) -> bool:
    """Whether positive numbers span such a range that a logarithmic scale shows them better."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    return bool(len(finite) and 0 < times * finite.min() <= finite.max())


def _power(value: float) -> str:
    if 1e-3 <= value < 1e5:
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = value / 10.0**exponent
    return ("" if abs(factor - 1) < 1e-6 else f"{factor:.0f}·") + "10" + str(exponent).translate(SUPERSCRIPT)
