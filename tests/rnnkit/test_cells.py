import subprocess
import sys

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.initializers import Chrono, GateIdentity, GateOrthogonal
from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.cells import cell_of, find_cell, register_cell
from rnnkit.recurrent.gates import preactivations
from rnnkit.recurrent.table import cell_names


@pytest.mark.parametrize("name", ["lstm", "LSTM", "LSTMCell", keras.layers.LSTM, keras.layers.LSTMCell])
def test_a_cell_is_found_by_name_and_by_class(name):
    assert find_cell(name).name == "lstm"


@pytest.mark.parametrize("name", ["simple_rnn", "SimpleRNN", "SIMPLERNN", keras.layers.SimpleRNNCell])
def test_names_are_compared_without_case(name):
    assert find_cell(name).name == "simple_rnn"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ArgumentError, match=r"unknown cell 'ltsm'.*simple_rnn, lstm, gru.*register_cell"):
        find_cell("ltsm")
    with pytest.raises(ArgumentError, match="expected a name or a class"):
        find_cell(3)


@pytest.mark.parametrize("thing", [keras.layers.Dense, dict, len])
def test_what_is_no_recurrent_class_is_refused(thing):
    with pytest.raises(ArgumentError, match="factory: expected"):
        register_cell("thing", thing)


def test_a_taken_name_is_refused():
    class Other(keras.layers.LSTM):
        pass

    with pytest.raises(ArgumentError, match="registered already"):
        register_cell("lstm", Other)


def test_a_class_named_like_a_built_in_cell_leaves_that_alone():
    namesake = type("GRU", (keras.layers.GRU,), {"__module__": "mine"})
    with pytest.raises(ArgumentError, match="registered already"):
        find_cell(namesake)
    assert find_cell("gru").gates == "zrh"
    register_cell("another_gru", namesake)
    assert find_cell(namesake).name == "another_gru"


def test_a_definition_that_is_run_again_takes_its_own_place():
    first, second = (type("Rerun", (keras.layers.GRU,), {"__module__": "notebook"}) for _ in range(2))
    assert find_cell(first).factory is first
    assert find_cell(second).factory is second
    assert find_cell("rerun").factory is second


def test_a_layer_subclass_takes_what_its_base_takes():
    class Quiet(keras.layers.GRU):
        def __init__(self, units, **kwargs):
            super().__init__(units, **kwargs)

    layer = register_cell("quiet", Quiet, reset_after=False).layer(
        4, activation="relu", recurrent_initializer="identity"
    )
    assert isinstance(layer, Quiet)
    assert not layer.reset_after
    assert layer.return_sequences


