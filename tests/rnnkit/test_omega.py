"""The vanishing-gradient regularizer against its definition, step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.errors import ArgumentError
from rnnkit.layers import OmegaRNN, RecurrentStack
from rnnkit.recurrent.gradient_penalties import omega_gradient

CELLS = {"simple_rnn": keras.layers.SimpleRNNCell, "gru": keras.layers.GRUCell}
B, T, F, H = 3, 6, 2, 4


def inputs(seed=1, shape=(B, T, F)):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def loss_of(outputs):
    return tf.reduce_sum(tf.sin(2.0 * outputs[:, 2:]))


def by_definition(cell, x, loss_of):
    """Omega's immediate gradient for the recurrent kernel: all of it one step and one sequence at a time."""
    with tf.GradientTape(persistent=True) as tape:
        states = [tf.zeros((len(x), cell.units))]
        for step in range(x.shape[1]):
            states.append(cell(x[:, step], [states[-1]])[0])
        loss = loss_of(tf.stack(states[1:], axis=1))
    reached = [tape.gradient(loss, state, unconnected_gradients="zero") for state in states]
    total = np.zeros(cell.recurrent_kernel.shape)
    for step in range(2, len(states)):
        for row in range(len(x)):
            error = reached[step][row : row + 1]
            if not np.any(error):
                continue
            before = tf.constant(states[step - 1][row : row + 1])
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(before)
                    after = cell(x[row : row + 1, step - 1], [before])[0]
                    product = tf.reduce_sum(after * tf.constant(error))
                back = inner.gradient(product, before)
                term = tf.square(tf.norm(back) / tf.norm(error) - 1.0)
            total += outer.gradient(term, cell.recurrent_kernel.value).numpy()
    return total / len(x)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_it_adds_the_defined_gradient_to_the_recurrent_kernel_and_nothing_else(name, backwards):
    layer = OmegaRNN(CELLS[name](H), omega=0.7, return_sequences=True, go_backwards=backwards)
    layer.build((None, None, F))

    @tf.function(input_signature=[tf.TensorSpec((None, None, F)), tf.TensorSpec(())])
    def gradients(x, scale):
        with tf.GradientTape() as tape:
            outputs = layer(x, training=True)
            total = scale * (loss_of(outputs) + sum(layer.losses))
        return total, outputs, tape.gradient(total, [weight.value for weight in layer.weights])

    x = inputs()
    read = x[:, ::-1] if backwards else x
    with tf.GradientTape() as tape:
        outputs = layer(x, training=False)
        loss = loss_of(outputs)
    plain = tape.gradient(loss, [weight.value for weight in layer.weights])
    expected = 0.7 * by_definition(layer.cell, read, loss_of)
    assert np.abs(expected).max() > 1e-2
    for scale in (1.0, 1024.0):  # as loss scaling does
        total, same, ours = gradients(x, tf.constant(scale))
        np.testing.assert_array_equal(outputs, same)
        assert float(total) == pytest.approx(scale * float(loss), rel=1e-6)
        for weight, first, second in zip(layer.weights, ours, plain, strict=True):
            extra = expected if weight is layer.cell.recurrent_kernel else 0.0
            np.testing.assert_allclose(first / scale, second + extra, atol=2e-5, err_msg=weight.path)


def test_the_gradient_of_a_tanh_network_equals_finite_differences_of_the_formula():
    cell = keras.layers.SimpleRNNCell(H)
    cell.build((None, F))
    x, states, errors = (inputs(seed, (B, T, size)).astype("float64") for seed, size in ((1, F), (2, H), (3, H)))
    errors[1, 3:] = 0
    kernel, start, bias = (np.array(weight, dtype="float64") for weight in cell.weights)

    def omega(recurrent):
        total = 0.0
        for row in range(B):
            for step in range(1, T):
                error = errors[row, step]
                if error.any():
                    slope = 1 - np.tanh(x[row, step] @ kernel + bias + states[row, step - 1] @ recurrent) ** 2
                    total += (np.linalg.norm(recurrent @ (slope * error)) / np.linalg.norm(error) - 1) ** 2 / B
        return total

    expected = np.zeros((H, H))
    for place in np.ndindex(H, H):
        nudge = np.zeros((H, H))
        nudge[place] = 1e-5
        expected[place] = (omega(start + nudge) - omega(start - nudge)) / 2e-5
    tensors = [tf.constant(each, "float32") for each in (x, states, errors)]
    np.testing.assert_allclose(omega_gradient(cell, *tensors), expected, atol=2e-5)
    tiny = [*tensors[:2], 1e-30 * tensors[2]]  # only the direction of an error counts, however far it has vanished
    np.testing.assert_allclose(omega_gradient(cell, *tiny), expected, atol=2e-5)


