"""IndRNN and sLSTM against steps written from their papers in NumPy, and their loops against their own steps."""

import keras
import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf

from rnnkit.errors import ArgumentError
from rnnkit.layers import SLSTM, IndRNN, RecurrentStack
from rnnkit.recurrent import execution, fused_loops
from rnnkit.recurrent.kernel_choice import kernel
from rnnkit.recurrent.spectrum import block_spectra

B, T, F, H = 4, 19, 3, 6
LAYERS = {"indrnn": IndRNN, "slstm": SLSTM}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def made(name, **options):
    layer = LAYERS[name](H, **{"return_sequences": True, "return_state": True, **options})
    layer.build((B, None, F))
    layer.set_weights([0.5 * noise(*weight.shape, seed=9) for weight in layer.weights])
    return layer


def stepwise(layer):
    """Keras' loop over the layer's own step."""
    return keras.layers.RNN(layer.cell, return_sequences=True, return_state=True, go_backwards=layer.go_backwards)


def results(layer, cell, x, states):
    """Outputs, states, and the gradients of a loss over all of them for inputs, first states and weights."""
    with tf.GradientTape() as tape:
        tape.watch([x, states])
        outputs, *last = layer(x, initial_state=states, training=True)
        loss = tf.reduce_sum(tf.sin(2 * outputs)) + sum(tf.reduce_sum(tf.sin(state)) for state in last)
    return [outputs, *last, *tape.gradient(loss, [x, *states, *[weight.value for weight in cell.weights]])]


def indrnn_of_the_paper(layer, x):
    kernel, u, bias = layer.get_weights()
    h, outputs = np.zeros((len(x), H)), []
    for t in range(x.shape[1]):
        h = np.maximum(x[:, t] @ kernel + u * h + bias, 0)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def slstm_of_the_paper(layer, x, heads):
    """Without a stabiliser, in float64, and head by head."""
    kernel, recurrent, bias = (np.float64(each) for each in layer.get_weights())
    size, (h, c, n), outputs = H // heads, np.zeros((3, len(x), H)), []
    for t in range(x.shape[1]):
        gates = (x[:, t] @ kernel + bias).reshape(-1, 4, heads, size)
        for head in range(heads):
            own = h[:, head * size : (head + 1) * size]
            for gate in range(4):
                columns = slice(gate * H + head * size, gate * H + (head + 1) * size)
                gates[:, gate, head] += own @ recurrent[:, columns]
        i, f, z, o = (gates[:, gate].reshape(-1, H) for gate in range(4))
        f = 1 / (1 + np.exp(-f))
        c, n = f * c + np.exp(i) * np.tanh(z), f * n + np.exp(i)
        h = c / n / (1 + np.exp(-o))
        outputs.append(h)
    return np.stack(outputs, axis=1)


