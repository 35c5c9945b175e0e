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


@pytest.mark.parametrize("block", ["griffin"])
@pytest.mark.parametrize("cell", ["lstm", "rg_lru"])
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


@pytest.mark.parametrize("cell", ["lru", "rg_lru", "mamba", "mlstm"])
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
    assert {cell: RecurrentStack(cell, F).block for cell in cells} == cells
    assert RecurrentStack("rg_lru", F, block="glu").block == "glu"
    with pytest.raises(ArgumentError, match="block: expected one of plain, residual, glu, griffin, got 'mlp'"):
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
