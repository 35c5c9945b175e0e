"""A batch in parts that run at the same time on a CPU: sequences do not need each other."""

import itertools

import keras
from keras import ops

from rnnkit.recurrent.devices import cores, gpu_in_use

STRANDS = 2  # parts of a batch


def strands(directions: int) -> int:
    """How many parts the batch of a layer is cut into, where so many layers run at the same time, itself among them."""
    if keras.backend.backend() != "tensorflow" or gpu_in_use():
        return 1
    return STRANDS if cores() >= STRANDS * directions else 1


def in_strands(run, directions: int, *tensors) -> list:
    """What `run` gives for a batch; TensorFlow runs what does not hang together side by side.

    Args:
        run: from tensors like those given, of any batch size, to a list of others.
        directions: see `strands`.
        tensors: each (B, ...), or None.

    Returns:
        The tensors that `run` gives, each (B, ...).
    """
    parts = strands(directions)
    if parts == 1:
        return run(*tensors)
    import tensorflow as tf

    rows = ops.shape(tensors[0])[0]
    ends = [rows * part // parts for part in range(parts + 1)]
    sizes = [end - start for start, end in itertools.pairwise(ends)]
    cut = [[None] * parts if each is None else tf.split(each, sizes) for each in tensors]
    found = [run(*part) for part in zip(*cut, strict=True)]
    return [tf.concat(each, axis=0) for each in zip(*found, strict=True)]
