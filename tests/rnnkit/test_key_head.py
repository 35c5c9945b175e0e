"""The head against every frame of a small keyboard, and against its equation taken key by key."""

import itertools

import keras
import numpy as np
import pytest

from rnnkit.errors import ArgumentError
from rnnkit.layers import KeyHead

KEYS, FEATURES, FILTERS = 5, 3, 4
FRAMES = np.array(list(itertools.product([0, 1], repeat=KEYS)), "float32")
CONTEXT = np.random.default_rng(3).normal(size=(2, 1, FEATURES)).astype("float32")
BEFORE = np.array([[[0, 1, 0, 0, 1]], [[1, 0, 0, 1, 0]]], "float32")


def random_head(below, reach=2, seed=0):
    head = KeyHead(KEYS, FILTERS, reach, below, dropout=0.5)
    head.build((None, None, FEATURES))
    rng = np.random.default_rng(seed)
    head.set_weights([rng.normal(scale=1.5, size=weight.shape) for weight in head.weights])
    return head


def all_odds(head, row):
    """The log-odds of every frame's keys after one context and one frame: (frames, K)."""
    context, before = (np.repeat(each[row : row + 1], len(FRAMES), axis=1) for each in (CONTEXT, BEFORE))
    return np.array(head(context, before, FRAMES[None]), "float64")[0]


def equation(head, context, before, frame):
    """The docstring's, one key after the other, in float64."""
    layers = (head.odds, head.heard, head.around, head.answer)
    (kernel, bias), (heard, heard_bias), (around,), (answer,) = ([np.array(each) for each in x.weights] for x in layers)
    lower = np.array(head.lower.weights[0]) if head.below else ()
    odds = []
    for key in range(KEYS):
        inside = context @ heard + heard_bias
        for place in range(max(0, key - head.reach), min(KEYS, key + head.reach + 1)):
            inside = inside + before[place] * around[place - key + head.reach, 0]
        for place in range(max(0, key - head.below), key):
            inside = inside + frame[place] * lower[place - key + head.below, 0]
        odds.append((context @ kernel + bias)[key] + np.maximum(inside, 0) @ answer[:, 0])
    return np.array(odds)


@pytest.mark.parametrize("below", [0, 1, 2, KEYS + 2])
@pytest.mark.parametrize("reach", [0, 1, KEYS + 2])
def test_the_head_is_its_equation(below, reach):
    head = random_head(below, reach)
    for row in range(len(CONTEXT)):
        expected = [equation(head, CONTEXT[row, 0], BEFORE[row, 0], frame) for frame in FRAMES]
        np.testing.assert_allclose(all_odds(head, row), expected, atol=1e-4)


@pytest.mark.parametrize("below", [0, 1, KEYS])
def test_the_probabilities_of_all_frames_sum_to_one(below):
    for row in range(len(CONTEXT)):
        odds = all_odds(random_head(below), row)
        logs = FRAMES * odds - np.logaddexp(0, odds)
        assert np.exp(logs.sum(axis=1)).sum() == pytest.approx(1, abs=1e-6)


def test_keys_see_those_below_them_and_without_below_none():
    assert (all_odds(random_head(below=0), 0).std(axis=0) < 1e-6).all()
    spread = all_odds(random_head(below=2), 0).std(axis=0)
    assert spread[0] < 1e-6  # there is no key below the lowest
    assert (spread[1:] > 0.01).all()


def test_batches_of_many_frames():
    head = random_head(below=3)
    rng = np.random.default_rng(0)
    before, frames = rng.integers(0, 2, (2, 3, 7, KEYS)).astype("int8")
    context = rng.normal(size=(3, 7, FEATURES)).astype("float32")
    odds = np.array(head(context, before, frames))
    assert odds.shape == head.compute_output_shape(context.shape) == (3, 7, KEYS)
    for place in np.ndindex(3, 7):
        alone = head(*(each[place][None, None] for each in (context, before, frames)))
        np.testing.assert_allclose(odds[place], np.array(alone)[0, 0], atol=1e-4)


def test_dropout_is_for_training():
    head = random_head(below=2)
    given = (CONTEXT, BEFORE, BEFORE)
    np.testing.assert_array_equal(head(*given), head(*given, training=False))
    assert np.abs(np.array(head(*given, training=True)) - np.array(head(*given))).max() > 0.01


def test_config_round_trips():
    start = keras.initializers.Constant(2.0)
    head = KeyHead(KEYS, 6, 3, 2, dropout=0.25, bias_initializer=start, name="mine")
    again = KeyHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    again.build((None, None, FEATURES))
    np.testing.assert_array_equal(again.odds.bias, 2.0)


@pytest.mark.parametrize("arguments", [{"keys": 0}, {"filters": 1.5}, {"reach": -1}, {"below": True}])
def test_bad_arguments_are_named(arguments):
    with pytest.raises(
        ArgumentError, match=f"{next(iter(arguments))}: expected a (positive integer|whole number from 0)"
    ):
        KeyHead(**arguments)
