"""What a layer's cell is like: gates that have stopped listening, kernels, and the Jacobians that the probe meets.

For one activation phi, a largest singular value below 1 / max|phi'| is sufficient for errors to vanish, and one above
it is necessary for them to explode (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
networks", 2013). A spectral radius below 1 bounds nothing for a kernel that is not normal. For TensorFlow.

Legend: `R` rows (steps of sequences), `F` features, `H` units, `n` sequences, `S` size of the full state.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.decay import first_lag, half_life
from rnnkit.diagnosis.probe import cells_of
from rnnkit.diagnosis.replay import Replay, states_of, unit
from rnnkit.recurrent.cells import cell_of, gates_of
from rnnkit.recurrent.gates import preactivations as of_cell
from rnnkit.recurrent.spectrum import block_spectra

TINY_DERIVATIVE = 0.01
TINY_VARIANCE = 1e-3
OPEN = 0.5


class Gate(NamedTuple):
    """A gate on the probe: `function` of what goes into it, `z` of shape (R, H); `keeps` if it keeps the state."""

    name: str
    keeps: bool
    function: Callable
    z: tf.Tensor


def gates(replay: Replay) -> list[dict]:
    """How the gates of a cell of the table stand on the probe.

    A unit is stuck when its derivative is tiny and its activation hardly varies over the inputs; a unit of the gate
    that keeps the state (f of an LSTM, z of a GRU) is not when it is held open, since remembering is what it is there
    for (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018). A gate is saturated when more than
    half of its units are stuck.

    Returns:
        A row for each gate: `gate`, its letter (`h` for SimpleRNN's only activation; minLSTM's `f` is the normalised
        one, of which `i` is the rest; with the cell before it, where there are several on top of each other), `mean`
        activation, mean `derivative`, `variance` over the inputs (mean over the units), fraction of `stuck` units, and
        `saturated`. No rows for other cells.
    """
    rows = []
    for gate in preactivations(replay):
        with tf.GradientTape() as tape:
            tape.watch(gate.z)
            values = gate.function(gate.z)
        derivative = np.abs(tape.gradient(values, gate.z)).mean(axis=0)
        values = values.numpy()
        variance = values.var(axis=0)
        stuck = (derivative < TINY_DERIVATIVE) & (variance < TINY_VARIANCE)
        if gate.keeps:
            stuck &= values.mean(axis=0) < OPEN
        rows.append(
            {
                "gate": gate.name,
                "mean": float(values.mean()),
                "derivative": float(derivative.mean()),
                "variance": float(variance.mean()),
                "stuck": float(stuck.mean()),
                "saturated": bool(stuck.mean() > 0.5),
            }
        )
    return rows


def forget_gate(replay: Replay) -> float:
    """exp(mean log f), what a cell of the table keeps of its state each step (f, or z of a GRU); NaN for others."""
    kept = [np.ravel(gate.function(gate.z)).astype("float64") for gate in preactivations(replay) if gate.keeps]
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(np.concatenate(kept)).mean())) if kept else float("nan")


def preactivations(replay: Replay) -> Iterator[Gate]:
    """The gates of a layer's cells, as far as the table knows them, without the padding."""
    valid = np.arange(replay.steps)[:, None] < replay.recording.lengths
    x, states = replay.inputs[valid], tf.split(replay.states[:-1][valid], replay.sizes, axis=-1)
    for name, cell in cells_of(replay.recording.layer).items():
        own, states = states[: states_of(cell)], states[states_of(cell) :]
        entry = cell_of(cell)
        if entry is None:
            return
        for letter, (function, z) in of_cell(cell, x, own[0]).items():
            yield Gate(f"{name} {letter}".strip(), letter == entry.keep_gate, function, z)
        x, _ = cell.call(x, own)


def time_scales(replay: Replay) -> list[dict]:
    """How long each unit of a linear recurrence remembers, read off its factors: no error has to be followed.

    Returns:
        A row for each number of the state, complex where the state is, or for each head of an mLSTM: `unit`; `decay`,
        the modulus of its factor per step, its geometric mean over the probe where it depends on the inputs; and
        `half_life` in steps. No rows for cells whose state reads itself.
    """
    cell, *others = cells_of(replay.recording.layer).values()
    if others or not hasattr(cell, "factors"):
        return []
    valid = np.arange(replay.steps)[:, None] < replay.recording.lengths
    factors = cell.factors(replay.inputs[valid], tf.split(replay.states[:-1][valid], replay.sizes, axis=-1))
    modulus = np.sqrt(sum(np.asarray(part, "float64") ** 2 for part in factors))
    with np.errstate(divide="ignore"):
        decays = np.exp(np.log(np.atleast_2d(modulus)).mean(axis=0))
    return [{"unit": unit, "decay": decay, "half_life": half_life(decay)} for unit, decay in enumerate(decays)]


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
    """The leading Lyapunov exponents in nats per step: growth of lengths, areas, volumes going back, by repeated QR.

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
