"""How layers run: in a form that every converter can read, a batch in halves on several cores, with checked values."""

import contextlib
import itertools
from contextvars import ContextVar

import keras
from keras import ops

from rnnkit.recurrent.devices import cores, gpu_in_use

HALVES = 2  # of a batch
_PORTABLE = ContextVar("portable", default=False)


@contextlib.contextmanager
def portable_loops():
    """What is traced inside of it runs time through Keras' generic loop: no cuDNN, and no loop of rnnkit's own."""
    before = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(before)


def is_portable() -> bool:
    """Whether a `portable_loops` is open."""
    return _PORTABLE.get()


def asserted(value, holds, message: str):
    """`value`, where `holds` is true; an error that is raised in the step otherwise.

    Only TensorFlow can check values inside a compiled step; without XLA, which leaves assertions out.
    """
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf

    with tf.control_dependencies([tf.debugging.Assert(holds, [message])]):
        return tf.identity(value)


def parallel_parts(directions: int) -> int:
    """Into how many parts a layer cuts its batch: more than one if TensorFlow has threads and cores for them.

    Args:
        directions: how many layers run at the same time, itself among them.
    """
    if keras.backend.backend() != "tensorflow" or gpu_in_use():
        return 1
    import tensorflow as tf

    threads = tf.config.threading.get_inter_op_parallelism_threads() or cores()  # 0 where nobody has set them
    return HALVES if min(threads, cores()) >= HALVES * directions else 1


def in_parallel_halves(run, directions: int, *tensors) -> list:
    """What `run` gives for a batch; TensorFlow runs operations that do not depend on each other in parallel.

    Args:
        run: from tensors like those given, of any batch size, to a list of others.
        directions: see `parallel_parts`.
        tensors: each (B, ...), or None.

    Returns:
        The tensors that `run` gives, each (B, ...).
    """
    parts = parallel_parts(directions)
    if parts == 1:
        return run(*tensors)
    import tensorflow as tf

    rows = ops.shape(tensors[0])[0]
    ends = [rows * part // parts for part in range(parts + 1)]
    sizes = [end - start for start, end in itertools.pairwise(ends)]
    cut = [[None] * parts if each is None else tf.split(each, sizes) for each in tensors]
    found = [run(*part) for part in zip(*cut, strict=True)]
    return [tf.concat(each, axis=0) for each in zip(*found, strict=True)]
