"""What the sequences tell of time: whether their steps have an order, and how far back the target looks.

Legend: `n` sequences, `T` steps, `F` features, `D` numbers of a target.
"""

import bisect
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.special import stdtrit

from rnnkit.diagnosis.probe import Call, Order

PENALTIES = (0.03, 0.3, 3.0, 30.0)  # of ridge regression, over the mean square of a sequence
GAIN = 0.05  # of R^2 that a longer window has to bring
CHANCE = 0.01  # that a step without influence is chosen
INTERCEPT = 1e6  # a kernel's share for it, so that it is not penalised
SHUFFLES = 19  # of the targets, for what is explained by chance: 1 in 20 that it is more
COMPARED = 400  # sequences, for a dependence
MEASURABLE = 16  # sequences; fewer say nothing about a dependence
FIXED = 0.01  # dispersion of means that are the same by construction
MOST = 1000  # sequences that are looked at, and steps of a window of the past
AHEAD = 24  # of the steps ahead that are looked at
RIDGE = 1e-6  # of a variance, for series that repeat themselves exactly


class Read(NamedTuple):
    """What the first recurrent layer reads: inputs (n, T, F) in the order in which it reads them, and lengths (n,)."""

    inputs: np.ndarray
    lengths: np.ndarray


def read(call: Call) -> Read:
    """What a call of a recurrent layer reads, of a limited number of sequences."""
    order = Order(call)
    inputs = np.asarray(call.inputs, "float64")[:MOST]
    inputs = inputs.reshape(*inputs.shape[:2], -1)
    inputs = np.take_along_axis(inputs, order.source[: len(inputs), :, None], axis=1)
    return Read(inputs, order.lengths[: len(inputs)])


def order(read: Read, y) -> tuple[float, float]:
    """Correlation of neighbouring steps within sequences, and dispersion of the sequences' means.

    Of the features each time the most telling one: one that is correlated with its neighbour, one whose means vary most
    unlike those of independent steps. Features of two values, and those whose means are fixed, are left out; targets of
    each step count as features, of any values.
    """
    lengths, steps = read.lengths, read.inputs.shape[1]
    if lengths.min() < lengths.max() or len(lengths) < MEASURABLE:
        return float("nan"), float("nan")
    columns = [column for column in np.moveaxis(read.inputs[:, : lengths[0]], -1, 0) if not is_binary(column)]
    target = None if y is None else np.asarray(keras.tree.flatten(y)[0])[:MOST]
    if target is not None and target.ndim == 3 and target.shape[:2] == (len(lengths), steps):
        columns += list(np.moveaxis(target[:, : lengths[0]].astype("float64"), -1, 0))
    found = np.array([_serial(column) for column in columns]).reshape(-1, 2)
    found = found[np.isfinite(found).all(axis=1) & (found[:, 1] > FIXED)]
    if not len(found):
        return float("nan"), float("nan")
    correlation, dispersion = found.T
    return float(correlation[np.abs(correlation).argmax()]), float(dispersion[np.abs(np.log(dispersion)).argmax()])


def _serial(column: np.ndarray) -> tuple[float, float]:
    """Both numbers of one feature, shape (n, T)."""
    n, steps = column.shape
    means = column.mean(1, keepdims=True)
    within = column - means
    squares = (within**2).sum()
    if squares == 0:
        return float("nan"), float("nan")
    variance = squares / (n * (steps - 1))
    correlation = (within[:, 1:] * within[:, :-1]).sum() / squares + 1 / steps  # without it, below 0 in any order
    return correlation, steps * means.var(ddof=1) / variance


