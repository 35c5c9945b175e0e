"""Eigenvalues and singular values: of the recurrent kernels, and of the Jacobians that the probe meets.

For one activation phi, a largest singular value below 1 / max|phi'| is sufficient for errors to vanish, and one above
it is necessary for them to explode (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
networks", 2013). A spectral radius below 1 bounds nothing for a kernel that is not normal. For TensorFlow.

Legend: `n` sequences, `S` size of the full state, `H` units.
"""

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay
from rnnkit.diagnosis.scaled import unit
from rnnkit.recurrent.cells import gates_of
from rnnkit.recurrent.spectrum import block_spectra

ITERATIONS = 30


def kernel_spectrum(layer) -> list[dict]:
    """The rows of `block_spectra` for a recurrent layer; none for a cell without recurrent kernel."""
    kernel = getattr(layer.cell, "recurrent_kernel", None)
    return [] if kernel is None else block_spectra(kernel, gates_of(layer.cell))


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