def test_descending_it_keeps_the_size_of_gradients_in_a_linear_network():
    cell = keras.layers.SimpleRNNCell(H, activation="linear")
    cell.build((None, F))
    cell.recurrent_kernel.assign(0.5 * np.array(cell.recurrent_kernel))
    data = [tf.constant(inputs(seed, (20, T, size))) for seed, size in ((1, F), (2, H), (3, H))]
    for _ in range(200):
        cell.recurrent_kernel.assign(cell.recurrent_kernel - 0.05 * omega_gradient(cell, *data))
    np.testing.assert_allclose(np.linalg.svd(np.array(cell.recurrent_kernel), compute_uv=False), 1, atol=0.05)


def test_inside_a_compiled_fit_padding_and_layers_above_are_right():
    x, lengths = inputs(), np.array([6, 1, 4], "int32")
    given, ends = keras.Input((None, F)), keras.Input((), dtype="int32")
    stack = RecurrentStack("gru", H, omega=2.0, return_sequences=False)
    model = keras.Model([given, ends], stack(given, ends))
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    cell, target = stack.blocks[0]["forward"].cell, inputs(5, (B, H))
    expected = np.zeros(cell.recurrent_kernel.shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model([x, lengths]) - target) ** 2)
    expected += tape.gradient(loss, cell.recurrent_kernel.value).numpy()
    for row, length in enumerate(lengths):
        error = lambda y, row=row: tf.reduce_mean((y[:, -1] - target[row]) ** 2) / B  # noqa: E731
        expected += 2.0 * by_definition(cell, x[row : row + 1, :length], error) / B
    start = np.array(cell.recurrent_kernel)
    history = model.fit([x, lengths], target, batch_size=B, verbose=0).history
    np.testing.assert_allclose(start - np.array(cell.recurrent_kernel), expected, atol=2e-5)
    assert history["loss"][0] == pytest.approx(float(loss), rel=1e-5)
    again = RecurrentStack.from_config(stack.get_config())
    assert again.omega == again.blocks[0]["forward"].omega == 2.0
    assert RecurrentStack("gru").omega == 0.0


def test_with_loss_scaling_in_float16_it_is_the_same_but_for_rounding():
    steps = []
    for policy in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(0)
        stack = RecurrentStack("gru", H, omega=2.0, return_sequences=False, dtype=policy)
        model = keras.Sequential([keras.Input((None, F)), stack])
        optimizer = keras.optimizers.SGD(1.0)
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0**15)
        model.compile(optimizer, "mse", jit_compile=False)
        kernel = stack.blocks[0]["forward"].cell.recurrent_kernel
        start = np.array(kernel)
        model.fit(inputs(), inputs(5, (B, H)), batch_size=B, verbose=0)
        steps.append(np.array(kernel) - start)
    np.testing.assert_allclose(*steps, atol=2e-3)
    assert np.abs(steps[0]).max() > 0.1


def test_a_dead_unit_or_a_single_step_gives_no_nan():
    cell = keras.layers.SimpleRNNCell(H, activation="relu", bias_initializer=keras.initializers.Constant(-100.0))
    cell.build((None, F))
    for steps in (1, T):
        found = omega_gradient(cell, *(tf.constant(inputs(s, (B, steps, n))) for s, n in ((1, F), (2, H), (3, H))))
        np.testing.assert_array_equal(found, np.zeros((H, H)))


def test_cells_for_which_it_is_not_defined_are_refused():
    with pytest.raises(ArgumentError, match="LSTMCell has 2 states"):
        RecurrentStack("lstm", omega=1.0)
    for omega in (-1.0, True, float("nan"), "much"):
        with pytest.raises(ArgumentError, match="omega: expected a positive number"):
            RecurrentStack("gru", omega=omega)
