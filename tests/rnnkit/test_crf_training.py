"""The CRF layer and its loss inside Keras: gradients, padding, saving, precision."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError
from rnnkit.layers import CRF, CRFLoss
from rnnkit.layers.crf_paths import best_paths, viterbi
from rnnkit.layers.sequence import FORBIDDEN

LENGTHS = np.array([4, 1, 3], dtype="int32")
ALLOWED = {"start": [True, False], "end": [True, True], "pairs": [[True, True], [False, True]]}


def problem(lengths=LENGTHS, labels=3, seed=0):
    """Emissions (B, T, K), true labels (B, T) with -1 in the padding, and a layer with weights of some size."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(len(lengths), max(lengths), labels)).astype("float32")
    y = rng.integers(0, labels, size=x.shape[:2])
    y[np.arange(max(lengths)) >= np.array(lengths)[:, None]] = -1
    layer = CRF(labels)
    layer.build(x.shape)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return x, y, layer


def brute_force_loss(x, transitions, start, end, y):
    """Summed negative log likelihood over all sequences, every path written out."""
    total = 0.0
    for steps, labels in zip(x, y, strict=True):
        labels = labels[labels >= 0]

        def score(path, steps=steps):
            moves = sum(transitions[i, j] for i, j in itertools.pairwise(path))
            return moves + start[path[0]] + end[path[-1]] + sum(steps[t, label] for t, label in enumerate(path))

        paths = itertools.product(range(len(start)), repeat=len(labels))
        total += np.logaddexp.reduce([score(path) for path in paths]) - score(labels)
    return total


def finite_differences(function, values, size=1e-5):
    """Central differences of a scalar function of several float64 arrays."""
    gradients = []
    for value in values:
        gradient = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            kept = value[index]
            ends = []
            for value[index] in (kept + size, kept - size):
                ends.append(function(*values))
            value[index] = kept
            gradient[index] = (ends[0] - ends[1]) / (2 * size)
        gradients.append(gradient)
    return gradients


def loss_and_gradients(layer, x, y, lengths, jit_compile=None):
    """The summed loss, and its gradients by emissions, transitions, start and end."""

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = CRFLoss(reduction="sum")(y, layer(x, lengths, training=True))
        return loss, *tape.gradient(loss, [x, layer.transitions.value, layer.start.value, layer.end.value])

    if jit_compile is not None:
        run = tf.function(run, jit_compile=jit_compile)
    return [np.array(each) for each in run(tf.constant(x))]


@pytest.mark.parametrize("jit_compile", [None, False, True])
def test_loss_and_gradients_equal_brute_force(jit_compile):
    x, y, layer = problem()
    values = [np.array(v, "float64") for v in (x, layer.transitions, layer.start, layer.end)]
    loss, *gradients = loss_and_gradients(layer, x, y, LENGTHS, jit_compile)
    np.testing.assert_allclose(loss, brute_force_loss(*values, y), rtol=1e-5)
    expected = finite_differences(lambda *v: brute_force_loss(*v, y), values)
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@settings(max_examples=8)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.sampled_from([np.nan, np.inf, -1e30, 7.0]))
def test_padding_never_counts(lengths, junk):
    lengths = np.array([*lengths, 6], dtype="int32")
    clean, y, layer = problem(lengths)
    padding = np.arange(6) >= lengths[:, None]
    dirty = np.where(padding[:, :, None], junk, clean).astype("float32")
    for ours, expected in zip(
        loss_and_gradients(layer, dirty, y, lengths), loss_and_gradients(layer, clean, y, lengths), strict=True
    ):
        np.testing.assert_array_equal(ours, expected)
    for ours, expected in zip(best_paths(layer(dirty, lengths), 2), best_paths(layer(clean, lengths), 2), strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(expected))


@settings(max_examples=8)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_each_sequence_is_as_if_alone(lengths):
    x, y, layer = problem(lengths)
    losses = np.array(CRFLoss(reduction="none")(y, layer(x, np.array(lengths))))
    for row, length in enumerate(lengths):
        alone = CRFLoss()(y[row : row + 1, :length], layer(x[row : row + 1, :length]))
        np.testing.assert_allclose(losses[row], alone, rtol=1e-5, atol=1e-5)


