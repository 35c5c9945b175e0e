"""Statuses of layers whose trouble is known because it was built in, and the cures that follow."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.cure_table import TABLE
from rnnkit.diagnosis.cures import RULES, cures, names
from rnnkit.diagnosis.findings import explained, kernel_rank, rank_after
from rnnkit.diagnosis.verdict import Finding, Training, sentences, status

UNITS, STEPS, BATCH = 8, 40, 16
WELL = Finding(
    layer="rnn",
    direction="forward",
    cell="simple_rnn",
    gain=0.99,
    gain_low=0.98,
    horizon=39,
    horizon_reached=False,
    reach=400.0,
    needed=20.0,
    needed_from="the lag that was given",
    span=39,
    rank=6.0,
)
SHORT = dataclasses.replace(WELL, gain=0.5, gain_low=0.5, horizon=11, horizon_reached=True, reach=11.0)
TRAINED = Training(steps=1000, explained=0.5, rate=0.001, task=True)
FAILED = dataclasses.replace(TRAINED, explained=0.0)


@pytest.fixture
def probe(noise):
    return noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2)


@pytest.fixture
def linear(compiled):
    """A compiled linear RNN with a given recurrent kernel and a prediction at every step."""

    def make(kernel):
        start = keras.initializers.Constant(kernel.astype("float32"))
        layer = keras.layers.SimpleRNN(UNITS, activation=None, recurrent_initializer=start, return_sequences=True)
        return compiled(layer, keras.layers.Dense(2))

    return make


def statuses(diagnosis):
    return set(diagnosis.layers["status"])


@pytest.mark.parametrize(("rho", "word"), [(0.5, v.VANISHING), (1.0, v.HEALTHY), (1.2, v.EXPLODING)])
def test_a_linear_rnn_is_judged_by_its_eigenvalue(rho, word, linear, orthogonal, probe):
    found = diagnose(linear(orthogonal(rho, UNITS)), *probe)
    assert statuses(found) == {word}
    assert f"{rho:.3g} a step" in found.verdict
    assert found.verdict.endswith(f"Verdict: {word}.")
    assert (found.cure is None) == (word == v.HEALTHY)


def test_growth_beyond_all_numbers_has_a_verdict_too(linear, orthogonal, noise):
    found = diagnose(linear(orthogonal(1000.0, UNITS)), 1e-30 * noise(4, STEPS, 3), noise(4, STEPS, 2), lyapunov=False)
    assert statuses(found) == {v.EXPLODING}
    assert "10^" in found.verdict
    huge = dataclasses.replace(WELL, gain=1e30, gain_low=1e30)
    assert "10^1170 over 39 steps" in sentences(huge, TRAINED, status(huge, TRAINED))


def test_the_horizon_is_compared_with_the_lag_that_is_known_best(linear, orthogonal, probe):
    model = linear(orthogonal(0.5, UNITS))  # half an error a step: 1 % after 6.6 steps
    lag = diagnose(model, *probe, needed_lag=5, lyapunov=False)
    assert statuses(lag) == {v.HEALTHY}
    assert "the lag that was given" in lag.verdict
    lengths = diagnose(model, *probe, lyapunov=False)
    assert statuses(lengths) == {v.VANISHING}
    assert f"{STEPS // 2}, half the median length" in lengths.verdict
    content = diagnose(model, *probe, solved=True, lyapunov=False)
    assert statuses(content) == {v.SHORT}
    assert content.cure is None


@pytest.mark.parametrize("residual", [False, True])
def test_shortcuts_are_seen(residual, noise):
    x = inputs = keras.Input((None, 4))
    for _ in range(5):
        y = keras.layers.GRU(4, return_sequences=True)(x)
        x = keras.layers.Add()([x, y]) if residual else y
    model = keras.Model(inputs, x)
    model.compile("adam", "mse")
    model.optimizer.iterations.assign(1000)
    found = diagnose(model, noise(4, 8, 4), noise(4, 8, 4), solved=False, needed_lag=1, lyapunov=False)
    assert found.training.shortcuts == residual
    assert found.training.depth == 5
    assert ("layers without a way around" in found.verdict) == (not residual)


def test_a_memory_model_needs_the_whole_sequence():
    train = rnnkit.datasets.memory("adding", 30, train=16).train
    model = rnnkit.MemoryModel("number", "simple_rnn", 4)
    model.adapt(train)
    model.compile()
    found = diagnose(model, train, lyapunov=False)
    assert (found.layers["needed"] == 29).all()
    assert "the length of the sequences" in found.verdict


def test_routes_around_the_recurrence_count(compiled, orthogonal, noise):
    start = keras.initializers.Constant(orthogonal(0.5, UNITS))
    layer = keras.layers.SimpleRNN(UNITS, activation=None, recurrent_initializer=start, return_sequences=True)
    pooled = compiled(layer, keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(1))
    found = diagnose(pooled, noise(BATCH, STEPS, 3), noise(BATCH, 1), lyapunov=False)
    assert found.layers["horizon"].item() < found.layers["needed"].item() <= found.layers["reach"].item()
    assert statuses(found) == {v.HEALTHY}
    assert "other routes" in found.verdict


def test_directions_that_collapse_are_seen_though_norms_look_healthy(linear, probe):
    found = diagnose(linear(np.full((UNITS, UNITS), 1 / UNITS)), *probe)
    assert found.layers["gain"].item() == pytest.approx(1, abs=1e-3)
    assert statuses(found) == {v.COLLAPSE}
    assert found.cure.name == "orthogonal start"
    assert statuses(diagnose(linear(np.full((UNITS, UNITS), 1 / UNITS)), *probe, lyapunov=False)) == {v.HEALTHY}


def biased_lstm(i, f, c, o):
    bias = keras.initializers.Constant(np.repeat([i, f, c, o], UNITS))
    return keras.layers.LSTM(UNITS, return_sequences=True, bias_initializer=bias, unit_forget_bias=False)


def test_gates_held_shut_are_saturated_and_memory_held_open_is_not(compiled, probe):
    shut = diagnose(compiled(biased_lstm(-12, 12, 0, -12), keras.layers.Dense(2)), *probe)
    assert statuses(shut) == {v.SATURATED}
    assert "gates i, o are stuck" in shut.verdict
    assert shut.cure.name == "bias start"
    held = diagnose(compiled(biased_lstm(0, 12, 0, 0), keras.layers.Dense(2)), *probe)
    assert statuses(held) == {v.HEALTHY}


def test_a_chrono_start_is_healthy(compiled, probe):
    chrono = rnnkit.initializers.Chrono("ifco", max_lag=200, seed=1)
    layer = keras.layers.LSTM(UNITS, return_sequences=True, bias_initializer=chrono, unit_forget_bias=False)
    assert statuses(diagnose(compiled(layer, keras.layers.Dense(2)), *probe)) == {v.HEALTHY}


def test_null_weights_do_not_learn(compiled, probe):
    zero = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    layer = keras.layers.LSTM(UNITS, return_sequences=True, **zero)
    found = diagnose(compiled(layer, keras.layers.Dense(2)), *probe, needed_lag=1)
    assert statuses(found) == {v.NOT_LEARNING}
    assert "weights are zero" in found.verdict
    assert found.cure.name == "fresh weights"


def test_explained_is_the_share_of_the_loss_by_hand(compiled, noise):
    model = compiled(keras.layers.SimpleRNN(4), keras.layers.Dense(1, activity_regularizer="l2"))
    x = tf.constant(noise(64, 6, 3))
    right = model(x)
    assert explained(model, x, right) == pytest.approx(1, abs=1e-6)
    answers, noisy = np.array(right), np.array(right) + noise(64, 1)
    own, mean = np.mean((noisy - answers) ** 2), np.mean((noisy - answers.mean()) ** 2)
    assert explained(model, x, tf.constant(noisy)) == pytest.approx(1 - own / mean, rel=1e-4)
    assert explained(model, x, tf.constant(noise(64, 1, seed=9))) < 0.1


@pytest.mark.parametrize(
    ("finding", "training", "word"),
    [
        ({}, {}, v.HEALTHY),
        ({}, {"explained": 0.01}, v.NOT_LEARNING),
        ({}, {"explained": 0.01, "steps": 99}, v.HEALTHY),
        ({}, {"explained": 0.01, "solved": True}, v.HEALTHY),
        ({}, {"explained": float("nan")}, v.HEALTHY),
        ({"reach": 19.0}, {}, v.VANISHING),
        ({"reach": 19.0}, {"explained": 0.01}, v.VANISHING),
        ({"reach": 19.0}, {"explained": 0.01, "depth": 8}, v.NOT_LEARNING),
        ({}, {"explained": 0.5, "depth": 8}, v.NOT_LEARNING),
        ({}, {"explained": 0.5, "depth": 8, "shortcuts": True}, v.HEALTHY),
        ({}, {"explained": 0.95, "depth": 8}, v.HEALTHY),
        ({"reach": 19.0}, {"explained": 0.95}, v.SHORT),
        ({"reach": 19.0}, {"explained": 0.95, "solved": False}, v.VANISHING),
        ({"gain_low": 1.12}, {}, v.HEALTHY),
        ({"gain_low": 1.13}, {}, v.EXPLODING),
        ({"gain_low": 1.13}, {"solved": True}, v.EXPLODING),
        ({}, {"explained": 0.5, "update_ratio": 1.0}, v.NOT_LEARNING),
        ({}, {"explained": 0.5, "update_ratio": 0.1}, v.HEALTHY),
        ({}, {"explained": 0.95, "update_ratio": 1.0}, v.HEALTHY),
        ({"gain_low": 1.13}, {"update_ratio": 1.0}, v.NOT_LEARNING),
        ({"gain_low": 1.13}, {"update_ratio": 1.0, "optimizer": "SGD"}, v.EXPLODING),
        ({"saturated": ("i",)}, {"explained": 0.01}, v.SATURATED),
        ({"rank": 1.4}, {"explained": 0.01}, v.COLLAPSE),
        ({"rank": 1.4, "reach": 19.0}, {}, v.VANISHING),
        ({"rank": 1.4, "reach": 19.0, "kernel_rank": 1.1}, {}, v.COLLAPSE),
        ({"rank": float("nan")}, {}, v.HEALTHY),
    ],
)
def test_causes_come_before_what_follows_from_them(finding, training, word):
    found, known = dataclasses.replace(WELL, **finding), dataclasses.replace(TRAINED, **training)
    assert status(found, known) == word
    assert sentences(found, known, word).endswith(f"Verdict: {word}.")


@pytest.mark.parametrize(
    ("finding", "training", "first"),
    [
        (WELL, {"depth": 8}, "residual and layer normalisation"),
        (WELL, {"update_ratio": 2.0}, "lower learning rate"),
        (WELL, {"update_ratio": 1e-7}, "higher learning rate"),
        (SHORT, {}, "gated cell"),
        (dataclasses.replace(SHORT, cell="lstm"), {}, "chrono start"),
        (dataclasses.replace(SHORT, penalised=True), {}, "no penalty"),
        (dataclasses.replace(WELL, gain_low=2.0), {}, "orthogonal start"),
        (dataclasses.replace(WELL, gain_low=2.0, orthogonal=True), {}, "clipping"),
        (dataclasses.replace(WELL, gain_low=2.0, unbounded=True), {}, "gated cell"),
        (dataclasses.replace(WELL, rank=1.0, orthogonal=True), {}, "soft orthogonality"),
        (dataclasses.replace(WELL, saturated=("i",)), {}, "layer normalisation"),
    ],
)
def test_the_first_cure_fits_the_cause(finding, training, first):
    known = dataclasses.replace(FAILED, **training)
    assert cures([(finding, status(finding, known))], known)[0].name == first


def test_the_worst_trouble_is_cured_first_and_each_cure_named_once():
    grown = dataclasses.replace(WELL, gain_low=2.0)
    found = [cure.name for cure in cures([(SHORT, v.VANISHING), (SHORT, v.VANISHING), (grown, v.EXPLODING)], FAILED)]
    assert found == list(dict.fromkeys(found))
    first = names(v.EXPLODING, grown, FAILED)
    assert tuple(found[: len(first)]) == first
    assert set(names(v.VANISHING, SHORT, FAILED)) <= set(found)


def test_numbers_from_the_records_are_filled_in():
    known = dataclasses.replace(FAILED, update_ratio=2.0, rate=0.4, threshold=3.25, optimizer="Adam")
    lines = {cure.name: cure.line for cure in cures([(WELL, v.NOT_LEARNING), (WELL, v.EXPLODING)], known)}
    assert "Adam(0.002)" in lines["lower learning rate"]  # 0.4 * 0.01 / 2
    assert '"global_norm", 3.2)' in lines["clipping"]


@pytest.mark.parametrize(
    ("optimizer", "named"),
    [
        ("LazyAdam", "optimizer=rnnkit.LazyAdam("),
        ("SGD", "optimizer=keras.optimizers.SGD("),
        ("Mine", "optimizer=Mine("),
    ],
)
def test_an_optimizer_is_called_by_a_name_that_exists(optimizer, named):
    for ratio in (2.0, 1e-7):
        known = dataclasses.replace(FAILED, update_ratio=ratio, optimizer=optimizer)
        assert named in cures([(WELL, v.NOT_LEARNING)], known)[0].line


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
    (found,) = diagnose(model, *probe, lyapunov=False).findings
    assert found.bias == 5
    assert found.cell == "Bare"


@pytest.mark.parametrize(("gain", "orthogonal"), [(1.0, True), (0.5, False)])
def test_gates_that_start_orthogonal_each_are_known(gain, orthogonal, compiled, probe):
    start = rnnkit.initializers.GateOrthogonal(gain)
    layer = keras.layers.GRU(UNITS, recurrent_initializer=start, return_sequences=True)
    (found,) = diagnose(compiled(layer, keras.layers.Dense(2)), *probe, lyapunov=False).findings
    assert found.orthogonal == orthogonal


def test_what_is_unknown_is_not_said():
    unknown = dataclasses.replace(FAILED, explained=float("nan"))
    null = dataclasses.replace(WELL, zeros=1.0)
    assert "loss" not in sentences(null, unknown, v.NOT_LEARNING)
    large = dataclasses.replace(unknown, update_ratio=2.0)
    assert "After 1000 optimizer steps updates were up to 2 times" in sentences(WELL, large, v.NOT_LEARNING)
    both = dataclasses.replace(large, explained=0.05)
    assert "the inputs explain 5% of the loss, and updates were up to 2" in sentences(WELL, both, v.NOT_LEARNING)


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru", "min_gru", "min_lstm", "MyCell"])
@pytest.mark.parametrize("task", [True, False])
def test_every_rule_leads_to_cures_that_say_all(cell, task):
    known = dataclasses.replace(FAILED, task=task)
    found = dataclasses.replace(WELL, cell=cell, penalised=True)
    for trouble in v.TROUBLES:
        for cure in cures([(found, trouble)], known):
            assert all(dataclasses.astuple(cure))
            assert "{" not in cure.line + cure.why
            assert cure.line in str(cure)
            assert cure.side_effect in str(cure)


def test_every_cure_has_a_rule_and_every_trouble_a_rule_without_condition():
    assert {name for _, _, cures in RULES for name in cures} == set(TABLE)
    for trouble in v.TROUBLES:
        assert [fits for word, fits, _ in RULES if word == trouble][-1](WELL, FAILED)


def test_lines_for_a_model_of_ones_own_are_python_that_runs():
    scope = {"keras": keras, "rnnkit": rnnkit, "units": 4, "x": keras.Input((None, 4))}
    for cell in ("simple_rnn", "lstm", "gru", "min_gru", "min_lstm"):
        found = dataclasses.replace(WELL, cell=cell, penalised=False)
        for trouble in v.TROUBLES:
            for cure in cures([(found, trouble)], dataclasses.replace(FAILED, task=False)):
                if not cure.line.startswith("model."):
                    exec(cure.line if cure.line.startswith("x =") else f"layer = {cure.line}", dict(scope))


def test_lines_for_a_task_are_arguments_that_it_takes():
    for cell in ("simple_rnn", "lstm", "gru", "min_gru", "min_lstm"):
        found = dataclasses.replace(WELL, cell=cell)
        for trouble in v.TROUBLES:
            for cure in cures([(found, trouble)], FAILED):
                if not cure.line.startswith("model.") and not (cure.name == "Omega" and cell == "lstm"):
                    given = eval(f"dict({cure.line}\n)", {"rnnkit": rnnkit})
                    rnnkit.MemoryModel("number", **{"cell": cell, **given})


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
