"""The data first, as a person would look at it: what is broken, out of scale, padded or out of order.

Legend: `B` batch, `n` sequences, `T` steps, `F` features, `D` numbers of a target.
"""

from dataclasses import dataclass

import keras
import numpy as np

from rnnkit.diagnosis.capture import Capture
from rnnkit.diagnosis.probe import Call
from rnnkit.diagnosis.series import MOST, Read, dependence, is_binary, order, read

UP = (0.0, float("inf"))
BOUNDS = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": UP, "softplus": UP}
PADDED_WITHIN = 0.05  # of the steps before the end may be of zeros as well


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
        given: the largest root mean square of an input of the model, words left out; NaN if unknown.
    """

    layer: str
    raw: bool
    features: int
    size: tuple[float, int]
    small: tuple[float, int]
    spread: float
    offset: float
    constant: tuple[int, ...] = ()
    given: float = float("nan")


@dataclass(frozen=True)
class Target:
    """A target of numbers that the model is to predict, and its predictions.

    Attributes:
        mean, deviation, predicted_mean, predicted_deviation: over the probe.
        beyond: the fraction that lies outside of what the last activation can answer.
        activation: its name; empty if it has no bound, or is not known.
    """

    mean: float
    deviation: float
    predicted_mean: float
    predicted_deviation: float
    beyond: float = 0.0
    activation: str = ""

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


def known_of_data(model, x, y, captured: Capture) -> Data:
    """All that a probe tells by itself.

    Args:
        model: any Keras model.
        x, y: the probe, as tensors.
        captured: the forward pass on it.
    """
    call = next(call for call in captured.calls if call.layer is captured.recordings[0].layer)
    seen = read(call)
    broken_x, where_x = _broken("x", x)
    broken_y, where_y = _broken("y", y)
    in_padding = captured.signal.is_intact and np.isfinite(_counted(seen)).all()  # or in masked targets
    if (broken_x or broken_y) and not in_padding:
        return Data(broken_x=broken_x, broken_y=broken_y, broken_at=where_x or where_y)
    if not captured.signal.is_intact:
        return Data()
    correlation, dispersion = (float("nan"), float("nan")) if _words(x) else order(seen, y)
    explained, lag = dependence(seen, y)
    return Data(
        inputs=_inputs(call.layer.path, seen, x),
        target=_target(y, captured.predictions, _last_activation(model)),
        padding=_padding(call, x),
        masked=captured.masks,
        correlation=correlation,
        dispersion=dispersion,
        dependence=explained,
        lag=lag,
    )


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
    varied = np.array([not is_binary(column) for column in values.T])
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
        given=max((_largest(array) for array in map(np.asarray, keras.tree.flatten(x))), default=0.0),
    )


def _largest(array) -> float:
    """The largest root mean square of a feature; 0 for numbers of words."""
    if array.dtype.kind != "f":
        return 0.0
    return float(np.sqrt((array.reshape(-1, array.shape[-1]).astype(float) ** 2).mean(0)).max())


def _same(read: Read, array) -> bool:
    """Whether an input of the model is what the layer read, in any order of the steps."""
    array = np.asarray(array)
    if array.dtype.kind not in "fiu" or array.ndim < 3:
        return False
    given = array[:MOST].reshape(min(MOST, len(array)), array.shape[1], -1)
    if given.shape != read.inputs.shape:
        return False
    return np.allclose(np.abs(given).max(axis=1), np.abs(read.inputs).max(axis=1), rtol=1e-5)


def _words(x) -> bool:
    """Whether the inputs are numbers of words, which a text has in any order: it has a subject, and no values."""
    return all(np.asarray(array).dtype.kind in "iu" for array in keras.tree.flatten(x))


def _last_activation(model) -> str:
    """The name of the activation that gives the answers, if it has a bound; of a model whose last layer is known."""
    if not hasattr(model, "outputs"):  # a subclassed one
        return ""
    layer = model.layers[-1]
    activation = getattr(getattr(layer, "layer", layer), "activation", None)
    name = getattr(activation, "__name__", "")
    return name if name in BOUNDS else ""


def _target(y, predictions, activation) -> Target | None:
    targets, answers = (keras.tree.flatten(each) for each in (y, predictions))
    for target, answer in zip(map(np.asarray, targets), map(np.asarray, answers), strict=False):
        if target.dtype.kind == "f" and target.size == answer.size and not np.isin(target, (0, 1)).all():
            low, high = BOUNDS.get(activation, (-np.inf, np.inf))
            beyond = float(np.mean((target < low) | (target > high)))
            mean, deviation, *answered = map(float, (target.mean(), target.std(), answer.mean(), answer.std()))
            return Target(mean, deviation, answered[0], answered[1], beyond, activation)
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
