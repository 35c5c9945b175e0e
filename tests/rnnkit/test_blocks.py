"""What stands around a cell: each block against NumPy from its paper, with the cell alone inside."""

from pathlib import Path

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack

B, T, F = 2, 6, 4
X = np.random.default_rng(0).normal(size=(B, T, F)).astype("float32")
LENGTHS = np.array([6, 2], "int32")
SAVED = Path(__file__).resolve().parents[1] / "data" / "blocks_of_scans.keras"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gelu(x):
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def randomised(stack):
    """The stack, none of whose weights is zero."""
    stack.build((None, None, F))
    for place, weight in enumerate(stack.weights):
        weight.assign(weight + 0.1 * np.random.default_rng(place).normal(size=weight.shape))
    return stack


def dense(layer, x):
    return x @ np.array(layer.kernel, "float64") + np.array(layer.bias, "float64")


def normed(layer, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    return x * np.array(layer.gamma, "float64") + np.array(layer.beta, "float64")


def convolved(layer, x):
    kernel = np.array(layer.kernel, "float64")
    steps = [sum(kernel[3 - back] * x[:, t - back] for back in range(min(3, t) + 1)) for t in range(x.shape[1])]
    return np.stack(steps, axis=1) + np.array(layer.bias, "float64")


def headwise(layer, x, heads):
    parts = x.reshape(*x.shape[:-1], heads, -1)
    parts = (parts - parts.mean(-1, keepdims=True)) / np.sqrt(parts.var(-1, keepdims=True) + 1e-3)
    return parts.reshape(x.shape) * np.array(layer.gamma, "float64") + np.array(layer.beta, "float64")


def blockwise(kernel, x):
    """The product with a block-diagonal matrix, written out."""
    matrix = np.zeros((x.shape[-1], x.shape[-1]))
    for place, part in enumerate(np.array(kernel, "float64")):
        at = slice(place * len(part), (place + 1) * len(part))
        matrix[at, at] = part
    return x @ matrix


def matrix_lstm(cell, q, k, v):
    """An mLSTM from its paper, in float64 without the stabilising state; the gates read q, k and v."""
    logits = np.concatenate([q, k, v], axis=-1) @ np.array(cell.gate_kernel, "float64") + np.array(cell.gate_bias)
    i, f = np.exp(logits[..., : cell.heads]), sigmoid(logits[..., cell.heads :])
    q, k, v = (each.reshape(*each.shape[:2], cell.heads, -1) for each in (q, k, v))
    k = k / np.sqrt(k.shape[-1])
    memory, normalizer, found = 0.0, 0.0, []
    for t in range(q.shape[1]):
        gate, written = f[:, t, :, None], i[:, t, :, None] * k[:, t]
        memory = gate[..., None] * memory + v[:, t, :, :, None] * written[:, :, None, :]
        normalizer = gate * normalizer + written
        size = np.maximum(np.abs((normalizer * q[:, t]).sum(-1)), 1)
        found.append((np.einsum("bkvd,bkd->bkv", memory, q[:, t]) / size[..., None]).reshape(len(q), -1))
    return np.stack(found, axis=1)


def cell_alone(block, direction, x):
    return np.array(block[direction](x.astype("float32")), "float64")


def test_glu_is_a_gated_linear_unit_behind_the_cell():
    stack = randomised(RecurrentStack("s5", F))
    (block,) = stack.blocks
    outputs = cell_alone(block, "forward", normed(block["norm"], X))
    values, gates = np.split(dense(block["gate"], gelu(outputs)), 2, axis=-1)
    np.testing.assert_allclose(stack(X), X + values * sigmoid(gates), atol=1e-5)


@pytest.mark.parametrize(("cell", "units"), [("rg_lru", F), ("gru", F), ("rg_lru", F - 1)])
def test_griffin_is_the_block_of_its_paper(cell, units):
    stack = randomised(RecurrentStack(cell, units, block="griffin", project_inputs=False))
    (block,) = stack.blocks
    u = normed(block["norm"], X)
    read = cell_alone(block, "forward", convolved(block["convolution_forward"], dense(block["read"], u)))
    z = dense(block["output"], gelu(dense(block["gate"], u)) * read) + (X if units == F else 0)
    a, b = np.split(dense(block["mlp"], normed(block["mlp_norm"], z)), 2, axis=-1)
    assert a.shape[-1] == 3 * units
    outputs = z + dense(block["mlp_output"], gelu(a) * b)
    np.testing.assert_allclose(stack(X), normed(block["last_norm"], outputs), atol=1e-5)


def test_griffin_normalizes_behind_the_last_block_alone():
    stack = RecurrentStack("rg_lru", F, layers=3, block="griffin")
    stack.build((None, None, F))
    assert ["last_norm" in block for block in stack.blocks] == [False, False, True]
    assert np.array(stack(100 * X)).std() < 1.1


@pytest.mark.parametrize("cell", ["mlstm", "gru"])
def test_pre_up_is_the_block_of_the_mlstms_paper(cell):
    stack = randomised(RecurrentStack(cell, units := 8, block="pre_up", project_inputs=False))
    (block,) = stack.blocks
    u = normed(block["norm"], X)
    r, gate = dense(block["read"], u), dense(block["gate"], u)
    assert r.shape == gate.shape == (B, T, 2 * units)
    c = convolved(block["convolution_forward"], r)
    c, layer = c * sigmoid(c), block["queries_forward"]
    q, k, v = (blockwise(kernel, x) for kernel, x in zip(np.array(layer.kernel), (c, c, r), strict=True))
    if cell == "mlstm":
        read = matrix_lstm(block["forward"].cell, q, k, v)
    else:
        read = cell_alone(block, "forward", np.concatenate([q, k, v], axis=-1))
    found = headwise(block["heads_norm_forward"], read, heads=4) + np.array(layer.skip) * c
    outputs = dense(block["output"], gate * sigmoid(gate) * found)
    np.testing.assert_allclose(stack(X), normed(block["last_norm"], outputs), atol=1e-4)


@pytest.mark.parametrize(("cell", "units", "heads"), [("slstm", 16, 4), ("slstm", F, 1), ("gru", F, 1)])
def test_post_up_is_the_block_of_the_slstms_paper(cell, units, heads):
    stack = randomised(RecurrentStack(cell, units, block="post_up", project_inputs=False))
    (block,) = stack.blocks
    read = cell_alone(block, "forward", normed(block["norm"], X))
    z = headwise(block["heads_norm_forward"], read, heads) + (X if units == F else 0)
    a, b = np.split(dense(block["mlp"], normed(block["mlp_norm"], z)), 2, axis=-1)
    assert a.shape[-1] == {16: 22, F: 6}[units]  # 4 / 3 of it, rounded up
    outputs = z + dense(block["mlp_output"], gelu(a) * b)
    np.testing.assert_allclose(stack(X), normed(block["last_norm"], outputs), atol=1e-4)


@pytest.mark.parametrize(("cell", "block"), [("rg_lru", None), ("mlstm", None), ("lstm", "pre_up"), ("slstm", None)])
def test_a_convolution_reads_each_direction_as_if_alone_and_is_carried(cell, block):
    both = randomised(RecurrentStack(cell, [F, 3], block=block, bidirectional=True, dropout=0.5))
    dirty = np.where(np.arange(T)[None, :, None] < LENGTHS[:, None, None], X, np.nan)
    y = np.array(both(dirty, LENGTHS))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(y[row, :length], both(X[row : row + 1, :length])[0], atol=1e-5)
        assert not y[row, length:].any()
    stack = randomised(RecurrentStack(cell, [F, 3], block=block))
    whole, states, outputs = np.array(stack(X)), stack.initial_states(B), []
    for piece in np.split(X, [1, 3], axis=1):
        output, states = stack.carry(piece, states)
        outputs.append(output)
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole, atol=1e-5)
    np.testing.assert_allclose(stack(X[:, :2], initial_states=states), stack.carry(X[:, :2], states)[0], atol=1e-5)