def test_a_cell_that_lacks_an_argument_says_so():
    class Bare(keras.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = self.state_size = units

        def call(self, inputs, states):
            return states[0], states

    cell = register_cell("bare", Bare)
    assert isinstance(cell.layer(3), keras.layers.RNN)
    with pytest.raises(ArgumentError, match="'bare' does not take the argument activation"):
        cell.layer(3, activation="relu")


def test_names_titles_and_gates_are_read_without_keras():
    code = (
        "import sys, rnnkit; from rnnkit.recurrent.table import CELLS, GATES;"
        "print([(c.name, c.title, *map(GATES.get, c.gates)) for c in CELLS.values()], 'keras' in sys.modules)"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "('gru', 'GRU', 'update gate', 'reset gate', 'candidate')" in shown
    assert shown.endswith("False\n")


@pytest.mark.parametrize("name", cell_names())
def test_the_facts_of_a_cell_are_those_of_its_classes(name):
    """Random weights: the state after a step in which the keep gate is open is the state before."""
    cell = find_cell(name)
    layer = cell.layer(3)
    layer.build((None, None, 2))
    assert type(layer.cell) is cell.cell_class
    assert cell_of(layer) is cell_of(layer.cell) is cell
    assert eval(cell.in_code, {"keras": keras, "rnnkit": rnnkit}) in cell.factory.__mro__
    if cell.gates or name == "simple_rnn":
        assert layer.cell.kernel.shape[1] == max(len(cell.gates), 1) * 3
    assert cell.accepts("recurrent_initializer") == hasattr(layer.cell, "recurrent_kernel")
    x, h = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    gates = preactivations(layer.cell, x[:, :2], h)
    of_heads = {"i", "f"} if name == "mlstm" else set()  # with a number for each head, in weights of their own
    assert set(cell.keep_gate) <= set(gates) <= set(cell.gates or "h") | of_heads
    if cell.keep_gate and not of_heads:
        biases = np.array(layer.cell.bias)
        biases.reshape(-1, len(cell.gates), 3)[0, cell.gates.index(cell.keep_gate)] = 40.0
        if "i" in cell.gates:
            biases.reshape(-1, len(cell.gates), 3)[0, cell.gates.index("i")] = -40.0
        layer.cell.bias.assign(biases)
        states = [h] * {"lstm": 2, "slstm": 4}.get(name, 1)
        np.testing.assert_allclose(layer.cell(x[:, :2], states)[1][-1], h, atol=1e-6)


def test_the_table_is_public():
    assert rnnkit.cell_names()[:3] == ["simple_rnn", "lstm", "gru"]
    assert rnnkit.cell_names()[3:5] == ["min_gru", "min_lstm"]


@pytest.mark.parametrize(("cell", "gates"), [("simple_rnn", 1), ("lstm", 4), ("gru", 3)])
def test_identity_start_is_an_identity_for_every_gate(cell, gates):
    layer = find_cell(cell).layer(5, recurrent_initializer="identity")
    layer.build((None, None, 2))
    kernel = np.array(layer.cell.recurrent_kernel)
    np.testing.assert_array_equal(kernel, np.tile(np.eye(5), (1, gates)))
    with pytest.raises(ArgumentError, match="orthogonal"):
        GateIdentity()((5, 7))


def forget_rates(cell, bias):
    """How much of its content each unit forgets at a step when inputs and state are zero."""
    gates = np.split(np.atleast_2d(bias)[0], len(find_cell(cell).gates))
    keep = 1 / (1 + np.exp(-gates[find_cell(cell).gates.index("f" if "lstm" in cell else "z")]))
    if cell == "min_lstm":
        write = 1 / (1 + np.exp(-gates[1]))
        keep = keep / (keep + write)
    return 1 - keep


@pytest.mark.parametrize("cell", ["lstm", "gru", "min_gru", "min_lstm"])
def test_chrono_start_spreads_the_memory_up_to_the_longest_lag(cell):
    gates = find_cell(cell).gates
    layer = find_cell(cell).layer(400, recurrent_initializer=Chrono(gates, max_lag=50, seed=0))
    layer.build((None, None, 2))
    bias = np.array(layer.cell.bias)
    memory = 1 / forget_rates(cell, bias)
    assert memory.min() >= 1.99
    assert memory.max() <= 50.01
    assert 20 < np.median(memory) < 32
    if cell == "lstm":
        np.testing.assert_allclose(bias[:400], -bias[400:800])
        assert not bias[800:].any()
    elif cell == "gru":
        assert not bias[1].any()
        assert not bias[0, 400:].any()
    else:
        assert not bias[-400:].any()


def test_chrono_by_name_and_its_limits():
    layer = find_cell("lstm").layer(8, recurrent_initializer="chrono")
    assert isinstance(keras.layers.deserialize(keras.layers.serialize(layer)).bias_initializer, Chrono)
    with pytest.raises(ArgumentError, match="max_lag"):
        Chrono("ifco", max_lag=2)


@pytest.mark.parametrize("cell", ["lstm", "gru", "min_gru", "min_lstm"])
def test_the_longest_lag_is_set_by_the_user_and_the_gates_by_the_cell(cell, tmp_path):
    stack = RecurrentStack(cell, 300, recurrent_initializer=Chrono(max_lag=1000, seed=0))
    stack.build((None, None, 2))
    memory = 1 / forget_rates(cell, np.array(stack.blocks[0]["forward"].cell.bias))
    assert 400 < np.median(memory) < 600
    assert 950 < memory.max() <= 1000.1
    again = RecurrentStack.from_config(stack.get_config())
    assert again.get_config() == stack.get_config()
    assert again.recurrent_initializer.max_lag == 1000
    assert again.blocks[0]["forward"].cell.bias_initializer.get_config() == {
        "gates": find_cell(cell).gates,
        "max_lag": 1000,
        "seed": 0,
    }


BUILT_LATE = {name: lambda name=name: RecurrentStack(name, 4) for name in cell_names()}
BUILT_LATE["chrono"] = lambda: keras.layers.GRU(4, bias_initializer=Chrono("zrh", max_lag=20))


@pytest.mark.parametrize("name", BUILT_LATE)
def test_a_layer_can_be_built_in_the_first_call_of_a_users_model(name):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.rnn = BUILT_LATE[name]()

        def call(self, x):
            return self.rnn(x)

    keras.utils.clear_session()  # as at the start of a program, nothing has been drawn yet
    keras.utils.set_random_seed(1)
    model = Net()
    model(np.zeros((2, 5, 3), "float32"))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_chrono_as_a_plain_bias_initializer_asks_for_the_gates():
    with pytest.raises(ArgumentError, match="gates: expected one letter per gate"):
        Chrono()((12,))


def test_identity_start_copies_a_relu_networks_state_as_the_paper_says():
    layer = find_cell("simple_rnn").layer(4, activation="relu", recurrent_initializer="identity")
    x = np.zeros((1, 50, 2), "float32")
    state = np.abs(np.random.default_rng(0).normal(size=(1, 4))).astype("float32")
    np.testing.assert_array_equal(np.array(layer(x, initial_state=state))[0], np.tile(state, (50, 1)))


@pytest.mark.parametrize(("cell", "gates"), [("simple_rnn", 1), ("lstm", 4), ("gru", 3)])
def test_gate_orthogonal_start_is_orthogonal_in_every_gate_where_that_of_keras_is_not(cell, gates):
    stack = RecurrentStack(cell, 16, recurrent_initializer="gate_orthogonal")
    stack.build((None, None, 2))
    blocks = np.split(np.array(stack.blocks[0]["forward"].cell.recurrent_kernel), gates, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block @ block.T, np.eye(16), atol=1e-5)
    assert len({float(block[0, 0]) for block in blocks}) == gates
    plain = np.split(np.array(keras.initializers.Orthogonal()((16, 16 * gates))), gates, axis=1)
    assert np.sum(plain[0] ** 2) / 16 < (0.5 if gates > 1 else 1.1)
    start = GateOrthogonal(gain=0.5, seed=3)
    again = GateOrthogonal.from_config(start.get_config())
    np.testing.assert_array_equal(np.array(start((4, 12))), np.array(again((4, 12))))
    np.testing.assert_allclose(np.linalg.svd(np.array(start((4, 4))))[1], 0.5, atol=1e-5)
