"""Cells that go through time as a scan: each against a step in NumPy from its paper, and stepping against the scan."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.errors import ArgumentError
from rnnkit.layers import LRUCell, MambaCell, MLSTMCell, ParallelRNN, RecurrentStack, RGLRUCell, S5Cell
from rnnkit.recurrent import linear_scan, mlstm
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.execution import portable_loops
from rnnkit.recurrent.s5 import hippo_eigenvalues

B, T, F, H = 3, 13, 4, 6
X = np.random.default_rng(0).normal(size=(B, T, F)).astype("float32")
LENGTHS = np.array([13, 1, 6], "int32")
NAMES = ["lru", "rg_lru", "s5", "mamba", "mlstm"]
every_cell = pytest.mark.parametrize("name", NAMES)
MASKS = [np.arange(T) < LENGTHS[:, None], np.random.default_rng(5).random((B, T)) < 0.6]


@pytest.fixture(autouse=True, scope="module")
def _short_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlstm, "CHUNK", 4)
        yield


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def weights_of(layer):
    """Float64 weights by name, none of which is zero."""
    for place, weight in enumerate(layer.weights):
        weight.assign(weight + 0.1 * np.random.default_rng(place).normal(size=weight.shape))
    return {weight.name: np.array(weight, "float64") for weight in layer.weights}


def lru_step(w, x, h):
    size = len(w["nu"])
    lam = np.exp(-np.exp(w["nu"]) + 1j * np.exp(w["theta"]))
    b = w["kernel"][:, :size] + 1j * w["kernel"][:, size : 2 * size]
    c = w["output_kernel"][:size] - 1j * w["output_kernel"][size:]
    h = lam * h + np.exp(w["gamma"]) * (x @ b)
    return (h @ c).real + x @ w["kernel"][:, 2 * size :], h


def rg_lru_step(w, x, h):
    r, i, u = np.split(x @ w["kernel"] + w["bias"], 3, axis=1)
    a = sigmoid(w["recurrence"]) ** (8 * sigmoid(r))
    h = a * h + np.sqrt(1 - a**2) * (sigmoid(i) * u)
    return h, h


def s5_step(w, x, h):
    size = len(w["frequency"])
    lam, delta = -np.exp(w["log_decay"]) + 1j * w["frequency"], np.exp(w["log_step"])
    b = w["kernel"][:, :size] + 1j * w["kernel"][:, size : 2 * size]
    c = w["output_kernel"][:size] - 1j * w["output_kernel"][size:]
    kept = np.exp(lam * delta)
    h = kept * h + (kept - 1) / lam * (x @ b)
    return 2 * (h @ c).real + x @ w["kernel"][:, 2 * size :], h


def silu(x):
    return x * sigmoid(x)


def mamba_step(w, x, h):
    """Equations 1 to 4 and algorithm 2 of the paper, inside of figure 3; a state (D, S) for each sequence."""
    rates = -np.exp(w["rates"].T)
    features, size = rates.shape
    read, state = h if h else (np.zeros((len(x), 3, features)), np.zeros((len(x), features, size)))
    read = np.concatenate([read, (x @ w["kernel"])[:, None]], axis=1)
    u = silu((read * w["convolution"]).sum(axis=1) + w["convolution_bias"])
    chosen = u @ w["selection_kernel"]
    delta = np.log1p(np.exp(chosen[:, : -2 * size] @ w["step_kernel"] + w["step_bias"]))
    b, c = chosen[:, -2 * size : -size], chosen[:, -size:]
    state = np.exp(delta[:, :, None] * rates) * state + delta[:, :, None] * b[:, None] * u[:, :, None]
    y = np.einsum("bds,bs->bd", state, c) + w["skip"] * u
    return y * silu(x @ w["gate_kernel"]) @ w["output_kernel"], (read[:, 1:], state)


def mlstm_step(w, x, h, heads=2):
    """Equations 19 to 27 of the paper, and m of equation 15; a matrix for each head."""
    size = w["kernel"].shape[1] // 4 // heads
    q, k, v = (x @ w["kernel"] + w["bias"]).reshape(len(x), 4, heads, size)[:, :3].swapaxes(0, 1)
    o = sigmoid((x @ w["kernel"] + w["bias"])[:, 3 * heads * size :])
    i, f = (x @ w["gate_kernel"] + w["gate_bias"]).reshape(len(x), 2, heads).swapaxes(0, 1)
    i, f, k = np.exp(i), sigmoid(f), k / np.sqrt(size)
    c, n, m = h or (np.zeros((len(x), heads, size, size)), np.zeros((len(x), heads, size)), np.zeros((len(x), heads)))
    c = f[..., None, None] * c + i[..., None, None] * v[..., :, None] * k[..., None, :]
    n = f[..., None] * n + i[..., None] * k
    m = np.maximum(np.log(f) + m, np.log(i))
    found = np.einsum("bhvk,bhk->bhv", c, q) / np.maximum(abs((n * q).sum(-1)), 1)[..., None]
    return o * found.reshape(len(x), -1), (c, n, m)


def stabilised(h):
    c, n, m = h
    c, n = c.swapaxes(2, 3) / np.exp(m)[..., None, None], n / np.exp(m)[..., None]
    return [c.reshape(B, -1), n.reshape(B, -1), m]


def real(h):
    return [h]


def pair(h):
    return [h.real, h.imag]


def flat(h):
    return [h[0].reshape(B, -1), np.swapaxes(h[1], 1, 2).reshape(B, -1)]


STEPS = {
    "lru": (lru_step, pair),
    "rg_lru": (rg_lru_step, real),
    "s5": (s5_step, pair),
    "mamba": (mamba_step, flat),
    "mlstm": (mlstm_step, stabilised),
}


def by_paper(name, layer, x=X):
    """Outputs of all steps, and the last states as the layer has them."""
    step, states = STEPS[name]
    w, h, outputs = weights_of(layer), 0.0, []
    for t in range(x.shape[1]):
        y, h = step(w, x[:, t].astype("float64"), h)
        outputs.append(y)
    return np.stack(outputs, axis=1), states(h)


def made(name, **options):
    layer = find_cell(name).layer(H, **options)
    layer.return_state = True
    layer.build(X.shape)
    return layer


@pytest.mark.parametrize("side_by_side", [False, True])
@every_cell
def test_scan_and_steps_are_those_of_the_paper(name, side_by_side, monkeypatch):
    monkeypatch.setattr(linear_scan, "gpu_in_use", lambda: side_by_side)
    layer = made(name)
    expected, last = by_paper(name, layer)
    outputs, *states = layer(X)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    with portable_loops():
        stepped, *after = layer(X)
    np.testing.assert_allclose(stepped, expected, atol=1e-5)
    for ours, steps, theirs in zip(states, after, last, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        np.testing.assert_allclose(steps, theirs, atol=1e-5)


@every_cell
def test_gradients_are_those_of_the_cell_in_keras_loop(name):
    layer, found = made(name), []
    stepwise = keras.layers.RNN(layer.cell, return_sequences=True, return_state=True)
    for each in (layer, stepwise):
        with tf.GradientTape() as tape:
            outputs, *states = each(X)
            loss = tf.reduce_mean(tf.sin(3 * outputs)) + sum(tf.reduce_mean(state**2) for state in states)
        found.append(tape.gradient(loss, [weight.value for weight in layer.weights]))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5 * max(1, abs(np.array(expected)).max()))


@pytest.mark.parametrize(
    ("name", "zero_output", "mask"),
    [*itertools.product(NAMES[:3], [False, True], MASKS), *[(name, True, MASKS[1]) for name in NAMES[3:]]],
)
def test_masks_mean_what_they_mean_in_keras_loop(name, zero_output, mask):
    cell = made(name).cell
    options = {"return_sequences": True, "return_state": True, "zero_output_for_mask": zero_output}
    for backwards in (False, True):
        pair = (kind(cell, go_backwards=backwards, **options) for kind in (ParallelRNN, keras.layers.RNN))
        for ours, expected in zip(*(layer(X, mask=mask) for layer in pair), strict=True):
            np.testing.assert_allclose(ours, expected, atol=1e-5)


@every_cell
def test_a_stack_reads_each_sequence_as_if_alone_and_steps_as_it_reads(name):
    stack = RecurrentStack(name, F, 2, bidirectional=True)
    dirty = np.where(np.arange(T)[None, :, None] < LENGTHS[:, None, None], X, np.nan)
    y = np.array(stack(dirty, LENGTHS))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(y[row, :length], stack(X[row : row + 1, :length])[0], atol=1e-5)
        assert not y[row, length:].any()
    last = RecurrentStack.from_config({**stack.get_config(), "return_sequences": False})
    last.build(X.shape)
    last.set_weights(stack.get_weights())
    for row, found in enumerate(np.array(last(dirty, LENGTHS))):
        assert found.shape == (2 * F,)
        assert np.isfinite(found).all(), row


@every_cell
def test_the_state_of_half_precision_is_summed_in_single(name, monkeypatch):
    monkeypatch.setattr(mlstm, "CHUNK", 128)
    half, single = made(name, dtype="mixed_float16"), made(name)
    single.set_weights(half.get_weights())
    x = np.random.default_rng(1).normal(size=(2, 400, F)).astype("float32")
    for ours, expected in zip(half(x), single(x), strict=True):
        assert ours.dtype == "float16"
        np.testing.assert_allclose(np.array(ours, "float32"), expected, atol=1e-2, rtol=1e-2)


@every_cell
def test_a_file_keeps_cell_and_layer(name, tmp_path):
    cell = find_cell(name).factory(H)
    stack = RecurrentStack(name, [4, 6])
    model = keras.Sequential([keras.Input((None, F)), ParallelRNN(cell, return_sequences=True), stack])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.layers[0].cell.get_config() == cell.get_config()
    assert again.layers[1].get_config() == stack.get_config()
    np.testing.assert_array_equal(again(X), model(X))


def test_lru_starts_on_the_ring_with_states_of_size_one():
    cell = LRUCell(1, 4000, min_radius=0.5, max_radius=0.99, max_phase=1.0)
    cell.build((None, 2))
    (real, imaginary), (gain,) = cell.recurrence()
    modulus, phase = np.hypot(real, imaginary), np.arctan2(imaginary, real)
    assert 0.5 <= modulus.min() < 0.51
    assert 0.989 < modulus.max() <= 0.9901
    assert np.mean(modulus**2) == pytest.approx((0.5**2 + 0.99**2) / 2, abs=0.01)
    assert 0 <= phase.min() < 0.01 < 0.99 < phase.max() <= 1
    np.testing.assert_allclose(np.array(gain) ** 2, 1 - modulus**2, rtol=1e-3)
    cell = LRUCell(1, 4000)
    cell.build((None, 2))
    assert np.isfinite([np.array(weight).sum() for weight in cell.weights]).all()
    with pytest.raises(ArgumentError, match="min_radius, max_radius: expected .* got 0.9 and 0.5"):
        LRUCell(4, min_radius=0.9, max_radius=0.5)


def test_s5_starts_as_half_of_the_normal_part_of_hippo():
    """The matrix as the paper writes it: HiPPO-LegS plus the rank that makes it normal."""
    size = 16
    root = np.sqrt(2 * np.arange(size) + 1)
    legendre = -np.tril(np.outer(root, root), -1) - np.diag(np.arange(size) + 1.0)
    expected = np.linalg.eigvals(legendre + np.outer(root, root) / 2)
    expected = expected[expected.imag > 0]
    found = hippo_eigenvalues(size // 2)
    np.testing.assert_allclose(np.sort(found.imag), np.sort(expected.imag), atol=1e-9)
    np.testing.assert_allclose(found.real, expected.real, atol=1e-9)
    cell = S5Cell(8)
    cell.build((None, 2))
    assert cell.state_units == 4
    np.testing.assert_allclose(cell.frequency, hippo_eigenvalues(4).imag, rtol=1e-5)
    with pytest.raises(ArgumentError, match="min_step, max_step: expected .* got 0.2 and 0.1"):
        S5Cell(4, min_step=0.2)


def test_rg_lru_starts_with_memories_of_10_to_1000_steps():
    cell = RGLRUCell(4000)
    cell.build((None, 2))
    keeps = sigmoid(np.array(cell.recurrence, "float64")) ** 8
    assert 0.9 <= keeps.min() < 0.901
    assert 0.998 < keeps.max() <= 0.9991
    assert np.mean(keeps) == pytest.approx(0.9495, abs=0.002)


def test_mamba_starts_with_real_rates_and_steps_from_a_thousandth_to_a_tenth():
    cell = MambaCell(2000, state_units=3)
    cell.build((None, 2))
    assert cell.step_kernel.shape == (125, 4000)
    np.testing.assert_allclose(-np.exp(cell.rates), -np.repeat([[1.0], [2.0], [3.0]], 4000, axis=1), rtol=1e-6)
    delta = np.log1p(np.exp(np.array(cell.step_bias, "float64")))
    assert 0.001 <= delta.min() * (1 + 1e-3) < 0.0011
    assert 0.09 < delta.max() < 0.1001
    assert np.mean(np.log(delta)) == pytest.approx(np.log(0.01), abs=0.1)


def test_mlstm_neither_overflows_nor_forgets_what_is_written_with_great_force():
    """One input gate at exp(200), which float32 does not have: all later reads under that key give its value."""
    cell = MLSTMCell(2, heads=1)
    layer = ParallelRNN(cell, return_sequences=True, return_state=True)
    layer.build((1, 9, 1))
    cell.kernel.assign(np.zeros((1, 8)))
    cell.bias.assign([1, 0, 1, 0, 0.25, -0.5, 40, 40])
    cell.gate_kernel.assign([[200.0, 0.0]])
    cell.gate_bias.assign([0.0, 40.0])
    x = np.zeros((1, 9, 1), "float32")
    x[0, 2] = 1
    outputs, *states = layer(x)
    with portable_loops():
        stepped, *after = layer(x)
    np.testing.assert_allclose(outputs[0, 2:], np.tile([0.25, -0.5], (7, 1)), rtol=1e-5)
    for ours, steps in zip([outputs, *states], [stepped, *after], strict=True):
        np.testing.assert_allclose(ours, steps, atol=1e-5)
    cell.gate_bias.assign([-300.0, -300.0])  # and one that hardly writes or keeps anything
    with tf.GradientTape() as tape:
        outputs, *_ = layer(0 * x)
    np.testing.assert_allclose(outputs, 0, atol=1e-6)
    assert all(np.isfinite(each).all() for each in tape.gradient(outputs, [each.value for each in cell.weights]))


def test_mlstm_starts_with_forget_gates_spread_from_3_to_6():
    cell = MLSTMCell(8)
    cell.build((None, 2))
    np.testing.assert_allclose(cell.gate_bias[4:], [3, 4, 5, 6])
    assert 0 < abs(np.array(cell.gate_bias[:4])).max() < 0.5
    assert not np.any(cell.gate_kernel)
    with pytest.raises(ArgumentError, match="heads: expected a divisor of 8 units, got 3"):
        MLSTMCell(8, heads=3)


def test_rg_lru_keeps_the_whole_state_where_its_gate_is_shut():
    cell = RGLRUCell(1)
    cell.build((None, 1))
    cell.bias.assign([-200.0, 0.0, 5.0])
    cell.kernel.assign(np.zeros((1, 3)))
    with tf.GradientTape() as tape:
        output, _ = cell(np.ones((1, 1), "float32"), [tf.constant([[3.0]])])
    assert float(output[0, 0]) == pytest.approx(3.0, abs=1e-5)
    assert np.isfinite(tape.gradient(output, cell.bias.value)).all()
