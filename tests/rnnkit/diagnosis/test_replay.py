"""Gradients through time against finite differences on the real layers, and against a tape over the whole model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.decay import AllSteps
from rnnkit.diagnosis.replay import Replay, unit
from rnnkit.errors import ArgumentError
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.table import cell_names

UNITS, STEPS, BATCH = 4, 9, 3


class LeakyCell(keras.layers.Layer):
    """A user's own cell: two states of unlike size, and an output that is neither of them."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, 2]
        self.output_size = units

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1], self.units), name="kernel")
        self.mixing = self.add_weight((self.units, self.units), name="mixing")
        self.slow = self.add_weight((self.units, 2), name="slow")

    def call(self, inputs, states):
        fast, slow = states
        output = ops.tanh(inputs @ self.kernel + fast @ self.mixing + ops.sum(slow, axis=-1, keepdims=True))
        return output, [0.5 * fast + ops.sin(output), 0.9 * slow + output @ self.slow]


def layer_of(name):
    if name == "own":
        return keras.layers.RNN(LeakyCell(UNITS), return_sequences=True)
    if name == "stacked":
        cells = [keras.layers.LSTMCell(UNITS), keras.layers.GRUCell(UNITS)]
        return keras.layers.RNN(keras.layers.StackedRNNCells(cells), return_sequences=True)
    return find_cell(name).layer(UNITS)


CELLS = [*cell_names(), "own", "stacked"]
READ_OFF = ("own", "lru", "s5", "mamba", "mlstm")  # cells whose output is no part of their state


@pytest.fixture
def problem(compiled, record, noise):
    def make(name):
        rnn, dense = layer_of(name), keras.layers.Dense(2)
        model = compiled(rnn, dense)
        for weight in rnn.weights:
            weight.assign(weight + noise(*weight.shape, seed=9, scale=0.3))
        x, y = noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2, seed=1)
        (recording,) = record(model, x, y)
        return model, rnn, dense, x, y, Replay(recording)

    return make


@pytest.mark.parametrize("name", CELLS)
def test_gradients_equal_finite_differences_of_the_layer_started_from_moved_states(name, problem, noise):
    _, rnn, dense, x, y, replay = problem(name)
    recording = replay.recording
    logs, directions = replay.gradients(replay.entering(recording.errors))
    for t in (1, 4, 7):
        moved = noise(BATCH, sum(replay.sizes), seed=t)

        def loss(step, t=t, moved=moved):
            state = replay.states[t + 1] + step * moved
            parts = keras.tree.pack_sequence_as(recording.initial, tf.split(state, replay.sizes, axis=-1))
            after = rnn(x[:, t + 1 :], initial_state=parts)
            errors = [ops.sum((dense(after) - y[:, t + 1 :]) ** 2)]
            if name not in READ_OFF:  # the output is a part of the state; in a stack of cells, that of the upper one
                output = state[:, -UNITS:] if name == "stacked" else state[:, :UNITS]
                errors.append(ops.sum((dense(output) - y[:, t]) ** 2))
            return float(sum(errors)) / y.size

        difference = (loss(1e-2) - loss(-1e-2)) / 2e-2
        gradient = np.exp(logs[t])[:, None] * directions[t]
        assert np.sum(gradient * moved) == pytest.approx(difference, rel=2e-2, abs=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_weight_gradient_equals_a_tape_over_the_model(name, problem):
    model, rnn, _, x, y, replay = problem(name)
    recording = replay.recording
    logs, directions = replay.gradients(replay.entering(recording.errors))
    ours = AllSteps(replay, BATCH).weight_gradient((np.exp(logs)[:, :, None] * directions).astype("float32"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in rnn.weights])
    np.testing.assert_allclose(ours, np.concatenate([np.ravel(g) for g in gradients]), rtol=1e-3, atol=1e-6)


def test_errors_at_returned_states_enter_too(noise, record):
    inputs = keras.Input((None, 3))
    _, h, c = (lstm := keras.layers.LSTM(UNITS, return_state=True))(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()([h, c])))
    model.compile("sgd", "mse")
    x, y = noise(BATCH, STEPS, 3), noise(BATCH, 1)
    (recording,) = record(model, x, y)
    replay = Replay(recording)
    logs, directions = replay.gradients(replay.entering(recording.errors))
    h0, c0 = tf.unstack(tf.reshape(replay.states[4], (BATCH, 2, UNITS)), axis=1)
    with tf.GradientTape() as tape:
        tape.watch([h0, c0])
        _, h, c = lstm(x[:, 4:], initial_state=[h0, c0])
        loss = tf.reduce_mean((model.layers[-1](tf.concat([h, c], -1)) - y) ** 2)
    expected = np.concatenate(tape.gradient(loss, [h0, c0]), axis=-1)
    np.testing.assert_allclose(np.exp(logs[3])[:, None] * directions[3], expected, rtol=1e-4, atol=1e-6)


