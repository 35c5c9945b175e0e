"""Vectors too large or too small for float32: a unit vector, and the log of its norm. Legend: `S` size of a vector."""

import numpy as np


def unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (..., S) over their norms, and the norms' logs (...) in float64; zero stays zero, with log -inf."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True)  # squares of float32 overflow long before the vector does
    safe = np.where(largest > 0, largest, 1)
    scaled = vectors / safe
    norms = np.linalg.norm(scaled, axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs = np.log(norms.astype("float64")) + np.log(safe.astype("float64"))
    return scaled / np.where(norms > 0, norms, 1), logs[..., 0]


def add(first, first_log, second, second_log):
    """The sum of two scaled vectors, scaled again."""
    top = np.maximum(first_log, second_log)
    top = np.where(np.isneginf(top), 0, top)
    weights = [np.exp(log - top)[:, None].astype("float32") for log in (first_log, second_log)]
    direction, log = unit(weights[0] * first + weights[1] * second)
    return direction, log + top
