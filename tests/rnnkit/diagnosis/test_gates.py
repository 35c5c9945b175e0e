"""Saturation and spectra against the layers' own outputs, and against NumPy."""

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.cell import forget_gate, gates, jacobian_sigma, kernel_spectrum, preactivations
from rnnkit.diagnosis.decay import own_decay
from rnnkit.diagnosis.replay import Replay
from rnnkit.layers import MinGRU, MinGRUCell, MinLSTM

UNITS, STEPS = 5, 12


@pytest.fixture
def replayed(compiled, record, noise):
    def make(layer, scale=1.0):
        model = compiled(layer, keras.layers.Dense(1))
        (recording,) = record(model, noise(6, STEPS, 3, scale=scale), noise(6, STEPS, 1))
        return Replay(recording)

    return make


LAYERS = {
    "simple_rnn": lambda: keras.layers.SimpleRNN(UNITS, return_sequences=True),
    "lstm": lambda: keras.layers.LSTM(UNITS, return_sequences=True, bias_initializer="random_normal"),
    "gru": lambda: keras.layers.GRU(UNITS, return_sequences=True, bias_initializer="random_normal"),
    "gru_reset_before": lambda: keras.layers.GRU(
        UNITS, return_sequences=True, reset_after=False, bias_initializer="random_normal"
    ),
    "no_bias": lambda: keras.layers.GRU(UNITS, return_sequences=True, use_bias=False),
    "min_gru": lambda: MinGRU(UNITS, return_sequences=True, bias_initializer="random_normal"),
    "min_lstm": lambda: MinLSTM(UNITS, activation="tanh", return_sequences=True, bias_initializer="random_normal"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gates_are_those_that_make_the_layers_outputs(name, replayed):
    replay = replayed(LAYERS[name]())
    values = {gate.name: np.array(gate.function(gate.z)) for gate in preactivations(replay)}
    before = np.reshape(replay.states[:-1], (-1, sum(replay.sizes)))
    after = np.reshape(replay.states[1:], (-1, sum(replay.sizes)))
    if name == "simple_rnn":
        made = values["h"]
    elif name == "lstm":
        c = values["f"] * before[:, UNITS:] + values["i"] * values["c"]
        made = np.concatenate([values["o"] * np.tanh(c), c], axis=1)
    else:
        values["z"] = values.get("z", values.get("f"))
        made = values["z"] * before + (1 - values["z"]) * values["h"]
    np.testing.assert_allclose(made, after, atol=1e-5)


def biased_lstm(i=0.0, f=0.0, c=0.0, o=0.0):
    bias = keras.initializers.Constant(np.repeat([i, f, c, o], UNITS))
    return keras.layers.LSTM(UNITS, return_sequences=True, bias_initializer=bias, unit_forget_bias=False)


def test_a_gate_that_is_stuck_is_saturated_unless_it_is_there_to_keep(replayed):
    def saturated(**bias):
        return {row["gate"] for row in gates(replayed(biased_lstm(**bias))) if row["saturated"]}

    assert saturated() == set()
    assert saturated(i=-12, o=12) == {"i", "o"}
    assert saturated(c=12) == {"c"}
    assert saturated(f=12) == set()
    assert saturated(f=-12) == {"f"}


def test_a_gate_that_switches_is_not_saturated(replayed):
    layer = keras.layers.SimpleRNN(UNITS, return_sequences=True)
    (row,) = gates(replayed(layer, scale=1000))
    assert row["derivative"] < 0.01
    assert row["variance"] > 0.1
    assert not row["saturated"]


def test_dead_relu_units_are_stuck(replayed):
    bias = keras.initializers.Constant([-100, -100, -100, 5, 5])
    layer = keras.layers.SimpleRNN(UNITS, activation="relu", bias_initializer=bias, return_sequences=True)
    (row,) = gates(replayed(layer))
    assert row["stuck"] == pytest.approx(0.6)
    assert row["saturated"]


def test_forget_gate_is_the_geometric_mean(replayed):
    bias = keras.initializers.Constant(np.r_[np.zeros(UNITS), [3, 3, 0, 0, 0], np.zeros(2 * UNITS)])
    options = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros", "unit_forget_bias": False}
    replay = replayed(keras.layers.LSTM(UNITS, return_sequences=True, bias_initializer=bias, **options))
    sigmoid = 1 / (1 + np.exp(-np.array([3, 3, 0, 0, 0.0])))
    assert forget_gate(replay) == pytest.approx(np.exp(np.log(sigmoid).mean()), rel=1e-5)
    assert own_decay(replay, np.array(replay.states[1:]))[2].path == "c"
    assert np.isnan(forget_gate(replayed(LAYERS["simple_rnn"]())))


@pytest.mark.parametrize(("name", "letters"), [("simple_rnn", [""]), ("lstm", list("ifco")), ("gru", list("zrh"))])
def test_kernel_spectrum_is_that_of_each_gates_block(name, letters, replayed):
    layer = LAYERS[name]()
    replayed(layer)
    rows = kernel_spectrum(layer)
    assert [row["gate"] for row in rows] == letters
    kernel = np.array(layer.cell.recurrent_kernel)
    for number, row in enumerate(rows):
        block = kernel[:, number * UNITS : (number + 1) * UNITS]
        assert row["radius"] == pytest.approx(max(abs(np.linalg.eigvals(block))), rel=1e-5)
        assert row["sigma"] == pytest.approx(np.linalg.svd(block)[1][0], rel=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_largest_singular_value_of_the_jacobian(name, replayed):
    replay = replayed(LAYERS[name]())
    inputs, states = replay.at(replay.recording.positions)
    S = sum(replay.sizes)
    found = jacobian_sigma(replay)
    rows = [replay.back(inputs, states, np.tile(unit, (len(states), 1)).astype("float32")) for unit in np.eye(S)]
    jacobians = np.stack(rows, axis=1)
    np.testing.assert_allclose(found, [np.linalg.norm(J, 2) for J in jacobians], rtol=3e-2)


def test_a_non_normal_kernel_grows_though_its_radius_is_below_one(compiled, noise):
    kernel = 0.9 * np.eye(20) + 0.8 * np.eye(20, k=1)
    start = keras.initializers.Constant(kernel.astype("float32"))
    layer = keras.layers.SimpleRNN(20, activation=None, recurrent_initializer=start, return_sequences=True)
    diagnosis = diagnose(compiled(layer, keras.layers.Dense(20)), noise(4, 25, 3), noise(4, 25, 20), lyapunov=False)
    assert diagnosis.spectrum["radius"].item() == pytest.approx(0.9, abs=1e-3)
    assert diagnosis.spectrum["sigma"].item() > 1.6
    assert diagnosis.layers["jacobian_sigma"].item() == pytest.approx(np.linalg.norm(kernel, 2), rel=1e-2)
    assert diagnosis.profile["decay"].max() > 100


def test_a_cell_of_ones_own_has_gates_once_it_is_registered(replayed, own_cells):
    class Own(MinGRUCell):
        """Inherits `preactivations`."""

    replay = replayed(keras.layers.RNN(Own(UNITS), return_sequences=True))
    assert gates(replay) == []
    rnnkit.register_cell("own", Own, gates="zh")
    assert [row["gate"] for row in gates(replay)] == ["z", "h"]
    hold = np.array(1 / (1 + np.exp(-replay.inputs @ replay.recording.layer.cell.kernel[:, :UNITS])))
    assert forget_gate(replay) == pytest.approx(np.exp(np.log(hold).mean()), rel=1e-4)