def dependence(read: Read, y) -> tuple[float, float]:
    """R^2 of a linear model of the last steps, beyond chance, and the steps that it needs.

    A lower bound of what can be known: a dependence that is not linear is not seen. Two ways are tried, and the better
    one counts, by what it explains beyond chance: ridge regression on windows of the last 1, 2, 4, ... steps, where the
    smallest window that is as good as any, but for 0.05, says how many are needed; and single steps, chosen one after
    the other.
    """
    targets = _numbers(y, read)
    if targets is None or len(targets) < MEASURABLE:
        return float("nan"), float("nan")
    inputs = _right_aligned(read)[:COMPARED]
    ridge, single = _by_windows(inputs, targets[:COMPARED]), _by_steps(inputs, targets[:COMPARED])
    return ridge if ridge[0] >= single[0] - GAIN else single


def _by_windows(inputs: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    windows, rng = _windows(inputs.shape[1]), np.random.default_rng(0)
    shuffled = [targets[rng.permutation(len(targets))] for _ in range(SHUFFLES)]
    found = [[_left_out(inputs[:, -w:].reshape(len(targets), -1), y) for y in (targets, *shuffled)] for w in windows]
    own, chance = np.array(found)[:, 0], max(0.0, np.array(found)[:, 1:].max())
    if own.max() <= chance:
        return 0.0, float("nan")
    return float((own.max() - chance) / (1 - chance)), float(windows[int(np.argmax(own >= own.max() - GAIN))] - 1)


def _windows(longest: int) -> list[int]:
    return sorted({min(2**power, longest) for power in range(int(np.ceil(np.log2(longest))) + 1)})


def past_dependence(series: Sequence[np.ndarray], longest: int, ahead: int) -> tuple[float, float]:
    """`dependence` of whole series on their own past: R^2 of a linear model of the last steps, and the steps back.

    The best linear model of a window follows from the autocorrelations (the Yule-Walker equations). They are those of
    all series together, each without its linear trend and in its own standard deviations. R^2 is the mean over steps
    ahead, adjusted for the size of the window.

    Args:
        series: shape (T,) each, NaN where a value is missing.
        longest: the longest window.
        ahead: steps that are forecast.

    Returns:
        NaN, NaN for series that are constant, or shorter than twice the longest window and the steps ahead of it.
    """
    chosen = np.unique(np.linspace(0, len(series) - 1, min(len(series), MOST)).astype(int))
    series = [series[number] for number in chosen]
    longest = min(longest, MOST, max(map(len, series)) // 2 - ahead)
    if longest < 1:
        return float("nan"), float("nan")
    found, count = _autocorrelation(series, longest + ahead)
    lags = np.unique(np.linspace(1, ahead, min(ahead, AHEAD)).astype(int))

    def explained(window: int) -> float:
        products = found[lags + np.arange(window)[:, None]]
        weights = solve_toeplitz(found[:window] + RIDGE * (np.arange(window) == 0), products)
        left = 1 - (weights * products).sum(axis=0).mean()
        return float(1 - left * (count - 1) / (count - window - 1))

    best = max(map(explained, _windows(longest))) if count > longest + 1 else float("nan")
    if not 0 < best <= 1:
        return (0.0 if best <= 0 else float("nan")), float("nan")
    return best, float(bisect.bisect_left(range(1, longest + 1), best - GAIN, key=explained))


def _autocorrelation(series: Sequence[np.ndarray], most: int) -> tuple[np.ndarray, int]:
    """That of lags 0 to `most`, of all series together, and the number of values; of 0 values for constant series."""
    products, pairs, full = np.zeros((3, most + 1))
    for each in series:
        seen, steps = np.isfinite(each), np.arange(len(each))
        if seen.sum() < 3:
            continue
        trend = np.polyfit(steps[seen] / len(each), each[seen], 1)
        values = np.where(seen, each - np.polyval(trend, steps / len(each)), 0.0)
        deviation = np.sqrt((values**2).sum() / seen.sum())
        if deviation <= 1e-9 * max(1.0, np.abs(each[seen]).max()):
            continue
        lags = min(most + 1, len(each))
        for total, column in ((products, values / deviation), (pairs, seen), (full, np.ones(len(each)))):
            total[:lags] += np.fft.irfft(np.abs(np.fft.rfft(column, 2 * len(each))) ** 2, 2 * len(each))[:lags]
    if not full[0]:
        return products, 0
    # of complete series the products over all pairs at lag 0, so that no combination has a negative variance
    return products / np.maximum(pairs, 1) * full / full[0], int(pairs[0].round())


def _by_steps(inputs: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Forward selection of single numbers of single steps, each significant among all of them; adjusted R^2."""
    n, steps, features = inputs.shape
    columns, target = inputs.reshape(n, -1), np.linalg.svd(targets, full_matrices=False)[0][:, 0]
    columns = columns - columns.mean(0)
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    target = (target - target.mean()) / np.linalg.norm(target - target.mean())
    chosen: list[int] = []
    residual = target
    while len(chosen) < n // 6:
        sizes = np.abs(columns.T @ residual) / max(np.linalg.norm(residual), 1e-12)
        freedom = n - len(chosen) - 2
        limit = stdtrit(freedom, 1 - CHANCE / (2 * columns.shape[1]))
        if sizes.max() <= limit / np.sqrt(freedom + limit**2) or np.linalg.norm(residual) < 1e-3:
            break
        chosen.append(int(sizes.argmax()))
        kept = columns[:, chosen]
        residual = target - kept @ np.linalg.lstsq(kept, target, rcond=None)[0]
    if not chosen:
        return 0.0, float("nan")
    left = float(residual @ residual) * (n - 1) / (n - len(chosen) - 1)
    return 1 - left, float(steps - 1 - min(number // features for number in chosen))


def _numbers(y, read: Read) -> np.ndarray | None:
    """The targets as standardised numbers, (n, D): where there is one at each step, the last of each sequence."""
    if y is None:
        return None
    target, n = np.asarray(keras.tree.flatten(y)[0])[:MOST], len(read.inputs)
    if target.dtype.kind not in "fiu" or not target.ndim or len(target) != n:
        return None
    if target.ndim > 1 and target.shape[1] == read.inputs.shape[1] and target.shape[1] > 1:
        target = target[np.arange(n), np.maximum(read.lengths - 1, 0)]
    target = target.reshape(n, -1)
    if target.dtype.kind in "iu":
        target = target[:, :1] == np.unique(target[:, 0])[:50]
    target = target.astype("float64")
    varied = target.std(0) > 0
    return (target[:, varied] - target[:, varied].mean(0)) / target[:, varied].std(0) if varied.any() else None


def _right_aligned(read: Read) -> np.ndarray:
    """Inputs with their last steps at the end, standardised by feature, padding zero."""
    values, steps = read.inputs, np.arange(read.inputs.shape[1])
    valid = steps < read.lengths[:, None]
    mean, deviation = values[valid].mean(0), values[valid].std(0)
    scaled = np.where(valid[:, :, None], (values - mean) / np.where(deviation > 0, deviation, 1), 0)
    index = steps - (len(steps) - read.lengths[:, None])
    moved = np.take_along_axis(scaled, np.maximum(index, 0)[:, :, None], axis=1)
    return np.where((index >= 0)[:, :, None], moved, 0)


def _left_out(x: np.ndarray, y: np.ndarray) -> float:
    """R^2 of ridge regression, each sequence predicted from the others, with the best of some penalties."""
    x, n = x - x.mean(0), len(x)
    values, vectors = np.linalg.eigh(x @ x.T / x.shape[1] + INTERCEPT * np.ones((n, n)))
    turned, best = vectors.T @ y, -np.inf
    for penalty in PENALTIES:
        shrunk = 1 / (np.maximum(values, 0) + penalty)
        residual = (vectors @ (shrunk[:, None] * turned)) / (vectors**2 @ shrunk)[:, None]
        best = max(best, 1 - float((residual**2).sum() / (y**2).sum()))
    return best


def is_binary(values: np.ndarray) -> bool:
    """Whether numbers have two values only, as flags have."""
    return len(np.unique(np.ravel(values)[:1000])) <= 2
