"""The stack against stock Keras layers that read every sequence alone and unpadded."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.layers import IndRNNCell, MinGRUCell, MinLSTMCell, RecurrentStack, SLSTMCell
from rnnkit.layers.sequence import last_step, reverse_by_length, zero_padding

LENGTHS = np.array([7, 1, 4, 6], dtype="int32")
STEPPED = {"min_gru": MinGRUCell, "min_lstm": MinLSTMCell}
OWN = {"indrnn": IndRNNCell, "slstm": SLSTMCell}
STOCK = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
PRODUCT = [
    *itertools.product([*STOCK, *STEPPED], (False, True), (1, 3)),
    *((cell, layers == 3, layers) for cell in OWN for layers in (1, 3)),
]


def inputs(features=5, lengths=LENGTHS, seed=1):
    return np.random.default_rng(seed).normal(size=(len(lengths), lengths.max(), features)).astype("float32")


def alone(stack, sequence):
    """One sequence, shape (1, T, F), through stock layers with the stack's weights."""
    x = sequence
    for block in stack.blocks:
        outputs = []
        for name in ("forward", "backward"):
            if name not in block:
                continue
            ours = block[name]
            stock = stock_layer(stack.cell.name, ours, name == "backward")
            stock.build(x.shape)
            stock.set_weights(ours.get_weights())
            y = stock(x)
            outputs.append(ops.flip(y, axis=1) if name == "backward" else y)
        x = ops.concatenate(outputs, axis=-1)
    return np.array(x)


def stock_layer(cell, ours, backward):
    if cell in STEPPED | OWN:
        stepped = (STEPPED | OWN)[cell](ours.units, activation=ours.activation)
        return keras.layers.RNN(stepped, return_sequences=True, go_backwards=backward)
    return STOCK[cell](ours.units, activation=ours.activation, return_sequences=True, go_backwards=backward)


@pytest.mark.parametrize(("cell", "bidirectional", "layers"), PRODUCT)
def test_steps_and_last_step_equal_stock_layers_on_each_sequence_alone(cell, bidirectional, layers):
    stack, last = (
        RecurrentStack(cell, 4, layers, bidirectional=bidirectional, block="plain", return_sequences=steps)
        for steps in (True, False)
    )
    x = inputs()
    y = np.array(stack(x, LENGTHS))
    assert y.shape == (4, 7, 8 if bidirectional else 4)
    last.build(x.shape)
    last.set_weights(stack.get_weights())
    ends = np.array(last(x, LENGTHS))
    for row, length in enumerate(LENGTHS):
        steps = alone(stack, x[row : row + 1, :length])[0]
        np.testing.assert_allclose(y[row, :length], steps, atol=1e-5)
        assert not y[row, length:].any()
        np.testing.assert_allclose(ends[row], np.concatenate([steps[-1, :4], steps[0, 4:]]), atol=1e-5)


@pytest.mark.parametrize(("cell", "bidirectional", "layers"), PRODUCT)
def test_padding_changes_no_output_and_no_gradient(cell, bidirectional, layers):
    stack = RecurrentStack(cell, 3, layers, bidirectional=bidirectional)
    clean = inputs()
    dirty = clean.copy()
    junk = np.resize(np.array([np.nan, 1e3, np.inf], "float32"), 7)
    for row, length in enumerate(LENGTHS):
        clean[row, length:] = 0
        dirty[row, length:] = junk[row : row + 7 - length, None]
    results = []
    for x in (clean, dirty):
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = stack(x, LENGTHS)
            loss = tf.reduce_sum(tf.sin(y))
        results.append([y, *tape.gradient(loss, [x, *[w.value for w in stack.trainable_weights]])])
    for first, second in zip(*results, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_gradients_equal_finite_differences():
    stack = RecurrentStack("gru", 4, 2, bidirectional=True)
    x = inputs()
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(stack(x, LENGTHS)))
    ours = tape.gradient(loss, [w.value for w in stack.trainable_weights])
    step = 1e-3
    weights = stack.trainable_weights
    for weight, gradient in zip(weights, ours, strict=True):
        direction = np.random.default_rng(0).normal(size=weight.shape).astype("float32")
        value = np.array(weight)
        ends = []
        for sign in (1, -1):
            weight.assign(value + sign * step * direction)
            ends.append(float(tf.reduce_sum(tf.sin(stack(x, LENGTHS)))))
        weight.assign(value)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx(float(np.sum(np.array(gradient) * direction)), rel=2e-2, abs=2e-2)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_reversal_is_exact_and_its_own_inverse(lengths):
    lengths = np.array(lengths, dtype="int32")
    x = inputs(2, lengths)
    y = np.array(reverse_by_length(x, lengths))
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(y[row, :length], x[row, :length][::-1])
        np.testing.assert_array_equal(y[row, length:], x[row, length:])
    np.testing.assert_array_equal(np.array(reverse_by_length(y, lengths)), x)


