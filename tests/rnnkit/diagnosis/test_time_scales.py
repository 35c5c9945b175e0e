"""What is read off the factors of a linear recurrence, against errors that are followed back through the layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.cell import time_scales
from rnnkit.diagnosis.decay import fit, own_decay
from rnnkit.diagnosis.replay import Replay
from rnnkit.recurrent.cells import find_cell

UNITS, STEPS = 4, 12


@pytest.fixture
def replayed(compiled, record, noise):
    def make(name, change=lambda cell: None):
        layer = find_cell(name).layer(UNITS)
        model = compiled(layer, keras.layers.Dense(2))
        change(layer.cell)
        (recording,) = record(model, noise(3, STEPS, 3), noise(3, STEPS, 2, seed=1))
        return Replay(recording)

    return make


@pytest.mark.parametrize("name", ["lru", "s5", "rg_lru", "min_gru", "min_lstm"])
def test_each_unit_decays_as_an_error_in_it_does(name, replayed):
    replay = replayed(name)
    rows = time_scales(replay)
    assert len(rows) == replay.sizes[0]
    for unit, row in enumerate(rows):
        errors = np.zeros((3, sum(replay.sizes)), "float32")
        errors[:, unit] = 1
        logs = np.zeros(3)
        for t in reversed(range(STEPS)):
            errors = replay.back(replay.inputs[t], replay.states[t], tf.constant(errors)).numpy()
            size = np.linalg.norm(errors, axis=1)
            logs, errors = logs + np.log(size), (errors / size[:, None]).astype("float32")
        assert row["decay"] == pytest.approx(np.exp(logs.mean() / STEPS), abs=1e-4)
        assert row["half_life"] == pytest.approx(np.log(2) / -np.log(row["decay"]), rel=1e-6)


def test_each_number_of_a_selective_state_decays_as_an_error_in_it_does(replayed):
    """A row for each of 16 numbers of 8 features, behind the 24 that the convolution keeps, which are no memory."""
    replay = replayed("mamba")
    rows = time_scales(replay)
    assert len(rows) == replay.sizes[1] == 16 * 8
    for unit in (0, 7, 63, 127):
        errors = np.zeros((3, sum(replay.sizes)), "float32")
        errors[:, 24 + unit] = 1
        logs = np.zeros(3)
        for t in reversed(range(STEPS)):
            errors = replay.back(replay.inputs[t], replay.states[t], tf.constant(errors)).numpy()
            logs, errors[:, :24] = logs + np.log(np.linalg.norm(errors[:, 24:], axis=1)), 0
            errors /= np.linalg.norm(errors, axis=1, keepdims=True)
        assert rows[unit]["decay"] == pytest.approx(np.exp(logs.mean() / STEPS), abs=1e-4)


def test_each_head_of_a_matrix_memory_decays_by_its_forget_gate(replayed):
    replay = replayed("mlstm", lambda cell: cell.gate_kernel.assign(cell.kernel[:, :8]))
    rows = time_scales(replay)
    cell, x = replay.recording.layer.cell, np.array(replay.inputs, "float64").reshape(-1, 3)
    logits = (x @ np.array(cell.gate_kernel) + np.array(cell.gate_bias))[:, 4:]
    expected = np.exp(np.log(1 / (1 + np.exp(-logits))).mean(axis=0))
    np.testing.assert_allclose([row["decay"] for row in rows], expected, rtol=1e-6)


def test_where_all_units_decay_alike_that_is_the_measured_gain(replayed):
    replay = replayed("lru", lambda cell: cell.nu.assign(np.full(2, np.log(-np.log(0.9)))))
    (joint, *_) = own_decay(replay, replay.entering(replay.recording.errors), seed=0)
    assert fit(joint.logs)["gain"] == pytest.approx(0.9, abs=1e-4)
    assert [row["decay"] for row in time_scales(replay)] == pytest.approx([0.9] * 2, abs=1e-6)


def test_a_diagnosis_says_which_units_reach_what_the_task_needs(compiled, noise):
    layer = find_cell("lru").layer(UNITS)
    model = compiled(layer, keras.layers.Dense(1))
    layer.cell.nu.assign(np.log(-np.log([0.6, 0.99])))
    found = diagnose(model, noise(4, STEPS, 3), noise(4, STEPS, 1, seed=1), needed_lag=10)
    np.testing.assert_allclose(found.time_scales["decay"], [0.6, 0.99], atol=1e-6)
    assert found.time_scales["reaches"].tolist() == [False, True]
    again = type(found).from_dict(found.as_dict())
    assert again.time_scales["decay"].tolist() == found.time_scales["decay"].tolist()
