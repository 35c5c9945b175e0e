"""The adaptive softmax, against its definition in NumPy."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.layers import AdaptiveSoftmax
from rnnkit.recurrent.softmax import target_log_probabilities

SIZE, WIDTH = 64, 5


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def softmax(request):
    keras.utils.set_random_seed(0)
    embedding = keras.layers.ReversibleEmbedding(
        SIZE, WIDTH, tie_weights=request.param, embeddings_initializer="normal"
    )
    return AdaptiveSoftmax(embedding)


def vectors_of(softmax):
    embedding = softmax.embedding
    return np.array(embedding.embeddings if embedding.tie_weights else np.transpose(embedding.reverse_embeddings))


def probabilities(x, classes, clusters, edges):
    """Of one vector x, class by class."""
    first = np.exp([*(classes[: edges[0]] @ x), *(clusters @ x)])
    first /= first.sum()
    found = list(first[: edges[0]])
    for k, (start, stop) in enumerate(itertools.pairwise(edges)):
        own = np.exp(classes[start:stop] @ x)
        found += list(first[edges[0] + k] * own / own.sum())
    return np.array(found)


def test_probabilities_are_those_of_the_definition_and_sum_to_one(softmax):
    x = np.random.default_rng(0).normal(size=(2, 3, WIDTH)).astype("float32")
    found = np.exp(softmax(x))
    assert softmax.edges == [4, 16, 64]
    expected = [
        probabilities(each, vectors_of(softmax), np.array(softmax.clusters), softmax.edges)
        for each in x.reshape(-1, WIDTH)
    ]
    np.testing.assert_allclose(found.reshape(-1, SIZE), expected, rtol=1e-4)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("targets", [np.arange(SIZE), np.arange(4), np.full(3, 40)], ids=["all", "frequent", "rare"])
def test_targets_alone_have_the_same_probability_and_gradient(softmax, targets):
    """The oracle of the gradient is TensorFlow's, through the whole distribution."""
    x = tf.constant(np.random.default_rng(1).normal(size=(len(targets), WIDTH)), "float32")
    softmax(x)
    weights = [x, softmax.clusters.value, softmax.embedding.trainable_weights[-1].value]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        own = softmax(x, targets)
        dense = tf.gather(softmax(x), targets, axis=1, batch_dims=1)
    np.testing.assert_allclose(own, dense, rtol=1e-5)
    for one, other in zip(*(tape.gradient(each, weights) for each in (own, dense)), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), tf.convert_to_tensor(other), atol=1e-5)


@pytest.mark.parametrize("classes", [7, 1100])
def test_the_full_softmax_of_targets_is_that_of_keras_with_its_gradient(classes):
    """In one piece, and in three."""
    random = np.random.default_rng(0)
    vectors, matrix, upstream = (
        tf.constant(random.normal(size=size), "float32") for size in [(2, 4, WIDTH), (classes, WIDTH), (2, 4)]
    )
    targets = tf.constant(random.integers(0, classes, (2, 4)), "int32")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([vectors, matrix])
        own = target_log_probabilities(vectors, matrix, targets)
        logits = tf.matmul(vectors, matrix, transpose_b=True)
        other = -keras.ops.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-5)
    for one, two in zip(*(tape.gradient(each, [vectors, matrix], upstream) for each in (own, other)), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_its_config_makes_it_again(softmax):
    x = np.ones((1, WIDTH), "float32")
    again = AdaptiveSoftmax.from_config(softmax.get_config())
    softmax(x), again(x)
    again.set_weights(softmax.get_weights())
    np.testing.assert_array_equal(again(x), softmax(x))
