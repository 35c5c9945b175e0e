"""Functions of tensors, compiled once for every batch size and every length."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

TRACING = threading.Lock()  # a layer may be set for a moment to what one trace needs


def compiled(run: Callable[[Any], Any], inputs: Any = None) -> Callable[[Any], Any]:
    """A function from arrays to arrays, for answers outside of training.

    On TensorFlow it is traced at its first call, once for all batch sizes and lengths; it reads the weights as they
    are at each call, and threads may share it. It costs a tenth of a millisecond beyond the network, where
    `keras.Model.predict` sets up for 40. Keep it as an attribute: Keras neither tracks nor saves it.

    Args:
        run: a `keras.Model`, or another function from a nest of tensors to one.
        inputs: the same nest of what has a `shape`, with None for axes that vary, and a `dtype`. None takes any, and
            traces once or twice more where their shapes vary.
    """
    if keras.backend.backend() != "tensorflow":
        return run.predict_on_batch if isinstance(run, keras.Model) else _with_arrays(run)
    import tensorflow as tf

    specs = None
    if inputs is not None:
        specs = keras.tree.map_structure(lambda each: tf.TensorSpec(each.shape, each.dtype), inputs)
    function = tf.function(lambda given: run(given), specs and [specs], autograph=False, reduce_retracing=True)

    @functools.cache
    def traced():  # a call of the function itself costs half a millisecond more
        with TRACING:
            return function.get_concrete_function()

    def tensor(spec, given):
        return tf.constant(np.asarray(given, spec.dtype.as_numpy_dtype))

    def answer(given):
        if specs is None:
            return function(keras.tree.map_structure(tf.constant, given))
        tensors = keras.tree.map_structure(tensor, specs, given)
        return (function if tf.config.functions_run_eagerly() else traced())(tensors)

    return _with_arrays(answer)


def _with_arrays(run):
    return lambda given: keras.tree.map_structure(ops.convert_to_numpy, run(given))
