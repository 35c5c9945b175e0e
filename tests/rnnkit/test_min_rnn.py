"""The parallel layers against their cells, run step by step by Keras, and the cells against the paper's equations."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.errors import ArgumentError
from rnnkit.layers import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell, RecurrentStack
from rnnkit.recurrent import execution, linear_scan
from rnnkit.recurrent.cells import find_cell

B, T, F, H = 4, 21, 3, 5
LAYERS = [MinGRU, MinLSTM]
CELLS = [MinGRUCell, MinLSTMCell]
MASKS = {"none": None, "right": np.arange(T) < np.array([[T], [1], [9], [0]])}
MASKS |= {"left": MASKS["right"][:, ::-1], "any": np.random.default_rng(5).random((B, T)) < 0.6}


def noise(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def made(layer, shape=(B, T, F)):
    """Built, with biases that are not zero."""
    layer.build(shape)
    layer.set_weights([noise(*weight.shape, seed=9) for weight in layer.weights])
    return layer


def results(layer, x, state, mask):
    """Everything the layer returns, and the gradients of a loss over all of it."""
    x, state = tf.convert_to_tensor(x), tf.convert_to_tensor(state)
    with tf.GradientTape() as tape:
        tape.watch([x, state])
        output, last = layer(x, initial_state=state, mask=mask)
        loss = tf.reduce_mean(tf.sin(3 * output)) + tf.reduce_mean(last**2)
    return [output, last, *tape.gradient(loss, [x, state, *[weight.value for weight in layer.weights]])]


@pytest.mark.parametrize(("layer", "jit_compile"), [(MinGRU, False), (MinLSTM, False), (MinLSTM, True)])
def test_the_halves_of_a_batch_give_what_the_whole_gives(layer, jit_compile, monkeypatch):
    ours = made(layer(H, return_sequences=True, return_state=True))
    shapes = [tf.TensorSpec((None, None, F)), tf.TensorSpec((None, H)), tf.TensorSpec((None, None), "bool")]
    found = []
    for cores in (1, 2):
        monkeypatch.setattr(execution, "cores", lambda cores=cores: cores)
        traced = tf.function(lambda *given: results(ours, *given), input_signature=shapes, jit_compile=jit_compile)
        sizes = (3,) if jit_compile else (1, 3, 4)  # each is compiled, which takes seconds
        found.append([traced(noise(rows, T, F), noise(rows, H, seed=1), MASKS["any"][:rows]) for rows in sizes])
    for whole, halves in zip(*found, strict=True):
        for expected, given in zip(whole, halves, strict=True):
            np.testing.assert_allclose(given, expected, atol=2e-6)


@pytest.mark.parametrize("side_by_side", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("layer", LAYERS)
def test_outputs_states_and_gradients_are_those_of_the_cell_in_keras_loop(layer, mask, side_by_side, monkeypatch):
    monkeypatch.setattr(linear_scan, "gpu_in_use", lambda: side_by_side)
    x, state = noise(B, T, F), noise(B, H, seed=1)
    names = ("return_sequences", "go_backwards", "zero_output_for_mask")
    every = itertools.product((False, True), repeat=3)
    for chosen in (each for each in every if sum(each) % 2 == side_by_side):  # all pairs; the other way takes the rest
        options = {**dict(zip(names, chosen, strict=True)), "return_state": True}
        ours = made(layer(H, activation="tanh" if chosen[1] else None, use_bias=chosen[0], **options))
        stepwise = keras.layers.RNN(ours.cell, **options)
        pairs = zip(*(results(each, x, state, MASKS[mask]) for each in (ours, stepwise)), strict=True)
        for first, second in pairs:
            np.testing.assert_allclose(first, second, atol=2e-6)


def test_min_gru_is_what_the_paper_says_up_to_the_name_of_the_gate():
    cell = MinGRUCell(H)
    cell.build((None, F))
    kernel, bias = (noise(*weight.shape, seed=index, dtype="float64") for index, weight in enumerate(cell.weights))
    cell.set_weights([kernel, bias])
    x, h = noise(B, F, seed=3, dtype="float64"), noise(B, H, seed=4, dtype="float64")
    projected = x @ kernel + bias
    z = 1 - sigmoid(projected[:, :H])
    output, (state,) = cell(x, [h])
    np.testing.assert_allclose(output, (1 - z) * h + z * projected[:, H:], atol=1e-5)
    assert output is state


def test_min_lstm_is_what_the_paper_says():
    cell = MinLSTMCell(H, activation="tanh")
    cell.build((None, F))
    kernel, bias = (noise(*weight.shape, seed=index, dtype="float64") for index, weight in enumerate(cell.weights))
    cell.set_weights([kernel, bias])
    x, h = noise(B, F, seed=3, dtype="float64"), noise(B, H, seed=4, dtype="float64")
    f, i, c = np.split(x @ kernel + bias, 3, axis=1)
    f, i = sigmoid(f), sigmoid(i)
    output, (state,) = cell(x, [h])
    np.testing.assert_allclose(output, f / (f + i) * h + i / (f + i) * np.tanh(c), atol=1e-5)
    assert output is state


def test_min_lstm_shares_out_one_whole_even_where_both_gates_are_zero_in_float32():
    cell = MinLSTMCell(1, kernel_initializer="zeros")
    cell.build((None, 1))
    for forget, write in ((-200, -200), (-200, -198), (-500, 500), (500, -500)):
        cell.bias.assign([forget, write, 3])
        output, _ = cell(np.zeros((1, 1), "float32"), [np.array([[7.0]], "float32")])
        share = sigmoid(np.clip(float(forget - write), -700, 700))
        if forget > 0:
            share = 1.0
        assert float(output[0, 0]) == pytest.approx(7 * share + 3 * (1 - share), rel=1e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_carried_state_goes_on_where_the_last_call_ended(layer):
    whole = made(layer(H, return_sequences=True))
    parts = layer(H, return_sequences=True, stateful=True)
    parts.build((B, 7, F))
    parts.set_weights(whole.get_weights())
    x = noise(B, T, F)
    pieces = [parts(x[:, start : start + 7]) for start in (0, 7, 14)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole(x), atol=1e-6)
    parts.reset_state()
    np.testing.assert_allclose(parts(x[:, :7]), whole(x)[:, :7], atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_keras_wrapper_for_both_directions_reads_masked_sequences_alone(layer):
    x, mask = noise(3, T, F), MASKS["right"][:3]
    both = keras.layers.Bidirectional(layer(H, return_sequences=True))
    y = both(x, mask=mask)
    for row, length in enumerate(mask.sum(axis=1)):
        np.testing.assert_allclose(y[row, :length], both(x[row : row + 1, :length])[0], atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_file_keeps_every_option(layer, tmp_path):
    options = {"activation": "tanh", "kernel_regularizer": "l2", "bias_initializer": "random_normal"}
    model = keras.Sequential([keras.Input((None, F)), layer(H, return_sequences=True, go_backwards=True, **options)])
    cell = layer.cell_class(4, use_bias=False, kernel_constraint="unit_norm")
    model.add(keras.layers.RNN(cell))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[0].get_config() == model.layers[0].get_config()
    assert again.layers[1].cell.get_config() == cell.get_config()
    assert again.layers[0].activation is keras.activations.tanh
    assert len(again.losses) == 1
    np.testing.assert_array_equal(again(noise(B, T, F)), model(noise(B, T, F)))


@pytest.mark.parametrize("layer", LAYERS)
def test_half_precision_sums_the_state_in_single(layer):
    half, single = (layer(H, return_state=True, dtype=policy) for policy in ("mixed_float16", "float32"))
    made(half, (B, 600, F)), made(single, (B, 600, F))
    half.cell.bias.assign(half.cell.bias + np.repeat([6, *[0] * (len(half.cell.gates) - 1)], H))
    single.set_weights(half.get_weights())
    x = noise(B, 600, F)
    for ours, expected in zip(half(x), single(x), strict=True):
        assert ours.dtype == "float16"
        np.testing.assert_allclose(np.array(ours, "float32"), expected, atol=4e-3)


@pytest.mark.parametrize(("layer", "cell"), [*zip(LAYERS, CELLS, strict=True)])
def test_the_table_finds_layer_and_cell(layer, cell):
    assert find_cell(cell).factory is find_cell(cell.__name__).factory is find_cell(layer).factory is layer
    assert find_cell(layer).gates == cell.gates


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm"])
def test_what_it_cannot_take_is_refused(cell):
    for name in ("recurrent_initializer", "recurrent_regularizer", "recurrent_constraint"):
        value = "spectral_cap" if name == "recurrent_constraint" else "orthogonal"
        with pytest.raises(ArgumentError, match=f"'{cell}' does not take the argument {name}"):
            RecurrentStack(cell, H, **{name: value})
    with pytest.raises(ArgumentError, match="does not take the argument dropout"):
        find_cell(cell).layer(H, dropout=0.5)
    with pytest.raises(ArgumentError, match="has no recurrent_kernel"):
        RecurrentStack(cell, H, omega=1.0).build((None, None, F))
    for units in (0, 2.5, "4"):
        with pytest.raises(ArgumentError, match="units: expected a positive integer"):
            find_cell(cell).layer(units)
