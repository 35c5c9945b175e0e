"""Own decay against closed forms, and against explicit products of Jacobians."""

import keras
import numpy as np
import pytest

from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.cell import forget_gate
from rnnkit.diagnosis.decay import fit, own_decay
from rnnkit.diagnosis.replay import Replay
from rnnkit.layers import MinGRU, MinLSTM

UNITS, STEPS = 6, 24


def linear(rho, orthogonal, return_sequences=True, seed=0):
    return keras.layers.SimpleRNN(
        UNITS,
        activation=None,
        recurrent_initializer=keras.initializers.Constant(orthogonal(rho, UNITS, seed)),
        return_sequences=return_sequences,
    )


def gains(diagnosis):
    return diagnosis.layers["gain"].to_numpy()


@pytest.mark.parametrize("rho", [0.5, 0.9, 1.0, 1.2])
@pytest.mark.parametrize("every_step", [True, False])
def test_gain_of_a_linear_rnn_is_rho_in_both_of_two_layers(rho, every_step, orthogonal, compiled, noise):
    other = 1.7 - rho
    model = compiled(
        linear(rho, orthogonal), linear(other, orthogonal, every_step, seed=1), keras.layers.Dense(2, activation="tanh")
    )
    y = noise(5, STEPS, 2) if every_step else noise(5, 2)
    diagnosis = diagnose(model, noise(5, STEPS, 3), y, lyapunov=False)
    np.testing.assert_allclose(gains(diagnosis), [rho, other], atol=1e-4)
    if rho != 1:  # a flat curve has no variance to explain
        np.testing.assert_allclose(diagnosis.layers["r2"], 1, atol=1e-4)
    low, high = diagnosis.layers["gain_low"], diagnosis.layers["gain_high"]
    assert ((low <= diagnosis.layers["gain"] + 1e-6) & (diagnosis.layers["gain"] <= high + 1e-6)).all()


@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_gain_of_each_direction_is_its_own_rho(merge_mode, orthogonal, compiled, noise):
    wrapped = keras.layers.Bidirectional(linear(0.5, orthogonal), merge_mode=merge_mode)
    model = compiled(wrapped, keras.layers.Dense(2))
    wrapped.backward_layer.cell.recurrent_kernel.assign(orthogonal(1.1, UNITS, 2))
    diagnosis = diagnose(model, noise(5, STEPS, 3), noise(5, STEPS, 2), lyapunov=False)
    assert list(diagnosis.layers["direction"]) == ["forward", "backward"]
    np.testing.assert_allclose(gains(diagnosis), [0.5, 1.1], atol=1e-4)


