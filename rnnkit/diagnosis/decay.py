"""How a backpropagated gradient shrinks or grows through one layer's own recurrence, and how far training has to look.

The factor per step cannot be read off `dL/ds_t`, since errors enter at every step on the way. Here one error is
followed alone: `delta_0 = e_tau`, `delta_k = J' delta_(k-1)`. How far back training has to look is what the gradient
with all errors cut off after some steps tells, against the full one.

For TensorFlow. Legend: `n` sequences, `T` steps, `K` steps back, `S` size of the full state, `P` paths, `R` rows, all
steps of all sequences that are used.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay, flat, unit

NEGLIGIBLE = 0.01
RESAMPLES = 1000


class Decay(NamedTuple):
    """The errors of one path on their way back.

    Attributes:
        path: `"joint"`: the full state, all of J. `"h"`, `"c"`, or `"state 1"` and so on for a cell that is no LSTM:
            only this part of the state, by its own block of J with the other parts held fixed, which tells what each
            carries by itself. An LSTM's c path is the product of its forget gates.
        logs: log(|delta_k| / |delta_0|), shape (K + 1, n).
        directions: delta_k / |delta_k|, shape (K + 1, n, S).
        followed: fraction of the sequences in which `delta_0` is an error of the loss, and no random direction.
    """

    path: str
    logs: np.ndarray
    directions: np.ndarray
    followed: float

    @property
    def curve(self) -> np.ndarray:
        """log R(k), see `middle`."""
        return middle(self.logs)


def own_decay(replay: Replay, entering: np.ndarray, *, seed: int = 0) -> list[Decay]:
    """Follows `e_tau`, or a random direction where it is zero or not finite, from each sequence's tau.

    Args:
        replay: of one layer.
        entering: `e_t`, shape (T, n, S).
        seed: of the random directions.
    """
    recording = replay.recording
    tau, n = recording.positions, len(recording.positions)
    masks = path_masks(replay)
    blocks = np.repeat(np.stack(list(masks.values())), n, axis=0)
    start = np.tile(entering[tau, np.arange(n)], (len(masks), 1)) * blocks
    noise = np.random.default_rng(seed).normal(size=start.shape).astype("float32") * blocks
    usable = np.any(start, axis=-1, keepdims=True) & np.isfinite(start).all(axis=-1, keepdims=True)
    start = np.where(usable, start, noise)
    logs, directions = _follow(replay, tau, start, blocks)
    split = [np.split(values, len(masks), axis=1) for values in (logs, directions)]
    followed = [float(part.mean()) for part in np.split(usable, len(masks))]
    return [Decay(*parts) for parts in zip(masks, *split, followed, strict=True)]


def path_masks(replay: Replay) -> dict[str, np.ndarray]:
    """Which elements of the state belong to each path: float, shape (S,)."""
    masks, sizes = {"joint": np.ones(sum(replay.sizes), "float32")}, replay.sizes
    if len(sizes) > 1:
        part = np.repeat(np.arange(len(sizes)), sizes)
        masks |= {name: (part == number).astype("float32") for number, name in enumerate(replay.paths)}
    return masks


def middle(logs: np.ndarray) -> np.ndarray:
    """log R(k): the mean over the sequences in which something is left, -inf where that are less than half of them.

    Args:
        logs: shape (K + 1, n).
    """
    alive = np.isfinite(logs)
    left = alive.sum(axis=1)
    means = np.where(alive, logs, 0).sum(axis=1) / np.maximum(left, 1)
    return np.where(2 * left >= logs.shape[1], means, -np.inf)


def first_lag(max_lag: int) -> int:
    """k0: where the fit of the gain begins. An error enters an LSTM by h and has to find the way to c first."""
    return max(1, min(5, max_lag // 4))


def horizon(curve: np.ndarray) -> int:
    """The largest k at which at least 1 % of an error is left; 0 if there was nothing, or NaN.

    Args:
        curve: logarithms of what is left, shape (K + 1,), 0 at first.
    """
    return int(np.flatnonzero(curve >= np.log(NEGLIGIBLE)).max(initial=0))


def fit(logs: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """Numbers from log(|delta_k| / |delta_0|), shape (K + 1, n).

    Returns:
        `gain`, the factor per step: exp(slope of log R over k in [k0, K]); `gain_low`, `gain_high`, its 95 % bootstrap
        interval over the sequences; `r2` of the fit, which says nothing about a flat curve; `half_life`, in steps,
        infinite for a gain of 1 or more; `horizon`, the largest k with R(k) >= 0.01; `horizon_reached`, False if that
        is the last k measured, so that the true one is larger; `left`, R(K); and `dead`, the fraction of the sequences
        in which an error dies out entirely, which the other numbers leave out while they are fewer than half.
    """
    K = len(logs) - 1
    k0 = first_lag(K)
    lags = np.arange(k0, K + 1)
    centred = lags - lags.mean()
    whole = middle(logs)
    curve, reach, alive = whole[k0:], horizon(whole), np.isfinite(logs[-1])
    with np.errstate(invalid="ignore"):
        slopes = centred @ logs[k0:, alive] / (centred @ centred)
        residuals = curve - curve.mean() - slopes.mean() * centred if alive.any() else curve
        r2 = 1 - np.sum(residuals**2) / np.sum((curve - curve.mean()) ** 2)
    if np.isneginf(curve[-1]):
        slopes = np.full(logs.shape[1], -np.inf)
    drawn = np.random.default_rng(seed).integers(len(slopes), size=(RESAMPLES, len(slopes)))
    low, high = np.quantile(np.exp(slopes[drawn].mean(axis=1)), [0.025, 0.975])
    gain = float(np.exp(slopes.mean()))
    return {
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "r2": r2,
        "half_life": half_life(gain),
        "horizon": reach,
        "horizon_reached": reach < K,
        "left": float(np.exp(whole[-1])),
        "dead": float(1 - alive.mean()),
    }


def half_life(gain: float) -> float:
    """Steps in which an error loses half its size."""
    if gain == 0:
        return 0.0
    return float("inf") if gain >= 1 else float(np.log(2) / -np.log(gain))


def _follow(replay: Replay, tau, start, blocks):
    K, copies = replay.recording.max_lag, len(start) // len(tau)
    logs = np.zeros((K + 1, len(start)))
    directions = np.empty((K + 1, *start.shape), "float32")
    directions[0], _ = unit(start)
    for k in range(1, K + 1):
        inputs, states = (tf.tile(values, (copies, 1)) for values in replay.at(tau - k + 1))
        delta = replay.back(inputs, states, directions[k - 1]).numpy() * blocks
        directions[k], change = unit(delta)
        logs[k] = logs[k - 1] + change
    return logs, directions


def credit(replay: Replay, entering: np.ndarray) -> np.ndarray:
    """Credit end to end over all routes: the layer's own recurrence, and every way around it in the layers above.

    Args:
        replay: of one layer.
        entering: `e_t` of the loss `l` of one position a sequence, shape (T, n, S).

    Returns:
        E(k), the mean of |dl/ds_(tau-k)| / |dl/ds_tau| over the sequences, for k = 0 to the largest lag. Sequences
        whose `l` does not depend on s_tau at all are left out; NaN if that is all of them.
    """
    recording = replay.recording
    logs, _ = replay.gradients(entering)
    lags = np.arange(recording.max_lag + 1)
    behind = np.take_along_axis(logs, recording.focus - lags[:, None], axis=0)
    behind = behind[:, np.isfinite(behind[0])]
    return np.exp(behind - behind[0]).mean(axis=1) if behind.size else np.full(len(lags), np.nan)


MAX_ROWS = 800
MAX_STEPS = 256
ENOUGH = 0.99


@np.errstate(over="ignore", invalid="ignore")  # what overflows on the way has no cosine
def truncation(replay: Replay, entering: np.ndarray) -> list[dict[str, float]]:
    """The gradient of the cell's weights with every error cut off after k steps.

    Truncated at k, an error reaches the step where it enters and the k - 1 steps before it. That is exact for each
    error, unlike a cut of the sequence into pieces of k steps, where an error reaches from 1 to k steps. It costs a
    pass over all steps for every lag, so only the first sequences are used: 800 steps in all, or one sequence.

    Args:
        replay: of one layer.
        entering: `e_t` of the whole loss, shape (T, n, S).

    Returns:
        A row for k = 1, 2, 4, ... up to 256, and for T: `steps`, k; `cosine`, A(k), between the truncated and the full
        gradient; `norm`, the truncated gradient's norm over that of the full one.
    """
    few = max(1, MAX_ROWS // replay.steps)
    entering = entering[:, :few]
    cell = AllSteps(replay, few)
    logs, directions = replay.gradients(entering)
    full = cell.weight_gradient(np.exp(logs)[:, :, None].astype("float32") * directions)
    cuts = {k: cell.weight_gradient(sums) for k, sums in _windows(cell, entering)}
    return [_compare(k, cut, full) for k, cut in (cuts | {replay.steps: full}).items()]


def credit_horizon(rows: list[dict[str, float]]) -> float:
    """The smallest k measured with A(k) >= 0.99, which is what `bptt_steps` should be; NaN without any gradient."""
    return next((row["steps"] for row in rows if row["cosine"] >= ENOUGH), float("nan"))


class AllSteps:
    """All steps of some sequences as the rows of one call of the cell, which is differentiated many times.

    Args:
        replay: of one layer.
        few: how many sequences to use, the first ones.
    """

    def __init__(self, replay: Replay, few: int):
        self._states = flat(replay.states[:-1, :few])
        self._weights = [weight.value for weight in replay.recording.layer.weights]
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as self._tape:
            self._tape.watch([self._states, *self._weights])
            output, self._new = replay.step(flat(replay.inputs[:, :few]), self._states)
        self._direct = 0.0
        if not replay.output_is_state:  # what the whole loss says to the weights between state and output
            self._direct = self._to_weights(output, np.swapaxes(replay.recording.errors.outputs[:few], 0, 1))

    def back(self, errors: np.ndarray) -> np.ndarray:
        """Errors (T, n, S) at the states after each step, taken to the states before it and filed there."""
        moved = self._tape.gradient(self._new, self._states, _rows(errors), unconnected_gradients="zero")
        moved = np.reshape(moved, errors.shape)
        return np.concatenate([moved[1:], np.zeros_like(moved[:1])])

    def weight_gradient(self, errors: np.ndarray) -> np.ndarray:
        """The gradient of all of the cell's weights in one vector, from errors (T, n, S) at the states."""
        return self._to_weights(self._new, errors) + self._direct

    def _to_weights(self, target, errors):
        gradients = self._tape.gradient(target, self._weights, _rows(errors), unconnected_gradients="zero")
        return np.concatenate([np.ravel(gradient) for gradient in gradients])


def _windows(cell: AllSteps, entering: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """For k = 1, 2, 4, ... the sum of what entered at each step and of what came back to it over up to k - 1 steps."""
    moved, sums = entering, entering.copy()
    for k in range(1, min(len(entering), MAX_STEPS + 1)):
        if k & (k - 1) == 0:
            yield k, sums
        moved = cell.back(moved)
        sums = sums + moved


def _compare(k: int, cut: np.ndarray, full: np.ndarray) -> dict[str, float]:
    norms = np.linalg.norm(cut), np.linalg.norm(full)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"steps": k, "cosine": cut @ full / (norms[0] * norms[1]), "norm": norms[0] / norms[1]}


def _rows(errors: np.ndarray) -> np.ndarray:
    return errors.reshape(-1, errors.shape[-1])
