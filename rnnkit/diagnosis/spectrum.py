"""Eigenvalues and singular values: of the recurrent kernels, and of the Jacobians that the probe meets.

For one activation phi, a largest singular value below 1 / max|phi'| is sufficient for errors to vanish, and one above
it is necessary for them to explode (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
networks", 2013). A spectral radius below 1 bounds nothing for a kernel that is not normal. For TensorFlow.

Legend: `n` sequences, `S` size of the full state, `H` units.
"""

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay
from rnnkit.diagnosis.saturation import gate_letters
from rnnkit.diagnosis.scaled import unit

ITERATIONS = 30


def kernel_spectrum(layer) -> list[dict]:
    """Spectral radius and largest singular value of each gate's square block of the recurrent kernel.

    Returns:
        A row for each gate: `gate` (its letter or number, empty where there is one block), `radius`, `sigma`. A
        cell whose `recurrent_kernel` is not made of square blocks has no rows.
    """
    kernel = getattr(layer.cell, "recurrent_kernel", None)
    if kernel is None or len(kernel.shape) != 2 or kernel.shape[1] % kernel.shape[0]:
        return []
    blocks = np.split(np.array(kernel), kernel.shape[1] // kernel.shape[0], axis=1)
    letters = gate_letters(layer.cell)
    names = list(letters) if len(letters) == len(blocks) else [str(number) for number in range(len(blocks))]
    return [
        {
            "gate": name if len(blocks) > 1 else "",
            "radius": float(np.abs(np.linalg.eigvals(block)).max()),
            "sigma": float(np.linalg.norm(block, 2)),
        }
        for name, block in zip(names, blocks, strict=True)
    ]


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
