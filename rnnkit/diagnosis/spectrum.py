"""Eigenvalues and singular values: of the recurrent kernels, and of the Jacobians that the probe meets.

For one activation phi, a largest singular value below 1 / max|phi'| is sufficient for errors to vanish, and one above
it is necessary for them to explode (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
networks", 2013). A spectral radius below 1 bounds nothing for a kernel that is not normal. For TensorFlow.

Legend: `n` sequences, `S` size of the full state, `H` units.
"""

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.calls import cells_of
from rnnkit.diagnosis.decay import first_lag
from rnnkit.diagnosis.replay import Replay, unit
from rnnkit.recurrent.cells import gates_of
from rnnkit.recurrent.spectrum import block_spectra

ITERATIONS = 30


def kernel_spectrum(layer) -> list[dict]:
    """The rows of `block_spectra` for a recurrent layer; none for a cell without recurrent kernel."""
    rows = []
    for name, cell in cells_of(layer).items():
        kernel = getattr(cell, "recurrent_kernel", None)
        found = [] if kernel is None else block_spectra(kernel, gates_of(cell))
        rows += [{**row, "gate": f"{name} {row['gate']}".strip()} for row in found]
    return rows


def jacobian_sigma(replay: Replay, *, seed: int = 0) -> np.ndarray:
    """The largest singular value of J_tau at each sequence's position tau, shape (n,).

    It is found by power iteration, and a few per cent too low at worst, where the largest two are about equal.
    """
    inputs, states = replay.at(replay.recording.positions)
    vector, _ = unit(np.random.default_rng(seed).normal(size=states.shape).astype("float32"))
    dummy = tf.zeros_like(states)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as outer:
        outer.watch(dummy)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(states)
            _, new = replay.step(inputs, states)
        back = inner.gradient(new, states, dummy, unconnected_gradients="zero")  # J' dummy, so its gradient gives J
    log = np.zeros(len(states))
    for _ in range(ITERATIONS):
        forward = outer.gradient(back, dummy, vector, unconnected_gradients="zero")
        vector, log = unit(replay.back(inputs, states, forward).numpy())
    return np.exp(log / 2)


EXPONENTS = 8


def effective_rank(vectors: np.ndarray) -> np.ndarray:
    """(sum s^2)^2 / sum s^4 of the singular values s of n vectors: from 1, all parallel, to n, all orthogonal.

    Args:
        vectors: shape (..., n, S). Longer ones weigh more, so n is reached by vectors of one norm only.

    Returns:
        Shape (...): a rank for each matrix (n, S), NaN where it is zero.
    """
    inner = vectors @ np.swapaxes(vectors, -1, -2)  # its eigenvalues are s^2
    with np.errstate(invalid="ignore"):
        return np.trace(inner, axis1=-2, axis2=-1) ** 2 / np.sum(inner**2, axis=(-2, -1))


def lyapunov(replay: Replay, *, seed: int = 0) -> np.ndarray:
    """The leading Lyapunov exponents in nats a step: growth of lengths, areas, volumes going back, by repeated QR.

    The same QR method as for dynamical systems (Benettin et al., "Lyapunov characteristic exponents for smooth
    dynamical systems", 1980), with J' in place of J, from each sequence's position tau.

    Returns:
        Up to 8 exponents, largest first, the mean over sequences and over lags after k0; -inf where a direction dies.
    """
    tau, K = replay.recording.positions, replay.recording.max_lag
    n, S = len(tau), sum(replay.sizes)
    m = min(EXPONENTS, S)
    start = np.random.default_rng(seed).normal(size=(n, S, m)).astype("float32")
    directions, _ = tf.linalg.qr(start)
    growth = []
    for k in range(1, K + 1):
        inputs, states = (tf.repeat(values, m, axis=0) for values in replay.at(tau - k + 1))
        rows = tf.reshape(tf.transpose(directions, (0, 2, 1)), (n * m, S))
        moved = tf.reshape(replay.back(inputs, states, rows), (n, m, S))
        directions, triangle = tf.linalg.qr(tf.transpose(moved, (0, 2, 1)))
        growth.append(np.abs(tf.linalg.diag_part(triangle)))
    with np.errstate(divide="ignore"):
        exponents = np.log(np.array(growth[first_lag(K) :], "float64")).mean(axis=(0, 1))
    return np.sort(exponents)[::-1]
