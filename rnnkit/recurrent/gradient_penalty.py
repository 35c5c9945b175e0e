"""The gradient penalty of a stack, for TensorFlow. Legend: `B` batch, `T` steps, `F` features, `W` width."""

import keras
import tensorflow as tf
from keras import ops


def penalised(run, inputs, lengths, direction):
    """Runs `run` and measures how strongly its outputs follow its inputs.

    Args:
        run: from (B, T, F) to outputs (B, T, W) or (B, W).
        inputs: shape (B, T, F).
        lengths: int32, shape (B,).
        direction: a function from the outputs to standard normal numbers of their shape.

    Returns:
        The outputs, and the mean over the sequences of the squared norm of the gradient of <direction, outputs> for the
        inputs, divided by the sequence's length. Over many directions that is the squared Frobenius norm of the
        Jacobian for each step.
    """
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = run(inputs)
        followed = ops.sum(outputs * direction(outputs))
    gradient = ops.cast(tape.gradient(followed, inputs), "float32")
    squared = ops.sum(ops.square(gradient), axis=(1, 2))
    return outputs, ops.mean(squared / ops.cast(ops.maximum(lengths, 1), "float32"))


def random_direction(seed: keras.random.SeedGenerator):
    """Standard normal numbers in the shape of what it is given."""
    return lambda outputs: keras.random.normal(ops.shape(outputs), dtype=outputs.dtype, seed=seed)