@pytest.mark.parametrize("cell", ["lru", "rg_lru", "mamba", "mlstm", "slstm"])
def test_a_single_feature_is_projected_before_a_norm_can_wipe_it_out(cell, tmp_path):
    x = X[:, :, :1]
    assert np.ptp(RecurrentStack(cell, F, project_inputs=False)(x), axis=0).max() < 1e-6
    stack = RecurrentStack(cell, F)
    assert np.ptp(stack(x), axis=0).max() > 1e-2
    stepped, _ = stack.carry(x[:, :2], stack.initial_states(B))
    np.testing.assert_allclose(stepped, stack(x)[:, :2], atol=1e-6)
    model = keras.Sequential([keras.Input((None, 1)), stack])
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), model(x))


def test_blocks_keep_half_precision():
    stack = RecurrentStack("rg_lru", [F, 3], dtype="mixed_float16")
    assert stack(X).dtype == "float16"
    states = keras.tree.flatten(stack.initial_states(1))
    assert {keras.backend.standardize_dtype(each.dtype) for each in states} == {"float16"}


def test_the_block_is_that_of_the_cells_paper_or_the_one_named():
    cells = {"gru": "plain", "lru": "glu", "s5": "glu", "rg_lru": "griffin", "mamba": "residual"}
    cells |= {"mlstm": "pre_up", "slstm": "post_up"}
    assert {cell: RecurrentStack(cell, F).block for cell in cells} == cells
    assert RecurrentStack("rg_lru", F, block="glu").block == "glu"
    with pytest.raises(
        ArgumentError, match="block: expected one of plain, residual, glu, griffin, pre_up, post_up, got 'mlp'"
    ):
        RecurrentStack("gru", F, block="mlp")


def test_a_file_saved_with_another_block_keeps_it():
    """The file is of stacks of `rg_lru`, in both directions, `mlstm` and `mamba`, before their defaults changed."""
    model = keras.saving.load_model(SAVED)
    assert [layer.block for layer in model.layers[1:]] == ["glu", "residual", "residual"]
    expected = [
        [0.0394646041, -0.0291916318],
        [0.0762331529, -0.0596460178],
        [0.0969417319, -0.0900926888],
        [0.0965983048, -0.1148430854],
        [0.0963872597, -0.1474831849],
    ]
    x = np.linspace(-1, 1, 15).reshape(1, 5, 3).astype("float32")
    np.testing.assert_allclose(model(x)[0], expected, atol=1e-6)


def test_a_task_saved_before_inputs_were_projected_has_no_projection():
    model = rnnkit.load(SAVED.parent / "memory_of_scans.keras")
    assert (model.stack.block, model.stack.projection) == ("glu", None)
    np.testing.assert_allclose(model.predict([[0, 1, 2]], verbose=0), [[0.00360477]], atol=1e-6)
