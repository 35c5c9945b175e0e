"""The penalty against an explicit Jacobian, finite differences, and what it does to a training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.gradient_penalties import penalised
from rnnkit.recurrent.table import cell_names

LENGTHS = np.array([5, 3, 1], "int32")
X = tf.constant(np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32"))
LAST, DEEP = {"return_sequences": False}, {"bidirectional": True, "layers": 2, "layer_norm": True}


def made(cell, **options):
    keras.utils.set_random_seed(0)
    stack = RecurrentStack(cell, 3, gradient_penalty=0.5, **options)
    return stack, np.random.default_rng(1).normal(size=stack(X, LENGTHS).shape).astype("float32")


def measured(stack, direction):
    return penalised(lambda x: stack(x, LENGTHS), X, LENGTHS, lambda outputs: direction)


@pytest.mark.parametrize(
    ("cell", "options"),  # the other cells run in the same loops
    [*((cell, {}) for cell in cell_names()[:5]), ("gru", LAST), ("min_lstm", LAST), ("lstm", DEEP), ("min_gru", DEEP)],
)
def test_it_is_the_jacobian_along_a_direction(cell, options):
    stack, direction = made(cell, **options)
    outputs, penalty = measured(stack, direction)
    with tf.GradientTape() as tape:
        tape.watch(X)
        flat = tf.reshape(stack(X, LENGTHS), (-1,))
    along = np.tensordot(direction.ravel(), np.array(tape.jacobian(flat, X)), axes=1)
    assert float(penalty) == pytest.approx(np.mean((along**2).sum(axis=(1, 2)) / LENGTHS), rel=1e-4)
    np.testing.assert_array_equal(outputs, stack(X, LENGTHS))


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru"])
def test_its_gradient_equals_finite_differences(cell):
    stack, direction = made(cell, bidirectional=True)
    with tf.GradientTape() as tape:
        _, penalty = measured(stack, direction)
    kernel = stack.blocks[0]["backward"].cell.recurrent_kernel
    gradient = np.array(tape.gradient(penalty, kernel.value))
    value, way, step = np.array(kernel), np.random.default_rng(2).normal(size=kernel.shape).astype("float32"), 3e-3
    ends = []
    for sign in (1, -1):
        kernel.assign(value + sign * step * way)
        ends.append(float(measured(stack, direction)[1]))
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float((gradient * way).sum()), rel=2e-2)


def test_it_adds_to_the_loss_in_training_only_and_holds_the_jacobian_down():
    found = {}
    for strength in (0.0, 10.0):
        keras.utils.set_random_seed(0)
        model = rnnkit.MemoryModel("number", "simple_rnn", 8, gradient_penalty=strength)
        x = np.random.default_rng(0).normal(size=(64, 6, 2)).astype("float32")
        y = x[:, 0, 0]
        model.compile(keras.optimizers.Adam(1e-2))
        history = model.fit(list(x), y, epochs=15, verbose=0).history
        evaluated = model.evaluate(list(x), y, verbose=0, return_dict=True)
        assert evaluated["loss"] == pytest.approx(evaluated["mse"], rel=1e-5)
        stack, ones = model.stack, tf.ones((64, 8))
        run = penalised(lambda x, stack=stack: stack(x), tf.constant(x), np.full(64, 6), lambda _, ones=ones: ones)
        found[strength] = float(run[1]), history["loss"][-1] - history["mse"][-1]
    assert found[10.0][0] < found[0.0][0] / 3
    assert found[0.0][1] == pytest.approx(0, abs=1e-5)
    assert found[10.0][1] > 0


def test_it_is_kept_when_saved():
    stack = RecurrentStack.from_config(made("gru")[0].get_config())
    assert stack.gradient_penalty == 0.5


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "much"])
def test_a_strength_that_is_none_is_refused(value):
    with pytest.raises(ArgumentError, match="gradient_penalty"):
        RecurrentStack("gru", 3, gradient_penalty=value)


def test_a_layer_with_a_way_of_its_own_is_refused():
    class Selfwilled(keras.layers.GRU):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    with pytest.raises(ArgumentError, match="gradient_penalty: Selfwilled runs through time in a way of its own"):
        RecurrentStack(Selfwilled, 3, gradient_penalty=0.1)
