"""The heads against every frame of a small keyboard, and against the equations taken key by key."""

import itertools

import keras
import numpy as np
import pytest

from rnnkit.errors import ArgumentError
from rnnkit.layers import IndependentKeys, JointKeys

KEYS, FEATURES, UNITS = 5, 3, 4
FRAMES = np.array(list(itertools.product([0, 1], repeat=KEYS)), "float32")
CONTEXT = np.random.default_rng(3).normal(size=(2, 1, FEATURES)).astype("float32")


def random_head(kind, max_notes=KEYS, seed=0):
    head = kind(KEYS, UNITS, max_notes) if kind is JointKeys else kind(KEYS)
    head.build((None, None, FEATURES))
    rng = np.random.default_rng(seed)
    head.set_weights([rng.normal(scale=1.5, size=weight.shape) for weight in head.weights])
    return head


def all_odds(head, row):
    """The log-odds of every frame's keys after one context: (frames, K)."""
    context = np.repeat(CONTEXT[row : row + 1], len(FRAMES), axis=1)
    return np.array(head(context, FRAMES[None]), "float64")[0]


def nade(head, context, frame):
    """Larochelle and Murray's equations, one key after the other, in float64."""
    hidden_kernel, hidden_bias = (np.array(each, "float64") for each in head.hidden.weights)
    kernel, bias = (np.array(each, "float64") for each in head.odds.weights)
    reading, writing = (np.array(each, "float64") for each in (head.reading, head.writing))
    inside, odds, notes = context @ hidden_kernel + hidden_bias, [], 0
    for key in range(KEYS):
        odds.append((context @ kernel + bias)[key] + writing[:, key] @ (1 / (1 + np.exp(-inside))))
        if frame[key] and notes < head.max_notes:
            inside, notes = inside + reading[key], notes + 1
    return np.array(odds)


@pytest.mark.parametrize("max_notes", [1, 2, KEYS, KEYS + 4])
@pytest.mark.parametrize("kind", [IndependentKeys, JointKeys])
def test_the_probabilities_of_all_frames_sum_to_one(kind, max_notes):
    head = random_head(kind, max_notes)
    for row in range(len(CONTEXT)):
        odds = all_odds(head, row)
        logs = FRAMES * odds - np.logaddexp(0, odds)
        assert np.exp(logs.sum(axis=1)).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("max_notes", [1, 2, KEYS])
def test_the_joint_head_is_the_equations_of_nade(max_notes):
    head = random_head(JointKeys, max_notes)
    for row in range(len(CONTEXT)):
        expected = [nade(head, CONTEXT[row, 0].astype("float64"), frame) for frame in FRAMES]
        np.testing.assert_allclose(all_odds(head, row), expected, atol=1e-5)


def test_only_the_joint_head_looks_at_the_frame():
    assert (all_odds(random_head(IndependentKeys), 0).std(axis=0) < 1e-6).all()
    spread = all_odds(random_head(JointKeys), 0).std(axis=0)
    assert spread[0] < 1e-6  # there is no key below the lowest
    assert (spread[1:] > 0.01).all()


@pytest.mark.parametrize("kind", [IndependentKeys, JointKeys])
def test_batches_of_many_frames_and_gradients(kind):
    head = random_head(kind)
    frames = np.random.default_rng(0).integers(0, 2, (3, 7, KEYS)).astype("int8")
    context = np.random.default_rng(1).normal(size=(3, 7, FEATURES)).astype("float32")
    odds = np.array(head(context, frames))
    assert odds.shape == head.compute_output_shape(context.shape, frames.shape) == (3, 7, KEYS)
    for batch, step in np.ndindex(3, 7):
        alone = head(context[batch, step][None, None], frames[batch, step][None, None])
        np.testing.assert_allclose(odds[batch, step], np.array(alone)[0, 0], atol=1e-5)


@pytest.mark.parametrize("kind", [IndependentKeys, JointKeys])
def test_config_round_trips(kind):
    head = kind(KEYS, bias_initializer=keras.initializers.Constant(2.0), name="mine")
    again = kind.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    again.build((None, None, FEATURES))
    np.testing.assert_array_equal(again.odds.bias, 2.0)


@pytest.mark.parametrize("arguments", [{"keys": 0}, {"units": 1.5}, {"max_notes": True}])
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ArgumentError, match=f"{next(iter(arguments))}: expected a positive integer"):
        JointKeys(**arguments)