def test_gradients_of_reversal_and_last_step_move_rows_only():
    x = tf.constant(inputs())
    weight = tf.constant(inputs(seed=2))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        reversed_loss = tf.reduce_sum(weight * reverse_by_length(x, LENGTHS))
        last_loss = tf.reduce_sum(last_step(x, LENGTHS))
    np.testing.assert_array_equal(tape.gradient(reversed_loss, x), np.array(reverse_by_length(weight, LENGTHS)))
    expected = np.zeros(x.shape, "float32")
    expected[np.arange(4), LENGTHS - 1] = 1
    np.testing.assert_array_equal(tf.convert_to_tensor(tape.gradient(last_loss, x)), expected)


def test_zero_padding_stops_gradients():
    x = tf.constant(inputs())
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(zero_padding(x, LENGTHS))
    gradient = tape.gradient(loss, x).numpy()
    for row, length in enumerate(LENGTHS):
        assert (gradient[row, :length] == 1).all()
        assert not gradient[row, length:].any()


def test_without_lengths_every_step_counts():
    stack = RecurrentStack("lstm", 4, bidirectional=True)
    x = inputs()
    full = np.full(4, 7, dtype="int32")
    np.testing.assert_array_equal(np.array(stack(x)), np.array(stack(x, full)))


def test_residual_layers_add_their_input():
    plain = RecurrentStack("lstm", 5, 2)
    residual = RecurrentStack("lstm", 5, 2, residual=True)
    x = inputs(5)
    plain(x, LENGTHS), residual(x, LENGTHS)
    residual.set_weights(plain.get_weights())
    first = zero_padding(x + np.array(alone_batch(residual, x, 0)), LENGTHS)
    expected = zero_padding(first + alone_batch(residual, first, 1), LENGTHS)
    np.testing.assert_allclose(np.array(residual(x, LENGTHS)), np.array(expected), atol=1e-5)
    assert not np.allclose(np.array(plain(x, LENGTHS)), np.array(expected))


def alone_batch(stack, x, layer):
    return stack.blocks[layer]["forward"](x)


def test_layer_norm_makes_a_layer_blind_to_scale():
    x = inputs()
    normed = RecurrentStack("gru", 4, layer_norm=True)
    np.testing.assert_allclose(np.array(normed(x, LENGTHS)), np.array(normed(100 * x, LENGTHS)), atol=5e-3)
    plain = RecurrentStack("gru", 4)
    assert not np.allclose(np.array(plain(x, LENGTHS)), np.array(plain(100 * x, LENGTHS)), atol=5e-3)


def test_dropout_acts_in_training_only():
    stack = RecurrentStack("lstm", 4, dropout=0.5)
    x = inputs()
    np.testing.assert_array_equal(np.array(stack(x, LENGTHS)), np.array(stack(x, LENGTHS, training=False)))
    assert not np.allclose(np.array(stack(x, LENGTHS, training=True)), np.array(stack(x, LENGTHS)))


def test_regularizer_acts_on_the_recurrent_kernel():
    stack = RecurrentStack("simple_rnn", 4, recurrent_regularizer=keras.regularizers.L1L2(0.1, 0.2))
    stack(inputs(), LENGTHS)
    kernel = np.array(stack.blocks[0]["forward"].cell.recurrent_kernel)
    assert float(sum(stack.losses)) == pytest.approx(0.1 * np.abs(kernel).sum() + 0.2 * (kernel**2).sum(), rel=1e-5)


@pytest.mark.parametrize("cell", [*STOCK, *STEPPED])
def test_saved_between_layers_of_ones_own_it_comes_back(cell, tmp_path):
    x = keras.Input((None, 5))
    lengths = keras.Input((), dtype="int32")
    options = {"bidirectional": True, "residual": True, "layer_norm": True, "dropout": 0.1, "activation": "relu"}
    if cell not in STEPPED:
        options["recurrent_regularizer"] = "l2"
    y = RecurrentStack(cell, [4, 6], **options)(keras.layers.Dense(4)(x), lengths)
    model = keras.Model([x, lengths], keras.layers.Dense(2)(y))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    data = [inputs(), LENGTHS]
    np.testing.assert_array_equal(np.array(model(data)), np.array(again(data)))
    assert again.layers[-2].get_config() == model.layers[-2].get_config()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cell": "lsmt"}, "Known cells: simple_rnn, lstm, gru"),
        ({"units": 0}, "units: expected a positive integer, or a list of them"),
        ({"layers": 0}, "layers: expected a positive integer"),
        ({"units": []}, "units: expected a positive integer, or a list of them"),
        ({"layers": "2"}, "layers: expected a positive integer, got '2'"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": "0.1"}, "dropout: .* got '0.1'"),
        ({"cell": "simple_rnn", "recurrent_initializer": "chrono"}, "forget or update gate"),
    ],
)
def test_bad_arguments_are_named(options, named):
    with pytest.raises(ArgumentError, match=named):
        RecurrentStack(**options)


@pytest.mark.parametrize("cell", ["lstm", keras.layers.GRUCell])
def test_a_dtype_policy_of_its_own_reaches_the_kernels(cell):
    stack = RecurrentStack(cell, 3, dtype="mixed_float16")
    outputs = stack(np.ones((2, 4, 3), "float32"), np.array([4, 2]))
    assert outputs.dtype == "float16"
    assert stack.blocks[0]["forward"].compute_dtype == "float16"
    assert all(weight.dtype == "float32" for weight in stack.weights)
