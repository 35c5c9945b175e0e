"""Examples of a training: their weights in the loss, and which are held out."""

import numpy as np

from rnnkit.errors import ArgumentError, DataError


def check_weights(values, count: int) -> np.ndarray | None:
    """Weights of a number of examples, float32; None stays None."""
    if values is None:
        return None
    weights = np.asarray(values, dtype="float32")
    if weights.shape != (count,):
        raise DataError(f"sample_weight: expected shape ({count},), one weight for each example, got {weights.shape}.")
    return weights


def weighted(weights, class_weight, y):
    """Weights (N,) of examples that weigh as their classes do, times their own `weights`; None for equal ones.

    Raises:
        ArgumentError: y are no classes, shape (N,).
    """
    if class_weight is None:
        return weights
    by_class = np.array([class_weight.get(int(number), 1.0) for number in y], "float32")
    return by_class if weights is None else by_class * weights


def balanced(y) -> dict[int, float]:
    """Weights with which each class of y (N,) weighs as much as any other in sum, and all N examples N."""
    classes, counts = np.unique(y, return_counts=True)
    return {int(number): len(y) / (len(classes) * int(count)) for number, count in zip(classes, counts, strict=True)}


def held_out(data, weights, fraction: float, seed: int):
    """Rows to train on with their weights, and (x, y, weights) of the others."""
    count = max(1, round(fraction * len(data)))
    if not 0 < fraction < 1 or count >= len(data):
        raise ArgumentError(
            "validation_split: expected a fraction in [0, 1) that leaves rows to train on, "
            f"got {fraction!r} of {len(data)} rows."
        )
    chosen = np.random.default_rng(seed).permutation(len(data))[:count]
    rows = np.setdiff1d(np.arange(len(data)), chosen)
    parts = [(data.take(each), None if weights is None else weights[each]) for each in (rows, chosen)]
    (data, weights), (valid, its_weights) = parts
    return data, weights, (valid, None, its_weights)
