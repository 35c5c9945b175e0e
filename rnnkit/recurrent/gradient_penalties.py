"""Penalties on gradients: that of a stack, and the gradient of Omega (see `rnnkit.layers.OmegaRNN`). For TensorFlow.

Legend: `B` batch, `T` steps, `F` features, `H` units, `W` width.
"""

import keras
import tensorflow as tf
from keras import ops

from rnnkit.recurrent.truncated import run_cell

TINY = 1e-30  # in float32; below it a norm counts as zero and has no gradient


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


def omega_gradient(cell, inputs, states, gradients):
    """The immediate gradient of Omega for the cell's recurrent kernel, with the kernel's shape.

    Args:
        cell: a cell with one state that is its output.
        inputs: shape (B, T, F).
        states: shape (B, T, H), after each step.
        gradients: shape (B, T, H), of the loss at each state.
    """
    kernel = cell.recurrent_kernel.value
    batch = ops.cast(ops.shape(states)[0], "float32")
    inputs, before, directions = (_rows(each) for each in (inputs[:, 1:], states[:, :-1], gradients[:, 1:]))
    directions, reached = _unit(ops.cast(directions, "float32"))
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch(kernel)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(before)
            _, (after,) = run_cell(cell, inputs, [before], training=False)
        back = inner.gradient(after, before, ops.cast(directions, after.dtype))
        squared = ops.sum(ops.square(ops.cast(back, "float32")), axis=1)
        terms = ops.square(ops.sqrt(ops.maximum(squared, TINY)) - 1.0)
        total = ops.sum(ops.where(reached, terms, 0.0)) / batch
    return outer.gradient(total, kernel, unconnected_gradients="zero")


def _rows(sequences):
    return ops.reshape(sequences, (-1, sequences.shape[-1]))


def _unit(vectors):
    """Rows of length 1, however tiny they were, and which of them were not zero."""
    size = ops.sum(ops.abs(vectors), axis=1, keepdims=True)  # its squares would vanish first
    reached = size > 0
    scaled = ops.where(reached, vectors / ops.where(reached, size, 1.0), 0.0)
    norm = ops.sqrt(ops.sum(ops.square(scaled), axis=1, keepdims=True))
    return scaled / ops.where(reached, norm, 1.0), reached[:, 0]