KERNELS = {
    "random": np.random.default_rng(5).normal(size=(UNITS, UNITS)) / 2,
    "non_normal": 0.9 * np.eye(UNITS) + 0.8 * np.eye(UNITS, k=1),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("activation", ["tanh", None])
def test_decay_is_the_product_of_the_jacobians(kernel, activation, compiled, record, noise):
    U = KERNELS[kernel].astype("float32")
    rnn = keras.layers.SimpleRNN(
        UNITS, activation=activation, recurrent_initializer=keras.initializers.Constant(U), return_sequences=True
    )
    model = compiled(rnn, keras.layers.Dense(2))
    x, y = noise(4, STEPS, 3), noise(4, STEPS, 2)
    (recording,) = record(model, x, y)
    replay = Replay(recording)
    entering = replay.entering(recording.errors)
    (decay,) = own_decay(replay, entering)
    h = np.array(rnn(x), "float64")
    for row, tau in enumerate(recording.positions):
        delta = entering[tau, row].astype("float64")
        size = np.linalg.norm(delta)
        for k in range(1, recording.max_lag + 1):
            slope = 1 - h[row, tau - k + 1] ** 2 if activation else 1.0
            delta = U @ (slope * delta)
            assert decay.logs[k, row] == pytest.approx(np.log(np.linalg.norm(delta) / size), abs=1e-4)
            np.testing.assert_allclose(decay.directions[k, row], delta / np.linalg.norm(delta), atol=1e-4)


def test_cell_path_of_an_lstm_without_recurrence_decays_by_its_forget_gate(compiled, noise):
    bias = keras.initializers.Constant(np.repeat([0.3, 0.8, -0.2, 0.5], UNITS))
    lstm = keras.layers.LSTM(
        UNITS,
        kernel_initializer="zeros",
        recurrent_initializer="zeros",
        bias_initializer=bias,
        unit_forget_bias=False,
        return_sequences=True,
    )
    diagnosis = diagnose(compiled(lstm, keras.layers.Dense(2)), noise(4, STEPS, 3), noise(4, STEPS, 2), lyapunov=False)
    f = 1 / (1 + np.exp(-0.8))
    rows = diagnosis.layers.set_index("path")
    assert rows.loc["c", "gain"] == pytest.approx(f, abs=1e-5)
    assert rows.loc["c", "half_life"] == pytest.approx(np.log(0.5) / np.log(f), rel=1e-4)
    np.testing.assert_allclose(rows["forget_gate"], f, rtol=1e-5)
    profile = diagnosis.profile[diagnosis.profile["path"] == "c"]
    np.testing.assert_allclose(profile["decay"], f ** profile["steps_back"], rtol=1e-4)
    assert rows.loc["h", ["gain", "half_life", "horizon"]].tolist() == [0, 0, 0]  # its block of J is zero


@pytest.mark.parametrize("layer", [MinGRU, MinLSTM])
def test_decay_of_a_parallel_cell_is_the_product_of_what_its_gates_keep(layer, compiled, record, noise):
    rnn = layer(UNITS, bias_initializer="random_normal", return_sequences=True)
    x = noise(4, STEPS, 3)
    (recording,) = record(compiled(rnn, keras.layers.Dense(2)), x, noise(4, STEPS, 2))
    replay = Replay(recording)
    entering = replay.entering(recording.errors)
    (decay,) = own_decay(replay, entering)
    gates = 1 / (1 + np.exp(-(x @ np.array(rnn.cell.kernel, "float64") + np.array(rnn.cell.bias))))
    z, i = gates[..., :UNITS], gates[..., UNITS : 2 * UNITS]
    kept = z if layer is MinGRU else z / (z + i)
    for row, tau in enumerate(recording.positions):
        error = entering[tau, row]
        for k in range(1, recording.max_lag + 1):
            left = np.prod(kept[row, tau - k + 1 : tau + 1], axis=0) * error
            expected = np.log(np.linalg.norm(left) / np.linalg.norm(error))
            assert decay.logs[k, row] == pytest.approx(expected, abs=1e-4)
    rows = [kept[row, step] for row in range(4) for step in range(STEPS)]
    assert forget_gate(replay) == pytest.approx(np.exp(np.log(rows).mean()), rel=1e-5)


def test_random_direction_where_no_error_enters(compiled, record, noise, orthogonal):
    model = compiled(linear(0.8, orthogonal), keras.layers.Lambda(lambda h: h[:, -1]), keras.layers.Dense(2))
    (recording,) = record(model, noise(6, 40, 3), noise(6, 2))
    recording.positions[:] = 39 - np.arange(6)  # only the first of them is where an error enters
    recording.max_lag = 30
    replay = Replay(recording)
    (decay,) = own_decay(replay, replay.entering(recording.errors))
    np.testing.assert_allclose(decay.curve, np.arange(31) * np.log(0.8), atol=1e-4)
    assert decay.followed == pytest.approx(1 / 6)


def test_a_horizon_is_read_off_the_curve():
    bent = np.log(np.r_[1, np.repeat(0.5, 10), np.repeat(0.004, 30)])[:, None]
    found = fit(bent)
    assert (found["horizon"], found["horizon_reached"]) == (10, True)
    flat = fit(np.zeros((41, 3)))
    assert (flat["horizon"], flat["horizon_reached"], flat["half_life"]) == (40, False, float("inf"))


def test_interval_holds_the_gain_of_noisy_sequences_and_narrows():
    rng = np.random.default_rng(0)
    slopes = np.log(0.9) + 0.05 * rng.normal(size=400)
    logs = np.arange(41)[:, None] * slopes
    few, many = fit(logs[:, :20]), fit(logs)
    for found in (few, many):
        assert found["gain_low"] < 0.9 < found["gain_high"]
        assert found["gain_low"] < found["gain"] < found["gain_high"]
    width = [found["gain_high"] - found["gain_low"] for found in (few, many)]
    assert width[1] < width[0] / 3
    assert width[1] == pytest.approx(2 * 1.96 * 0.05 * 0.9 / np.sqrt(400), rel=0.2)


def test_sequences_in_which_an_error_dies_out_are_counted_and_left_out_while_they_are_few():
    logs = np.tile(np.arange(21)[:, None] * np.log(0.9), (1, 4))
    logs[12:, 1] = -np.inf
    found = fit(logs)
    assert found["gain"] == pytest.approx(0.9)
    assert found["left"] == pytest.approx(0.9**20)
    assert found["dead"] == 0.25
    logs[12:, :3] = -np.inf
    found = fit(logs)
    assert (found["gain"], found["half_life"], found["horizon"], found["horizon_reached"]) == (0, 0, 11, True)
    assert (found["left"], found["dead"]) == (0, 0.75)


def test_number_sentence_and_curve_agree_on_when_one_percent_is_left(compiled, noise, orthogonal):
    found = diagnose(compiled(linear(0.767, orthogonal), keras.layers.Dense(2)), noise(4, 20, 3), noise(4, 20, 2))
    curve = found.profile.set_index("steps_back")["decay"]
    horizon = found.layers["horizon"].item()
    assert curve[horizon] >= 0.01 > curve[horizon + 1]
    assert f"below 1 % of its initial size after {horizon + 1} steps" in found.verdict
    assert horizon == int(np.log(0.01) / np.log(0.767))
