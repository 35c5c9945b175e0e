"""Words as vectors of their characters."""

import keras
import numpy as np
import pytest

from rnnkit.errors import ArgumentError
from rnnkit.layers import CharacterEncoder


def words(*rows):
    return np.array([rows], dtype="int32")


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_a_word_has_one_vector_wherever_it_stands(kind):
    encoder = CharacterEncoder(kind, 9, units=6, embedding_dim=4)
    vectors = np.array(encoder(words([2, 4, 5, 3, 0], [2, 6, 3, 0, 0], [2, 4, 5, 3, 0])))
    assert vectors.shape == (1, 3, 6)
    np.testing.assert_allclose(vectors[0, 0], vectors[0, 2], atol=1e-6)
    assert np.abs(vectors[0, 0] - vectors[0, 1]).max() > 1e-4
    alone = np.array(encoder(words([2, 6, 3, 0, 0])))
    np.testing.assert_allclose(vectors[0, 1], alone[0, 0], atol=1e-6)


def test_the_window_is_a_product_with_three_neighbours():
    encoder = CharacterEncoder("cnn", 9, units=2, embedding_dim=3)
    given = words([2, 4, 5, 3])
    vector = np.array(encoder(given))[0, 0]
    table, (kernel, bias) = np.array(encoder.embedding.embeddings), map(np.array, encoder.window.weights)
    characters = table[given[0, 0]]
    windows = [np.einsum("wd,wdf->f", characters[place : place + 3], kernel) + bias for place in range(2)]
    np.testing.assert_allclose(vector, np.max(windows, axis=0), atol=1e-6)


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_it_comes_back_from_its_config(kind):
    encoder = CharacterEncoder(kind, 9, units=6, embedding_dim=4, cell="gru")
    again = CharacterEncoder.from_config(encoder.get_config())
    again.build((None, None, 5))
    encoder.build((None, None, 5))
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in encoder.weights]
    assert again.get_config() == encoder.get_config()
    assert encoder.compute_output_shape((2, 3, 5)) == (2, 3, 6)


def test_dropout_acts_in_training_only():
    keras.utils.set_random_seed(0)
    encoder = CharacterEncoder("cnn", 9, units=6, embedding_dim=40, dropout=0.5)
    given = words([2, 4, 5, 3])
    still = np.array(encoder(given))
    np.testing.assert_array_equal(still, np.array(encoder(given)))
    assert np.abs(still - np.array(encoder(given, training=True))).max() > 0


def test_bad_arguments_are_named():
    with pytest.raises(ArgumentError, match="chars"):
        CharacterEncoder("transformer", 9)
    with pytest.raises(ArgumentError, match="char_units"):
        CharacterEncoder("rnn", 9, units=5)