def test_an_indrnn_is_the_papers():
    layer, x = made("indrnn", return_state=False), noise(B, T, F, seed=1)
    np.testing.assert_allclose(layer(x), indrnn_of_the_paper(layer, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_an_slstm_is_the_papers(heads):
    layer, x = made("slstm", heads=heads, return_state=False), noise(B, T, F, seed=1)
    assert layer.cell.recurrent_kernel.shape == (H // heads, 4 * H)
    np.testing.assert_allclose(layer(x), slstm_of_the_paper(layer, x, heads), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shift", [-200.0, 200.0])
def test_the_stabiliser_changes_nothing_and_lets_no_exponential_overflow(shift):
    layer, x = made("slstm", return_state=False), noise(B, T, F, seed=1)
    expected = slstm_of_the_paper(layer, x, 2)
    weights = layer.get_weights()
    weights[2][:H] += shift  # c and n have the same factor more
    layer.set_weights(weights)
    for found in (layer(x), stepwise(layer)(x)[0]):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True, "use_bias": False}, {"activation": "sigmoid"}])
@pytest.mark.parametrize("name", LAYERS)
def test_the_loop_has_the_outputs_states_and_gradients_of_the_steps(name, options, cores, monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: cores)
    ran, run = [], fused_loops.run
    monkeypatch.setattr(fused_loops, "run", lambda *args, **options: ran.append(1) or run(*args, **options))
    layer = made(name, **options)
    assert kernel(layer, gpu=False).kernel == "fused"
    zeros = [tf.zeros((B, H)) for _ in layer.get_initial_state(B)]
    _, *carried = layer(noise(B, 3, F, seed=7))
    for states, steps in ((zeros, 1), (zeros, T), (carried, T)):
        x = tf.constant(noise(B, steps, F, seed=5))
        expected, found = (results(each, layer.cell, x, states) for each in (stepwise(layer), layer))
        for one, two in zip(expected, found, strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5)
    assert len(ran) == 4 * cores


@pytest.mark.parametrize("name", LAYERS)
def test_one_graph_serves_all_lengths(name):
    layer = made(name)
    states = [tf.zeros((B, H)) for _ in layer.get_initial_state(B)]

    @tf.function(input_signature=[tf.TensorSpec((None, None, F))])
    def traced(x):
        return results(layer, layer.cell, x, states)

    for steps in (1, T):
        x = tf.constant(noise(B, steps, F, seed=5))
        for one, two in zip(results(stepwise(layer), layer.cell, x, states), traced(x), strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_half_precision_keeps_its_states_in_full(name):
    full, x = made(name), noise(B, 64, F, seed=3)
    for policy, error in (("mixed_float16", 0.01), ("mixed_bfloat16", 0.08)):
        half = made(name, dtype=policy)
        outputs, *states = half(x, training=True)
        assert {each.dtype.name for each in (outputs, *states)} == {half.compute_dtype}
        scale = np.abs(full(x)[0]).max()
        np.testing.assert_allclose(np.array(outputs, "float32"), full(x)[0], atol=error * scale)


def test_what_the_loop_cannot_do_is_left_to_keras():
    layer = made("slstm", activation="elu")
    assert str(kernel(layer, gpu=False)).endswith("no activation of tanh, sigmoid, relu, linear")
    x = noise(B, 5, F)
    np.testing.assert_allclose(layer(x)[0], stepwise(layer)(x)[0], atol=1e-6)


def test_the_recurrent_weights_of_an_indrnn_stay_within_their_limit():
    layer = IndRNN(200, recurrent_limit=0.5, recurrent_constraint=keras.constraints.NonNeg())
    layer.build((None, None, F))
    start = np.array(layer.cell.recurrent_kernel)
    assert 0 <= start.min() < 0.02
    assert 0.48 < start.max() <= 0.5
    layer.cell.recurrent_kernel.assign(np.linspace(-2, 2, 200))
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.apply([tf.zeros(200)], [layer.cell.recurrent_kernel])
    np.testing.assert_allclose(layer.cell.recurrent_kernel, np.clip(np.linspace(-2, 2, 200), 0, 0.5), atol=1e-6)


def test_the_spectrum_of_an_indrnn_is_that_of_a_diagonal_matrix():
    (row,) = block_spectra(np.array([0.5, -0.9, 0.1]))
    assert (row["gate"], row["radius"], row["sigma"]) == ("", pytest.approx(0.9), pytest.approx(0.9))


def test_the_spectrum_of_an_slstm_has_a_row_for_each_gate():
    cell = made("slstm", heads=3).cell
    rows, heads = block_spectra(cell.recurrent_kernel, "ifco"), np.split(np.array(cell.head_kernels()), 4, axis=2)
    assert [row["gate"] for row in rows] == list("ifco")
    for row, kernels in zip(rows, heads, strict=True):
        block = scipy.linalg.block_diag(*kernels)
        assert row["radius"] == pytest.approx(np.abs(np.linalg.eigvals(block)).max(), rel=1e-5)
        assert row["sigma"] == pytest.approx(np.linalg.norm(block, 2), rel=1e-5)


@pytest.mark.parametrize("start", ["orthogonal", "identity", "gate_orthogonal", "glorot_uniform"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_stack_sets_the_recurrent_kernel(name, start):
    options = {"recurrent_regularizer": "soft_orthogonality", "recurrent_constraint": "spectral_cap"}
    stack = RecurrentStack(name, 8, recurrent_initializer=start, **options)
    stack(noise(B, 3, F))
    recurrent = stack.blocks[0]["forward"].cell.recurrent_kernel
    if start == "identity":
        blocks = np.ones(8) if name == "indrnn" else np.tile(np.eye(2), 16)
        np.testing.assert_array_equal(recurrent, blocks)
    assert np.isfinite(float(stack.losses[0]))
    largest = max(row["sigma"] for row in block_spectra(np.array(recurrent.constraint(5 * recurrent))))
    assert largest == pytest.approx(1, abs=1e-4)


def test_forget_gates_start_open_and_spread():
    layer = SLSTM(5)
    layer.build((None, None, F))
    bias = np.array(layer.cell.bias).reshape(4, 5)
    np.testing.assert_allclose(bias[1], [3, 3.75, 4.5, 5.25, 6])
    assert not bias[[0, 2, 3]].any()


def test_arguments_out_of_range_are_named():
    with pytest.raises(ArgumentError, match="heads: expected a divisor of 6 units, got 4"):
        SLSTM(6, heads=4)
    with pytest.raises(ArgumentError, match="recurrent_limit"):
        IndRNN(6, recurrent_limit=0)
    assert SLSTM(6).cell.heads == 2


@pytest.mark.parametrize(("name", "own"), [("indrnn", {"recurrent_limit": 0.9}), ("slstm", {"heads": 3})])
def test_a_config_has_all_arguments(name, own):
    layer = made(name, kernel_regularizer="l2", recurrent_initializer="glorot_uniform", go_backwards=True, **own)
    again = LAYERS[name].from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert {**layer.get_config(), **own} == layer.get_config()
    assert type(again.cell).from_config(again.cell.get_config()).get_config() == again.cell.get_config()
