"""What a user asks of what a model draws, checked; light, since the command line looks before TensorFlow starts."""

import math

import numpy as np

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import is_number, whole

NO_LIMIT = 2**31 - 1


def sampling_settings(temperature, top_k, top_p) -> dict[str, np.generic]:
    """The scalars that `rnnkit.layers.sampling.filtered` takes.

    Raises:
        ArgumentError: one of them is out of its range.
    """
    if not is_number(temperature) or not 0 < temperature < math.inf:
        raise ArgumentError(
            f"temperature: expected a positive number, got {temperature!r}. For almost only the most probable choices "
            "take a small one, such as 0.1."
        )
    if top_k is not None:
        whole("top_k", top_k)
    if top_p is not None and (not is_number(top_p) or not 0 < top_p <= 1):
        raise ArgumentError(f"top_p: expected a probability in (0, 1], got {top_p!r}.")
    return {
        "temperature": np.float32(temperature),
        "top_k": np.int32(min(top_k or NO_LIMIT, NO_LIMIT)),
        "top_p": np.float32(top_p or 2),  # 2, since probabilities may add up to a little more than 1
    }


def check_seed(seed) -> None:
    """Raises `ArgumentError` unless a seed is None or a whole number from 0."""
    if seed is not None:
        whole("seed", seed, least=0)
