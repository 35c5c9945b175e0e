"""The fused layers against the stock ones of Keras that they stand in for."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.layers import GRU, LSTM, RecurrentStack, SimpleRNN
from rnnkit.recurrent import cells, execution, fused_loops, fused_rnn, table
from rnnkit.recurrent.kernel_choice import kernel

B, T, F, H = 4, 5, 3, 6
NAMES = ["LSTM", "GRU", "SimpleRNN"]
OURS = {"LSTM": LSTM, "GRU": GRU, "SimpleRNN": SimpleRNN}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def pair(name, **options):
    """The stock layer and ours, with the same weights; no bias is zero."""
    options = {"return_sequences": True, "return_state": True, **options}
    made = [layer(H, **options) for layer in (getattr(keras.layers, name), OURS[name])]
    for layer in made:
        layer.build((B, None, F))
        layer.set_weights([0.3 * noise(*weight.shape, seed=9) for weight in layer.weights])
    return made


def results(layer, x, states, training):
    """Outputs, states, and the gradients of a loss over all of them for inputs, first states and weights."""
    with tf.GradientTape() as tape:
        tape.watch([x, states])
        outputs, *last = layer(x, initial_state=states, training=training)
        loss = tf.reduce_sum(tf.sin(2 * outputs)) + sum(tf.reduce_sum(state**2) for state in last)
    sources = [x, *states, *[weight.value for weight in layer.weights]]
    return [outputs, *last, *tape.gradient(loss, sources)]


def given(layer, steps=T):
    states = [tf.constant(noise(B, size, seed=index)) for index, size in enumerate(layer.state_size)]
    return tf.constant(noise(B, steps, F, seed=5)), states


def assert_equal(stock, ours, x, states, training=True):
    for expected, found in zip(*(results(each, x, states, training) for each in (stock, ours)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture
def runs(monkeypatch):
    """A list that grows with each run of the fused loop, which is one for all of a batch."""
    seen = []
    monkeypatch.setattr(execution, "cores", lambda: 1)
    run = fused_loops.run
    monkeypatch.setattr(fused_loops, "run", lambda *args, **options: seen.append(1) or run(*args, **options))
    return seen


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "sigmoid"])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_states_and_gradients_are_the_stock_layers(name, activation, runs):
    for number, (backwards, bias) in enumerate(itertools.product((False, True), repeat=2)):
        options = {"go_backwards": backwards, "use_bias": bias, "return_sequences": number in (0, 3)}
        stock, ours = pair(name, activation=activation, **options)
        assert_equal(stock, ours, *given(ours), training=number != 3)
    assert len(runs) == 4


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_one_graph_serves_all_lengths(name, training, runs):
    stock, ours = pair(name)
    _, states = given(ours)

    @tf.function(input_signature=[tf.TensorSpec((None, None, F))])
    def traced(x):
        return results(ours, x, states, training)

    for steps in (1, 2, 3, 8):
        x, _ = given(ours, steps)
        for expected, found in zip(results(stock, x, states, training), traced(x), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert len(runs) == 1


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_of_any_size_may_be_cut_into_halves(name, cores, monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: cores)
    stock, ours = pair(name, go_backwards=True)

    @tf.function(input_signature=[tf.TensorSpec((None, None, F)), [tf.TensorSpec((None, H))] * len(ours.state_size)])
    def traced(x, states):
        return results(ours, x, states, training=True)

    for rows in (1, 2, 5):
        x = tf.constant(noise(rows, T, F, seed=rows))
        states = [tf.constant(noise(rows, H, seed=rows + index)) for index in range(len(ours.state_size))]
        for expected, found in zip(results(stock, x, states, training=True), traced(x, states), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    loops = [each for each in traced.get_concrete_function().graph.get_operations() if each.type.endswith("While")]
    assert len(loops) == 4 * cores  # two forward and two back: whole rounds, and what is left of them


@pytest.mark.parametrize(
    ("cores", "threads", "loops"), [(1, 0, 2), (2, 0, 2), (3, 0, 2), (4, 0, 4), (4, 1, 2), (4, 4, 4), (1, 4, 2)]
)
def test_two_directions_share_the_cores_and_threads(cores, threads, loops, runs, monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: cores)
    monkeypatch.setattr(tf.config.threading, "get_inter_op_parallelism_threads", lambda: threads)
    RecurrentStack("gru", H, bidirectional=True)(noise(B, T, F))
    assert len(runs) == loops


@pytest.mark.parametrize("name", NAMES)
def test_xla_compiles_it(name):
    stock, ours = pair(name)
    x, states = given(ours)
    compiled = tf.function(lambda: results(ours, x, states, training=True), jit_compile=True)()
    for expected, found in zip(results(stock, x, states, training=True), compiled, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


FALLS_BACK = [
    ("LSTM", {"recurrent_activation": "hard_sigmoid"}, "no activation of tanh, sigmoid, relu, linear"),
    ("GRU", {"activation": "elu"}, "no activation of tanh, sigmoid, relu, linear"),
    ("SimpleRNN", {"unroll": True}, "unroll is on"),
    ("GRU", {"reset_after": False}, "reset_after is off"),
    ("LSTM", {"recurrent_dropout": 1e-9}, "dropout is on"),
    ("GRU", {"dropout": 1e-9}, "dropout is on"),
    ("LSTM", {"dtype": "float64"}, "the compute dtype is float64"),
]


@pytest.mark.parametrize(("name", "options", "obstacle"), FALLS_BACK)
def test_where_a_condition_fails_it_is_the_stock_layer_and_says_so(name, options, obstacle, runs):
    stock, ours = pair(name, **options)
    x, states = given(ours)
    dtype = ours.compute_dtype
    assert_equal(stock, ours, tf.cast(x, dtype), [tf.cast(state, dtype) for state in states])
    assert not runs
    assert str(kernel(ours, gpu=False)) == f"loop: no GPU is in use; {obstacle}"


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_left_to_keras(name, runs):
    for policy in ("mixed_float16", "mixed_bfloat16"):
        stock, ours = pair(name, dtype=policy)
        x, states = given(ours)
        for expected, found in zip(*(layer(x, initial_state=states) for layer in (stock, ours)), strict=True):
            assert found.dtype == expected.dtype == ours.compute_dtype
            np.testing.assert_array_equal(np.array(found, "float32"), np.array(expected, "float32"))
    assert not runs


@pytest.mark.filterwarnings("ignore:.*this layer does not support masking")  # of Keras' own layers, from 3.16 on
@pytest.mark.parametrize("name", NAMES)
def test_masks_and_gpus_are_left_to_keras(name, runs, monkeypatch):
    stock, ours = pair(name)
    x, states = given(ours)
    mask = np.arange(T) < np.array([[T], [1], [3], [2]])
    for expected, found in zip(*(layer(x, initial_state=states, mask=mask) for layer in (stock, ours)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    monkeypatch.setattr(fused_rnn, "gpu_in_use", lambda: True)
    assert_equal(stock, ours, x, states)
    assert not runs


@pytest.mark.parametrize("name", NAMES)
def test_carried_state_goes_on_where_the_last_call_ended(name, runs):
    _, whole = pair(name, return_state=False)
    parts = OURS[name](H, return_sequences=True, stateful=True)
    parts.build((B, 3, F))
    parts.set_weights(whole.get_weights())
    x = noise(B, 9, F)
    traced = tf.function(lambda x: parts(x, training=True))
    pieces = [traced(tf.constant(x[:, start : start + 3])) for start in (0, 3, 6)]
    assert traced.get_concrete_function(tf.TensorSpec((B, 3, F))).output_shapes == (B, 3, H)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole(x), atol=1e-6)
    assert len(runs) == 2


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_right_or_refused(name):
    stock, ours = pair(name, return_state=False)
    x = tf.constant(noise(B, T, F))

    def penalty(layer, training):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(tf.sin(layer(x, training=training)))
            slope = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(slope, x)

    np.testing.assert_allclose(penalty(ours, False), penalty(stock, False), rtol=1e-4, atol=1e-5)
    with pytest.raises(LookupError, match="no second derivative in training"):
        penalty(ours, True)


@pytest.mark.parametrize("name", NAMES)
def test_config_and_files_are_the_stock_layers(name, tmp_path):
    options = {"activation": "relu", "kernel_regularizer": "l2", "return_sequences": True, "go_backwards": True}
    stock, ours = (
        keras.Sequential([keras.Input((None, F)), layer(H, name="layer", **options)])
        for layer in (getattr(keras.layers, name), OURS[name])
    )
    assert ours.layers[0].get_config() == stock.layers[0].get_config()
    stock.save_weights(tmp_path / "stock.weights.h5")
    ours.load_weights(tmp_path / "stock.weights.h5")
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    assert type(again.layers[0]) is OURS[name]
    x = noise(B, T, F)
    np.testing.assert_allclose(again(x), stock(x), atol=1e-6)
    stock.set_weights(again.get_weights())


@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
def test_the_table_gives_it_and_loads_stacks_saved_with_stock_layers(name, tmp_path, monkeypatch, runs):
    ours = cells.find_cell(name).factory
    stock = getattr(keras.layers, ours.__name__)
    assert cells.find_cell(stock).factory is ours
    with monkeypatch.context() as patch:
        patch.setitem(table.CELLS, table.key(name), table.Cell(name, stock))
        saved = keras.Sequential([keras.Input((None, F)), RecurrentStack(name, H, 2, bidirectional=True)])
    saved.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = noise(B, T, F)
    expected = saved(x)
    assert not runs
    np.testing.assert_allclose(loaded(x), expected, atol=1e-6)
    assert len(runs) == 4
    assert {type(block[way]) for block in loaded.layers[0].blocks for way in ("forward", "backward")} == {ours}