def test_states_given_by_the_model_are_where_the_replay_starts(noise, record):
    inputs = keras.Input((None, 3))
    start = keras.layers.Dense(UNITS)(inputs[:, 0])
    gru = keras.layers.GRU(UNITS, return_sequences=True)(inputs, initial_state=start)
    model = keras.Model(inputs, keras.layers.Dense(1)(gru))
    model.compile("sgd", "mse")
    x = noise(BATCH, STEPS, 3)
    (recording,) = record(model, x, noise(BATCH, STEPS, 1))
    np.testing.assert_allclose(np.swapaxes(Replay(recording).states[1:], 0, 1), recording.outputs, atol=1e-5)


@pytest.mark.parametrize("rho", [0.5, 1.5])
def test_gradients_far_beyond_float32_keep_their_logs(rho, compiled, record, noise, orthogonal):
    kernel = keras.initializers.Constant(orthogonal(rho, UNITS))
    rnn = keras.layers.SimpleRNN(UNITS, activation=None, recurrent_initializer=kernel, kernel_initializer="zeros")
    (recording,) = record(compiled(rnn, keras.layers.Dense(1)), noise(2, 300, 3), noise(2, 1))
    replay = Replay(recording)
    logs, directions = replay.gradients(replay.entering(recording.errors))
    np.testing.assert_allclose(logs - logs[-1], np.log(rho) * np.arange(299, -1, -1)[:, None] + [0, 0], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, rtol=1e-5)


def test_a_unit_vector_has_its_log_norm_and_zero_stays_zero():
    vectors = np.array([[3e30, 4e30], [3e-30, 4e-30], [0, 0]], "float32")
    directions, logs = unit(vectors)
    np.testing.assert_allclose(directions, [[0.6, 0.8], [0.6, 0.8], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(logs, [np.log(5e30), np.log(5e-30), -np.inf], rtol=1e-6)


class Doubled(keras.layers.SimpleRNN):
    def call(self, sequences, initial_state=None, mask=None, training=False):
        return 2 * super().call(sequences, initial_state, mask, training)


def test_a_layer_that_does_more_than_run_its_cell_is_named(compiled, record, noise):
    model = compiled(Doubled(UNITS, return_sequences=True, name="doubled"), keras.layers.Dense(1))
    (recording,) = record(model, noise(2, STEPS, 3), noise(2, STEPS, 1))
    with pytest.raises(ArgumentError, match="doubled"):
        Replay(recording)


def test_what_overflows_is_measured_before_it_does(compiled, noise, orthogonal):
    kernel = keras.initializers.Constant(orthogonal(4.0, UNITS))
    rnn = keras.layers.SimpleRNN(UNITS, activation=None, recurrent_initializer=kernel, return_sequences=True)
    found = diagnose(compiled(rnn, keras.layers.Dense(1)), noise(2, 120, 3), noise(2, 120, 1))
    assert found.layers["gain"].item() == pytest.approx(4, abs=1e-3)
    assert 50 < found.profile["steps_back"].max() < 70  # 4^64 is about the largest float32
    assert found.truncation["cosine"].isna().all()
    np.testing.assert_allclose(found.lyapunov["exponent"], np.log(4), atol=1e-3)


def test_weights_that_are_not_numbers_are_named(compiled, record, noise):
    rnn = keras.layers.SimpleRNN(UNITS, return_sequences=True, name="exploded")
    (recording,) = record(compiled(rnn, keras.layers.Dense(1)), noise(2, STEPS, 3), noise(2, STEPS, 1))
    rnn.cell.recurrent_kernel.assign(np.nan * np.ones((UNITS, UNITS)))
    with pytest.raises(ArgumentError, match="exploded are not finite"):
        Replay(recording)


def test_credit_of_an_own_cell_starts_at_the_last_state_that_reaches_its_output(compiled, noise):
    rnn = keras.layers.RNN(LeakyCell(UNITS))
    found = diagnose(compiled(rnn, keras.layers.Dense(1)), noise(BATCH, STEPS, 3), noise(BATCH, 1), lyapunov=False)
    assert found.credit["credit"].iloc[0] == 1
    assert np.isfinite(found.credit["credit"]).all()
    assert found.gates.empty
    assert found.spectrum.empty
