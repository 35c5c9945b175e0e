"""How an error fades or grows on its way back through one layer's own recurrence.

The factor a step cannot be read off `dL/ds_t`, since errors enter at every step on the way. Here one error is followed
alone: `delta_0 = e_tau`, `delta_k = J' delta_(k-1)`.

Legend: `n` sequences, `K` steps back, `S` size of the full state, `P` paths.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay, unit

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
        `gain`, the factor a step: exp(slope of log R over k in [k0, K]); `gain_low`, `gain_high`, its 95 % bootstrap
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
