"""Truncated backpropagation against stock layers run chunk by chunk."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack, TruncatedRNN
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.kernel_choice import kernel
from rnnkit.recurrent.table import cell_names

LENGTHS = np.array([8, 1, 4, 6], dtype="int32")
CELLS = [*cell_names()[:5], "leaky"]
PRODUCT = list(itertools.product(CELLS, (1, 3, 4, 8, 20)))


@keras.saving.register_keras_serializable(package="test")
class LeakyCell(keras.layers.Layer):
    """A user's own cell: two states, and an output that is neither."""

    def __init__(self, units, activation="tanh", recurrent_initializer="orthogonal", **kwargs):
        super().__init__(**kwargs)
        self.units, self.activation = units, keras.activations.get(activation)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.state_size, self.output_size = [units, units], units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer=self.recurrent_initializer, name="recurrent_kernel"
        )
        self.built = True

    def call(self, inputs, states):
        fast, slow = states
        fast = self.activation(inputs @ self.kernel + slow @ self.recurrent_kernel)
        slow = 0.9 * slow + 0.1 * fast
        return fast * slow, [fast, slow]

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


def plain_layer(cell, units=4):
    cell = find_cell(LeakyCell if cell == "leaky" else cell)
    layer = cell.layer(units)
    layer.return_state = True
    return layer


def by_chunks(layer, x, steps):
    """A stock layer's outputs, chunk after chunk, each from the last one's states as constants."""
    outputs, states = [], None
    for start in range(0, x.shape[1], steps):
        states = states and [tf.stop_gradient(state) for state in states]
        output, *states = layer(x[:, start : start + steps], initial_state=states)
        outputs.append(output)
    return tf.concat(outputs, axis=1)


def gradients(function, x, weights):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
        loss = tf.reduce_sum(tf.sin(3.0 * outputs))
    return [outputs, *tape.gradient(loss, [x, *[weight.value for weight in weights]])]


@pytest.mark.parametrize(("cell", "steps"), PRODUCT)
def test_outputs_and_gradients_are_those_of_chunks_when_the_length_is_unknown(cell, steps):
    layer = plain_layer(cell)
    x = np.random.default_rng(1).normal(size=(3, 8, 5)).astype("float32")
    layer.build(x.shape)
    layer.return_state = False
    truncated = TruncatedRNN.around(layer, steps)
    layer.return_state = True
    signature = [tf.TensorSpec((None, None, 5))]
    ours = tf.function(lambda x: gradients(truncated, x, layer.weights), input_signature=signature)(x)
    expected = gradients(lambda x: by_chunks(layer, x, steps), x, layer.weights)
    for first, second in zip(ours, expected, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-5)
    whole = gradients(lambda x: layer(x)[0], x, layer.weights)
    np.testing.assert_allclose(ours[0], whole[0], atol=1e-6)
    assert np.allclose(ours[1], whole[1], atol=1e-4) == (steps >= 8)


def alone(stack, plain, x, steps):
    """One sequence (1, T, F) through stock layers with the stack's weights, in chunks of its own reading order."""
    for block, stocks in zip(stack.blocks, plain, strict=True):
        outputs = []
        for name, stock in stocks.items():
            back = name == "backward"
            y = by_chunks(stock, tf.reverse(x, [1]) if back else x, steps)
            outputs.append(tf.reverse(y, [1]) if back else y)
            assert len(stock.weights) == len(block[name].weights)
        x = tf.concat(outputs, axis=-1)
    return x


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_a_stack_is_cut_in_each_directions_own_order(cell, bidirectional):
    given = LeakyCell if cell == "leaky" else cell
    stack = RecurrentStack(given, 4, 2, bidirectional=bidirectional, bptt_steps=3)
    x = np.random.default_rng(2).normal(size=(4, 8, 5)).astype("float32")
    stack.build(x.shape)
    directions = ("forward", "backward") if bidirectional else ("forward",)
    plain = [{name: plain_layer(cell) for name in directions} for _ in range(2)]
    for block, stocks, width in zip(stack.blocks, plain, (5, stack.width), strict=True):
        for name, stock in stocks.items():
            stock.build((None, None, width))
            stock.set_weights(block[name].get_weights())
    ours = gradients(lambda x: stack(x, LENGTHS), x, stack.weights)
    weights = [weight for stocks in plain for stock in stocks.values() for weight in stock.weights]
    rows = [
        gradients(lambda x: alone(stack, plain, x, 3), x[row : row + 1, :length], weights)
        for row, length in enumerate(LENGTHS)
    ]
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(ours[0][row, :length], rows[row][0][0], atol=1e-5)
        np.testing.assert_allclose(ours[1][row, :length], rows[row][1][0], atol=2e-5)
    for index in range(2, len(ours)):
        np.testing.assert_allclose(ours[index], sum(row[index] for row in rows), atol=1e-4)


def test_under_a_mask_only_steps_that_count_make_a_chunk_long():
    layer = keras.layers.GRU(4, return_sequences=True)
    truncated = TruncatedRNN.around(layer, 3)
    x = np.random.default_rng(3).normal(size=(2, 8, 5)).astype("float32")
    truncated.build(x.shape)
    mask = np.ones((2, 8), bool)
    mask[1, :2] = False
    ours = gradients(lambda x: truncated(x, mask=mask), x, truncated.weights)
    late = gradients(truncated, x[1:, 2:], truncated.weights)
    np.testing.assert_allclose(ours[0][1, 2:], late[0][0], atol=1e-6)
    np.testing.assert_allclose(ours[1][1, 2:], late[1][0], atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", LeakyCell])
def test_weights_move_from_plain_to_truncated_and_files_keep_the_steps(cell, tmp_path):
    def model(**options):
        x, lengths = keras.Input((None, 5)), keras.Input((), dtype="int32")
        return keras.Model([x, lengths], RecurrentStack(cell, 4, 2, bidirectional=True, **options)(x, lengths))

    plain, truncated = model(), model(bptt_steps=3)
    assert [weight.name for weight in plain.weights] == [weight.name for weight in truncated.weights]
    truncated.set_weights(plain.get_weights())
    data = [np.random.default_rng(4).normal(size=(4, 8, 5)).astype("float32"), LENGTHS]
    np.testing.assert_allclose(np.array(plain(data)), np.array(truncated(data)), atol=1e-6)
    truncated.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.array(again(data)), np.array(truncated(data)))
    assert again.layers[-1].get_config() == truncated.layers[-1].get_config()
    assert again.layers[-1].blocks[0]["backward"].bptt_steps == 3


def test_the_layer_comes_back_from_its_config_and_says_that_it_is_no_cudnn_kernel():
    layer = TruncatedRNN(keras.layers.LSTMCell(4), 5, return_sequences=True)
    again = TruncatedRNN.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.bptt_steps == 5
    assert kernel(layer, gpu=True) == ("loop", "cuDNN has no kernel for TruncatedRNN")


def test_wrong_steps_and_layers_with_a_loop_of_their_own_are_refused():
    class Scan(keras.layers.GRU):
        def call(self, sequences, **kwargs):
            return sequences

    for steps in (0, -1, 2.0, True, "3"):
        with pytest.raises(ArgumentError, match="bptt_steps: expected a positive integer or None"):
            RecurrentStack(bptt_steps=steps)
    with pytest.raises(ArgumentError, match="bptt_steps: Scan runs through time in a way of its own"):
        RecurrentStack(Scan, bptt_steps=3)
    with pytest.raises(ArgumentError, match="bptt_steps, omega"):
        RecurrentStack("gru", bptt_steps=3, omega=1.0)