def test_a_mask_from_an_embedding_says_the_lengths():
    tokens = np.array([[3, 1, 2, 4], [2, 0, 0, 0], [1, 4, 3, 0]])
    embedding, (_, y, layer) = keras.layers.Embedding(5, 3, mask_zero=True), problem()
    inputs, lengths = keras.Input((None,), dtype="int32"), keras.Input((), dtype="int32")
    masked = keras.Model(inputs, layer(embedding(inputs)))
    named = keras.Model([inputs, lengths], layer(embedding(inputs), lengths))
    np.testing.assert_array_equal(masked(tokens), named([tokens, LENGTHS]))
    np.testing.assert_array_equal(masked(tokens[1:2, :1])[0], masked(tokens)[1, :1])
    masked.compile(loss=CRFLoss())
    assert masked.evaluate(tokens, y, verbose=0) > 0


@pytest.mark.parametrize("junk", [-1, 0, 2, 7])
def test_labels_in_the_padding_never_count(junk):
    x, y, layer = problem()
    expected = loss_and_gradients(layer, x, y, LENGTHS)
    for ours, each in zip(loss_and_gradients(layer, x, np.where(y < 0, junk, y), LENGTHS), expected, strict=True):
        np.testing.assert_array_equal(ours, each)


@pytest.mark.parametrize("tokens", [[[0, 0, 3, 1], [1, 2, 3, 4]], [[3, 0, 1, 2], [1, 2, 3, 4]]])
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_padding_on_the_left_or_inside_is_refused(tokens, run_eagerly):
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, CRF(3)(keras.layers.Embedding(5, 3, mask_zero=True)(inputs)))
    model.compile(loss=CRFLoss(), run_eagerly=run_eagerly)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'Pad with padding=\\?"post'):
        model.fit(np.array(tokens), np.zeros((2, 4)), verbose=0)


def test_lengths_that_contradict_the_mask_are_refused():
    x, _, layer = problem()
    mask = np.arange(4) < LENGTHS[:, None]
    np.testing.assert_array_equal(layer(x, LENGTHS, mask=mask), layer(x, mask=mask))
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected padding on the right"):
        layer(x, np.array([4, 2, 3]), mask=mask)


def test_weights_are_one_a_sequence():
    x, y, layer = problem()
    weights = np.array([0.5, 0.0, 2.0], "float32")
    with tf.GradientTape(persistent=True) as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        potentials = layer(inputs, LENGTHS)
        losses = CRFLoss(reduction="none")(y, potentials)
        weighted = CRFLoss(reduction="sum")(y, potentials, sample_weight=weights)
        plain = CRFLoss(reduction="sum")(y, potentials)
    np.testing.assert_allclose(weighted, (np.array(losses) * weights).sum(), rtol=1e-6)
    expected = np.array(tape.gradient(plain, inputs)) * weights[:, None, None]
    np.testing.assert_allclose(np.array(tape.gradient(weighted, inputs)), expected, atol=1e-6)


def test_one_label_is_certain():
    x, y, layer = problem(labels=1)
    loss, *gradients = loss_and_gradients(layer, x, y, LENGTHS)
    assert abs(loss) < 1e-5
    assert all(abs(gradient).max() < 1e-6 for gradient in gradients)


