"""The data first, as a person would look at it: what is broken, out of scale, padded or out of order.

Legend: `B` batch, `n` sequences, `T` steps, `F` features, `D` numbers of a target.
"""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from scipy.special import stdtrit

from rnnkit.diagnosis.calls import Call, Order
from rnnkit.diagnosis.capture import Look

PENALTIES = (0.03, 0.3, 3.0, 30.0)  # of ridge regression, over the mean square of a sequence
GAIN = 0.05  # of R^2 that a longer window has to bring
CHANCE = 0.01  # that a step without influence is chosen
INTERCEPT = 1e6  # a kernel's share for it, so that it is not penalised
SHUFFLES = 5  # of the targets, for what is explained by chance
COMPARED = 400  # sequences, for a dependence
MEASURABLE = 16  # sequences; fewer say nothing about a dependence
PADDED_WITHIN = 0.05  # of the steps before the end may be of zeros as well
FIXED = 0.01  # dispersion of means that are the same by construction
MOST = 1000  # sequences that are looked at


@dataclass(frozen=True)
class Inputs:
    """What the first recurrent layer reads, over all sequences and steps that count.

    Attributes:
        layer: its name.
        raw: whether these are the model's inputs as they came.
        features: F.
        size: the largest root mean square of a feature, and which that is.
        small: the smallest of a feature that is neither constant nor has two values only, and which that is.
        spread: the largest deviation of such a feature over the smallest.
        offset: the largest mean of such a feature, in its deviations.
        constant: features that never change.
    """

    layer: str
    raw: bool
    features: int
    size: tuple[float, int]
    small: tuple[float, int]
    spread: float
    offset: float
    constant: tuple[int, ...] = ()


@dataclass(frozen=True)
class Target:
    """A target of numbers that the model is to predict, and its predictions.

    Attributes:
        mean, deviation, predicted_mean, predicted_deviation: over the probe.
    """

    mean: float
    deviation: float
    predicted_mean: float
    predicted_deviation: float

    @property
    def size(self) -> float:
        """Root mean square."""
        return float(np.hypot(self.mean, self.deviation))


@dataclass(frozen=True)
class Data:
    """What a probe tells by itself; NaN is unknown.

    Attributes:
        broken_x, broken_y: fraction of the sequences with a number that is not finite.
        broken_at: where the first of them is, in words.
        inputs: None where there are none.
        target: None where it is not a number, as for classes.
        padding: fraction of the steps that are padding and reach the layer without a mask, by which it reads on after
            the end of most sequences.
        masked: whether a layer before it made a mask, which was lost on the way.
        correlation: of neighbouring steps within a sequence, 0 if their order means nothing.
        dispersion: variance of the sequences' means over what independent steps would give: about 1 for those.
        dependence: R^2 of a linear model of the inputs on sequences left out, 0 if it is no better than chance; NaN if
            it was not measured.
        lag: the steps back that this linear model needs.
    """

    broken_x: float = 0.0
    broken_y: float = 0.0
    broken_at: str = ""
    inputs: Inputs | None = None
    target: Target | None = None
    padding: float = 0.0
    masked: bool = False
    correlation: float = float("nan")
    dispersion: float = float("nan")
    dependence: float = float("nan")
    lag: float = float("nan")


def look_at_data(x, y, look: Look) -> Data:
    """All that a probe tells by itself.

    Args:
        x, y: the probe, as tensors.
        look: the forward pass on it.
    """
    call = next(call for call in look.calls if call.layer is look.recordings[0].layer)
    read = _read(call)
    broken_x, where_x = _broken("x", x)
    broken_y, where_y = _broken("y", y)
    harmful = not look.signal.sound or not np.isfinite(_counted(read)).all()  # not in padding or in masked targets
    if harmful and (broken_x or broken_y):
        return Data(broken_x=broken_x, broken_y=broken_y, broken_at=where_x or where_y)
    if not look.signal.sound:
        return Data()
    correlation, dispersion = _order(read, y)
    dependence, lag = _dependence(read, y)
    return Data(
        inputs=_inputs(call.layer.path, read, x),
        target=_target(y, look.predictions),
        padding=_padding(call, x),
        masked=look.masks,
        correlation=correlation,
        dispersion=dispersion,
        dependence=dependence,
        lag=lag,
    )


class Read(NamedTuple):
    """What the first recurrent layer reads: inputs (n, T, F) in the order in which it reads them, and lengths (n,)."""

    inputs: np.ndarray
    lengths: np.ndarray


def _read(call: Call) -> Read:
    order = Order(call)
    inputs = np.asarray(call.inputs, "float64")[:MOST]
    inputs = inputs.reshape(*inputs.shape[:2], -1)
    inputs = np.take_along_axis(inputs, order.source[: len(inputs), :, None], axis=1)
    return Read(inputs, order.lengths[: len(inputs)])


def _counted(read: Read) -> np.ndarray:
    """All steps that are not padding, shape (R, F)."""
    return read.inputs[np.arange(read.inputs.shape[1]) < read.lengths[:, None]]


