"""What is known of a layer by its cell."""

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.layers import kernel_rank, rank_after

UNITS, STEPS, BATCH = 8, 40, 16


@pytest.fixture
def probe(noise):
    return noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2)


class Bare(keras.layers.Layer):
    """h' = h + x W + b, with a bias in each of two parts and nothing that says how many units there are."""

    state_size = output_size = UNITS

    def build(self, inputs_shape):
        self.kernel = self.add_weight(shape=(inputs_shape[-1], UNITS))
        self.bias = self.add_weight(shape=(2 * UNITS,), initializer=keras.initializers.Constant(5.0))

    def call(self, inputs, states):
        hidden = states[0] + inputs @ self.kernel + self.bias[:UNITS]
        return hidden, [hidden]


def test_a_cell_that_does_not_tell_its_units_has_a_bias_too(compiled, probe):
    model = compiled(keras.layers.RNN(Bare(), return_sequences=True), keras.layers.Dense(2))
    (found,) = diagnose(model, *probe, lyapunov=False).facts.layers
    assert found.bias == 5
    assert found.cell == "Bare"


@pytest.mark.parametrize(("gain", "orthogonal"), [(1.0, True), (0.5, False)])
def test_gates_that_start_orthogonal_each_are_known(gain, orthogonal, compiled, probe):
    start = rnnkit.initializers.GateOrthogonal(gain)
    layer = keras.layers.GRU(UNITS, recurrent_initializer=start, return_sequences=True)
    (found,) = diagnose(compiled(layer, keras.layers.Dense(2)), *probe, lyapunov=False).facts.layers
    assert found.orthogonal == orthogonal


@pytest.mark.parametrize(
    ("layer", "unbounded"), [(keras.layers.LSTM, True), (keras.layers.SimpleRNN, True), (rnnkit.layers.MinLSTM, False)]
)
def test_only_a_candidate_that_reads_the_state_can_make_it_grow(layer, unbounded, compiled, noise):
    rnn = layer(2, activation="relu")
    found = diagnose(compiled(rnn, keras.layers.Dense(1)), noise(2, 6, 3), noise(2, 1), lyapunov=False)
    assert found.facts.layers[0].unbounded == unbounded


def test_rank_after_some_steps():
    assert rank_after(np.zeros(8)) == pytest.approx(8)
    assert rank_after(np.array([0, -np.inf, -np.inf])) == pytest.approx(1)
    assert rank_after(np.array([0.0, 0.0, -50.0])) == pytest.approx(2)
    assert rank_after(np.array([3.0, 3.0])) == pytest.approx(rank_after(np.array([-3.0, -3.0])))
    assert np.isnan(rank_after(np.array([0.0])))
    assert np.isnan(rank_after(np.array([-np.inf, -np.inf])))


def test_rank_of_a_kernel_is_that_of_its_best_gate(orthogonal):
    cell = keras.layers.LSTMCell(6)
    cell.build((None, 3))
    one, two = np.ones((6, 6)), np.diag([1.0, 1, 0, 0, 0, 0])
    cell.recurrent_kernel.assign(np.hstack([one, two, one, 0 * one]))
    assert kernel_rank(cell) == pytest.approx(2)
    cell.recurrent_kernel.assign(np.hstack([one, orthogonal(0.1, 6), two, one]))
    assert kernel_rank(cell) == pytest.approx(6)
    cell.recurrent_kernel.assign(np.zeros((6, 24)))
    assert kernel_rank(cell) == 0


@pytest.mark.parametrize(("units", "collapsed"), [(1, False), (8, True)])
def test_rank_is_judged_against_what_the_state_size_allows(units, collapsed, compiled, noise):
    kernel = keras.initializers.Constant(1 / units)
    layer = keras.layers.SimpleRNN(units, None, recurrent_initializer=kernel, return_sequences=True)
    found = diagnose(compiled(layer, keras.layers.Dense(2)), noise(8, 20, 3), noise(8, 20, 2))
    assert (found.statuses == {"rank collapse"}) == collapsed


def test_stacked_cells_are_looked_into_one_by_one(compiled, noise):
    cells = [keras.layers.LSTMCell(4, bias_initializer=keras.initializers.Constant(b)) for b in (-30.0, 0.0)]
    cells.append(keras.layers.GRUCell(3))
    found = diagnose(compiled(keras.layers.RNN(cells), keras.layers.Dense(1)), noise(8, 12, 3), noise(8, 1))
    assert list(found.layers["path"]) == ["joint", "cell 1 h", "cell 1 c", "cell 2 h", "cell 2 c", "cell 3"]
    stuck = found.gates[found.gates["saturated"]]["gate"]
    assert set(stuck) >= {"cell 1 i", "cell 1 o"}
    assert not any(gate.startswith(("cell 2", "cell 3")) for gate in stuck)
    assert len(found.spectrum) == 4 + 4 + 3
    assert found.training.depth == 3
    assert found.cure.python.startswith("keras.layers.LSTMCell(units, ")