def test_learns_in_a_functional_model_and_loads_again(tmp_path):
    emissions, lengths = keras.Input((None, 5)), keras.Input((), dtype="int32")
    potentials = CRF(2, ALLOWED, name="crf")(keras.layers.Dense(2)(emissions), lengths)
    model = keras.Model([emissions, lengths], potentials)
    model.compile("sgd", loss=CRFLoss())
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(8, 6, 5)).astype("float32"), rng.integers(1, 7, 8).astype("int32")]
    y = np.where(np.arange(6) < inputs[1][:, None], np.arange(6) > 2, -1)  # 0 0 0 1 1 1, cut by length
    before = model.evaluate(inputs, y, verbose=0)
    model.fit(inputs, y, batch_size=4, epochs=1, verbose=0)
    assert model.evaluate(inputs, y, verbose=0) < before
    assert all(np.array(w).any() for w in model.get_layer("crf").weights)
    model.save(tmp_path / "crf.keras")
    loaded = keras.saving.load_model(tmp_path / "crf.keras")
    np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), model.predict(inputs, verbose=0))
    assert isinstance(loaded.loss, CRFLoss)
    assert loaded.get_layer("crf").get_config() == model.get_layer("crf").get_config()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_potentials_are_float32_under_mixed_precision(policy):
    x, y, layer = problem()
    half = keras.ops.cast(x, policy.removeprefix("mixed_"))
    own = CRF(3, dtype=policy)
    keras.config.set_dtype_policy(policy)
    try:
        for mixed in (CRF(3), own):
            mixed.build(x.shape)
            mixed.set_weights(layer.get_weights())
            potentials = mixed(half, LENGTHS)
            expected = layer(keras.ops.cast(half, "float32"), LENGTHS)
            assert potentials.dtype == mixed.compute_dtype == "float32"
            np.testing.assert_array_equal(np.array(potentials), np.array(expected))
            np.testing.assert_array_equal(CRFLoss()(y, potentials), CRFLoss()(y, expected))
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("constrain_training", [False, True])
def test_the_constraint_holds_outside_training_or_always(constrain_training):
    layer = CRF(2, ALLOWED, constrain_training)
    x = np.array([[[0, 9], [5, 0], [0, 9]]], "float32")  # best is 1 0 1, which may not start so
    assert np.array(viterbi(layer(x))[0]).tolist() == [[0, 0, 1]]
    trained = layer(x, training=True)
    assert (np.array(trained) < FORBIDDEN / 2).any() == constrain_training
    assert (np.array(viterbi(trained)[0]).tolist() == [[1, 0, 1]]) != constrain_training


def test_a_forbidden_move_gets_no_gradient():
    layer = CRF(2, ALLOWED, constrain_training=True)
    x, y, _ = problem(labels=2)
    y = np.where(y >= 0, 0, -1)
    layer.build(x.shape)
    loss, _, transitions, start, _ = loss_and_gradients(layer, x, y, LENGTHS)
    assert np.isfinite(loss)
    assert transitions[1, 0] == start[1] == 0
    assert transitions[0, 1] != 0


@pytest.mark.parametrize("labels", [0, -1, 2.0, "3", None])
def test_labels_are_a_positive_integer(labels):
    with pytest.raises(ArgumentError, match="labels: expected a positive integer"):
        CRF(labels)


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        ([True, True], "expected a dict with the keys start, end and pairs"),
        ({"start": [True, True]}, "expected a dict with the keys start, end and pairs, got .'start'"),
        ({**ALLOWED, "end": [True]}, "allowed.'end'.: expected booleans of shape .2,., got bool of shape .1,."),
        ({**ALLOWED, "start": [0.5, 1.0]}, "allowed.'start'.: expected booleans"),
        ({**ALLOWED, "pairs": [[True], [True, True]]}, "rows of different lengths"),
    ],
)
def test_a_constraint_of_the_wrong_form_is_refused(allowed, message):
    with pytest.raises(ArgumentError, match=message):
        CRF(2, allowed)


def test_the_config_is_plain_and_makes_the_same_layer():
    arrays = {name: np.array(values) for name, values in ALLOWED.items()}
    config = CRF(2, arrays, constrain_training=True).get_config()
    assert json.loads(json.dumps(config)) == config == CRF.from_config(config).get_config()
    assert (config["labels"], config["allowed"], config["constrain_training"]) == (2, ALLOWED, True)


def test_emissions_of_the_wrong_width_are_refused():
    with pytest.raises(ArgumentError, match=r"shape \(B, T, 3\), got \(2, 5, 4\). Put a Dense\(3\) before"):
        CRF(3)(np.zeros((2, 5, 4), "float32"))