def _broken(name: str, nested) -> tuple[float, str]:
    fraction, where = 0.0, ""
    for array in map(np.asarray, keras.tree.flatten(nested)):
        if array.dtype.kind == "f" and array.ndim and not np.isfinite(array).all():
            rows, *place = np.nonzero(~np.isfinite(array))
            fraction = max(fraction, len(np.unique(rows)) / len(array))
            number = array[~np.isfinite(array)][0]
            index = ", ".join(str(int(axis[0])) for axis in (rows, *place))
            where = where or f"{name}[{index}] is {number}"
    return fraction, where


def _inputs(layer: str, read: Read, x) -> Inputs:
    values = _counted(read)
    sizes, deviations, means = np.sqrt((values**2).mean(0)), values.std(0), np.abs(values.mean(0))
    varied = np.array([not _binary(column) for column in values.T])
    constant = deviations <= 1e-6 * np.maximum(sizes, 1e-30)
    numbers = np.flatnonzero(varied & ~constant)
    small = numbers[np.argmin(sizes[numbers])] if len(numbers) else 0
    spread = deviations[numbers].max() / deviations[numbers].min() if len(numbers) else 1.0
    offset = (means[numbers] / deviations[numbers]).max(initial=0.0)
    return Inputs(
        layer=layer,
        raw=any(_same(read, array) for array in keras.tree.flatten(x)),
        features=values.shape[1],
        size=(float(sizes.max()), int(sizes.argmax())),
        small=(float(sizes[small]) if len(numbers) else float("nan"), int(small)),
        spread=float(spread),
        offset=float(offset),
        constant=tuple(map(int, np.flatnonzero(constant))) if len(values) > 1 else (),
    )


def _same(read: Read, array) -> bool:
    """Whether an input of the model is what the layer read, in any order of the steps."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiu" or array.ndim < 3:
        return False
    given = array[:MOST].reshape(min(MOST, len(array)), array.shape[1], -1)
    if given.shape != read.inputs.shape:
        return False
    return np.allclose(*(np.abs(values).max(axis=1) for values in (given, read.inputs)), rtol=1e-5)


def _target(y, predictions) -> Target | None:
    targets, answers = (keras.tree.flatten(each) for each in (y, predictions))
    for target, answer in zip(map(np.asarray, targets), map(np.asarray, answers), strict=False):
        if target.dtype.kind == "f" and target.size == answer.size and not np.isin(target, (0, 1)).all():
            numbers = (target.mean(), target.std(), answer.mean(), answer.std())
            return Target(*map(float, numbers))
    return None


def _padding(call: Call, x) -> float:
    """Fraction of the steps that are padding which a layer reads after the end of its sequences.

    Padding are steps of zeros behind the last other step, of which there are more in some sequences than in others, and
    hardly any elsewhere.
    """
    if call.mask is not None or call.lengths is not None:
        return 0.0
    for array in map(np.asarray, keras.tree.flatten(x)):
        if array.shape[:2] == tuple(call.inputs.shape[:2]) and array.dtype.kind in "fiu":
            empty = (array.reshape(*array.shape[:2], -1) == 0).all(-1)
            onwards = empty if call.backward else empty[:, ::-1]
            trailing = np.logical_and.accumulate(onwards, axis=1)
            within = onwards[~trailing]
            varied = len(np.unique(trailing.sum(1))) > 1
            return float(trailing.mean()) if varied and within.size and within.mean() < PADDED_WITHIN else 0.0
    return 0.0


def _order(read: Read, y) -> tuple[float, float]:
    """Correlation of neighbouring steps within sequences, and dispersion of the sequences' means.

    Of the features each time the most telling one: one that is correlated with its neighbour, one whose means vary most
    unlike those of independent steps. Features of two values, and those whose means are fixed, are left out; targets of
    each step count as features, of any values.
    """
    lengths, steps = read.lengths, read.inputs.shape[1]
    if lengths.min() < lengths.max() or len(lengths) < MEASURABLE:
        return float("nan"), float("nan")
    columns = [column for column in np.moveaxis(read.inputs[:, : lengths[0]], -1, 0) if not _binary(column)]
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


def _binary(values: np.ndarray) -> bool:
    return len(np.unique(np.ravel(values)[:1000])) <= 2


def _dependence(read: Read, y) -> tuple[float, float]:
    """R^2 of a linear model of the last steps, and the steps that it needs.

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
    steps, rng = inputs.shape[1], np.random.default_rng(0)
    windows = sorted({min(2**power, steps) for power in range(int(np.ceil(np.log2(steps))) + 1)})
    shuffled = [targets[rng.permutation(len(targets))] for _ in range(SHUFFLES)]
    found = [[_left_out(inputs[:, -w:].reshape(len(targets), -1), y) for y in (targets, *shuffled)] for w in windows]
    own, chance = np.array(found)[:, 0], np.array(found)[:, 1:].max()
    if own.max() <= max(chance, 0.0):
        return 0.0, float("nan")
    return float(own.max()), float(windows[int(np.argmax(own >= own.max() - GAIN))] - 1)


def _by_steps(inputs: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Forward selection of single numbers of single steps, each significant among all of them; adjusted R^2."""
    n, steps, features = inputs.shape
    columns, target = inputs.reshape(n, -1), np.linalg.svd(targets, full_matrices=False)[0][:, 0]
    columns = columns - columns.mean(0)
    columns = columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-12)
    target = (target - target.mean()) / np.linalg.norm(target - target.mean())
    chosen, residual = [], target
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
