import keras
import numpy as np
import pytest

from rnnkit.errors import ArgumentError
from rnnkit.layers import SequencePooling, WordDropout
from rnnkit.layers.pooling import POOLINGS
from rnnkit.layers.sequence import reverse_by_length
from rnnkit.text.vocabulary import UNKNOWN

LENGTHS = np.array([5, 1, 3], dtype="int32")


def inputs():
    return np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("last", lambda steps: steps[-1]),
        ("max", lambda steps: steps.max(axis=0)),
        ("mean", lambda steps: steps.mean(axis=0)),
    ],
)
def test_equals_numpy_on_each_sequence_alone(pooling, expected):
    x = inputs()
    y = np.array(SequencePooling(pooling)(x, LENGTHS))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(y[row], expected(x[row, :length]), atol=1e-6)


def test_attention_is_a_weighted_mean_of_the_valid_steps():
    x = inputs()
    layer = SequencePooling("attention")
    y = np.array(layer(x, LENGTHS))
    weights, bias = layer.projection.get_weights()
    (score,) = layer.score.get_weights()
    for row, length in enumerate(LENGTHS):
        steps = x[row, :length]
        energy = np.exp(np.tanh(steps @ weights + bias) @ score)
        np.testing.assert_allclose(y[row], (energy / energy.sum() * steps).sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_padding_never_counts(pooling, dtype):
    keras.utils.set_random_seed(0)
    layer = SequencePooling(pooling, dtype=dtype)
    clean, dirty = inputs(), inputs()
    for row, length in enumerate(LENGTHS):
        clean[row, length:], dirty[row, length:] = 0, 1e4
    np.testing.assert_array_equal(np.array(layer(clean, LENGTHS)), np.array(layer(dirty, LENGTHS)))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_lengths_may_be_of_numpys_own_integer_type(pooling):
    layer, x = SequencePooling(pooling), inputs()
    np.testing.assert_array_equal(np.array(layer(x, LENGTHS.astype("int64"))), np.array(layer(x, LENGTHS)))


def test_reading_backwards_takes_numpys_own_integer_type():
    x = inputs()
    expected = np.array(reverse_by_length(x, LENGTHS))
    np.testing.assert_array_equal(np.array(reverse_by_length(x, LENGTHS.astype("int64"))), expected)
    np.testing.assert_array_equal(expected[2, :3], x[2, 2::-1])


@pytest.mark.parametrize("pooling", ["max", "mean", "attention"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_sequence_without_a_step_gives_zeros(pooling, dtype):
    lengths = np.array([5, 0, 3], dtype="int32")
    found = SequencePooling(pooling, dtype=dtype)(inputs(), lengths)
    assert keras.backend.standardize_dtype(found.dtype) == ("float16" if dtype == "mixed_float16" else dtype)
    np.testing.assert_array_equal(np.array(found)[1], 0)
    assert np.array(found)[[0, 2]].all()


def test_an_unknown_pooling_lists_the_known_ones():
    with pytest.raises(ArgumentError, match="last, max, mean, attention"):
        SequencePooling("sum")


def test_word_dropout_replaces_its_share_in_training_only():
    tokens = np.full((100, 100), 7, dtype="int32")
    layer = WordDropout(0.2, seed=0)
    np.testing.assert_array_equal(np.array(layer(tokens)), tokens)
    dropped = np.array(layer(tokens, training=True))
    assert set(np.unique(dropped)) == {UNKNOWN, 7}
    assert 0.18 < (dropped == UNKNOWN).mean() < 0.22
    assert (dropped != np.array(layer(tokens, training=True))).any()
