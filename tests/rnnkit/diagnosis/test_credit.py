"""Credit end to end and truncation against a model unrolled by hand, with every state watched by a tape."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import rnnkit
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.decay import credit, credit_horizon, truncation
from rnnkit.diagnosis.replay import Replay

UNITS, STEPS, BATCH = 5, 16, 4


@keras.saving.register_keras_serializable(package="rnnkit_tests")
class Attention(keras.layers.Layer):
    """Each step also sees a weighted mean of all steps."""

    def call(self, h):
        weights = ops.softmax(ops.matmul(h, ops.transpose(h, (0, 2, 1))), axis=-1)
        return h + ops.matmul(weights, h)


@pytest.fixture
def attentive(compiled):
    first = keras.layers.SimpleRNN(UNITS, return_sequences=True)
    second = keras.layers.Bidirectional(keras.layers.SimpleRNN(UNITS, return_sequences=True))
    return compiled(first, Attention(), second, Attention(), keras.layers.Dense(2))


def unrolled(layer, x, states=None):
    """A SimpleRNN step by step along its recurrence; every state is watched where a list is given."""
    cell = layer.cell
    h, outputs = tf.zeros((len(x), UNITS)), []
    for t in reversed(range(STEPS)) if layer.go_backwards else range(STEPS):
        h = tf.tanh(x[:, t] @ cell.kernel + h @ cell.recurrent_kernel + cell.bias)
        if states is not None:
            states.append(h)
        outputs.append(h)
    return tf.stack(outputs[::-1] if layer.go_backwards else outputs, axis=1)


def by_hand(model, x, y, place):
    """For each recurrent layer, dl/ds_t at every step (T, B, UNITS), where l is the loss at one place in the text."""
    first, above, both, last, dense = model.layers
    states = [[], [], []]
    start = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(start)
        h = above(unrolled(first, start, states[0]))
        forward = unrolled(both.forward_layer, h, states[1])
        backward = unrolled(both.backward_layer, h, states[2])
        out = dense(last(tf.concat([forward, backward], -1)))
        loss = sum(tf.reduce_sum((out[b, p] - y[b, p]) ** 2) for b, p in enumerate(place))
    return [np.stack(tape.gradient(loss, states[layer])) for layer in range(3)]


def test_credit_counts_every_route_of_the_model(attentive, record, noise):
    x, y = noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2)
    recordings = record(attentive, x, y, seed=3)
    assert [recording.direction for recording in recordings] == ["forward", "forward", "backward"]
    for number, recording in enumerate(recordings):
        recording.max_lag = 9
        tau = recording.focus
        place = STEPS - 1 - tau if recording.direction == "backward" else tau
        replay = Replay(recording)
        found = credit(replay, replay.entering(recording.focus_errors))
        sizes = np.linalg.norm(by_hand(attentive, x, y, place)[number], axis=-1)
        ratios = [[sizes[tau[b] - k, b] / sizes[tau[b], b] for b in range(BATCH)] for k in range(10)]
        np.testing.assert_allclose(found, np.mean(ratios, axis=1), rtol=1e-3)


def test_credit_of_one_loss_a_sequence_starts_at_its_end(compiled, noise, orthogonal):
    kernel = keras.initializers.Constant(orthogonal(0.7, UNITS))
    rnn = keras.layers.SimpleRNN(UNITS, activation=None, recurrent_initializer=kernel, return_sequences=True)
    model = compiled(rnn, keras.layers.Lambda(lambda h: h[:, -1] + 0.5 * h[:, -4]), keras.layers.Dense(2))
    diagnosis = diagnose(model, noise(BATCH, STEPS, 3), noise(BATCH, 2), lyapunov=False)
    found = diagnosis.credit["credit"].to_numpy()
    np.testing.assert_allclose(found[:3], 0.7 ** np.arange(3), rtol=1e-4)
    assert found[3] > 0.7**3 + 0.1  # the second way in
    np.testing.assert_allclose(found[4:] / found[3], 0.7 ** np.arange(1, len(found) - 3), rtol=1e-4)


def test_a_translators_encoder_has_no_prediction_a_step_though_the_steps_are_as_many(record):
    source, target = ["a b c d e f g"] * 4, ["u v w x y z z"] * 4
    model = rnnkit.Translator("gru", 3, embedding_dim=4, tokenization="words")
    model.adapt(source, target)
    model.compile()
    forward, backward, decoder = record(model, source, target)
    assert forward.inputs.shape[1] == decoder.inputs.shape[1]
    for encoder in (forward, backward):
        np.testing.assert_array_equal(encoder.focus, encoder.lengths - 1)
        np.testing.assert_array_equal(encoder.focus_errors.outputs, encoder.errors.outputs)
    np.testing.assert_array_equal(decoder.focus, decoder.positions)


def test_credit_is_nan_where_the_loss_does_not_see_the_layer(compiled, record, noise):
    rnn = keras.layers.SimpleRNN(UNITS, return_sequences=True)
    model = compiled(rnn, keras.layers.Dense(2, kernel_initializer="zeros"))
    (recording,) = record(model, noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2))
    replay = Replay(recording)
    assert np.isnan(credit(replay, replay.entering(recording.focus_errors))).all()
    rows = truncation(replay, replay.entering(recording.errors))
    assert all(np.isnan(row["cosine"]) for row in rows)
    assert np.isnan(credit_horizon(rows))


def truncated_gradient(rnn, errors, x, k):
    """Each error alone: the state before its window is cut off from the tape."""
    cell, weights = rnn.cell, [weight.value for weight in rnn.weights]
    x = tf.constant(x)
    outputs = unrolled(rnn, x)
    total = [np.zeros(weight.shape) for weight in weights]
    for t in range(STEPS):
        start = max(0, t - k + 1)
        with tf.GradientTape() as tape:
            h = outputs[:, start - 1] if start else tf.zeros_like(outputs[:, 0])
            for step in range(start, t + 1):
                h = tf.tanh(x[:, step] @ cell.kernel + h @ cell.recurrent_kernel + cell.bias)
            error = tf.reduce_sum(h * errors[:, t])
        for sum_, part in zip(total, tape.gradient(error, weights), strict=True):
            sum_ += part.numpy()
    return np.concatenate([part.ravel() for part in total])


def test_truncation_cuts_every_error_exactly(compiled, record, noise):
    rnn = keras.layers.SimpleRNN(UNITS, return_sequences=True)
    model = compiled(rnn, keras.layers.Dense(2))
    x = noise(BATCH, STEPS, 3)
    (recording,) = record(model, x, noise(BATCH, STEPS, 2))
    replay = Replay(recording)
    rows = truncation(replay, replay.entering(recording.errors))
    assert [row["steps"] for row in rows] == [1, 2, 4, 8, 16]
    full = truncated_gradient(rnn, recording.errors.outputs, x, STEPS)
    for row in rows:
        cut = truncated_gradient(rnn, recording.errors.outputs, x, row["steps"])
        assert row["cosine"] == pytest.approx(cut @ full / np.linalg.norm(cut) / np.linalg.norm(full), abs=1e-4)
        assert row["norm"] == pytest.approx(np.linalg.norm(cut) / np.linalg.norm(full), rel=1e-3)
    assert rows[0]["cosine"] < 0.99
    assert credit_horizon(rows) == next(row["steps"] for row in rows if row["cosine"] >= 0.99)
