"""Padding never contributes: sequences of unlike length in one batch against each one alone and unpadded."""

import keras
import numpy as np
import pytest

from rnnkit.diagnosis.cell import gates
from rnnkit.diagnosis.decay import credit, own_decay
from rnnkit.diagnosis.replay import Replay
from rnnkit.layers import RecurrentStack, SequencePooling

LENGTHS = np.array([14, 9, 12, 10])
STEPS = 14


def stack_model(every_step, cell="lstm"):
    x, lengths = keras.Input((None, 3)), keras.Input((), dtype="int32")
    y = RecurrentStack(cell, 4, 2, bidirectional=True, layer_norm=True, name="stack")(x, lengths)
    y = y if every_step else SequencePooling("mean")(y, lengths)
    return keras.Model([x, lengths], keras.layers.Dense(2)(y))


def masked_model(every_step, wrap=keras.layers.Bidirectional):
    x = keras.Input((None, 3))
    y = keras.layers.Masking()(x)
    y = wrap(keras.layers.LSTM(4, return_sequences=True))(y)
    y = wrap(keras.layers.GRU(4, return_sequences=every_step))(y)
    return keras.Model(x, keras.layers.Dense(2)(y))


def plain(layer):
    return layer


MODELS = {
    "stack": stack_model,
    "masked": masked_model,
    "masked_repeating": lambda every_step: masked_model(every_step, plain),  # outputs are repeated over the padding
}


def batch(kind, x, y, left):
    """The model's arguments for some sequences, all of them padded to the same length with what stands in x."""
    if left:
        x = np.stack([np.roll(row, STEPS - length, axis=0) for row, length in zip(x, LENGTHS, strict=True)])
        if y.ndim == 3:
            y = np.stack([np.roll(row, STEPS - length, axis=0) for row, length in zip(y, LENGTHS, strict=True)])
    return ([x, LENGTHS.astype("int32")] if kind == "stack" else x), y


def gradients(recording):
    replay = Replay(recording)
    logs, directions = replay.gradients(replay.entering(recording.errors))
    return np.exp(logs)[:, :, None] * directions


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize(
    ("kind", "left"), [("stack", False), ("masked", False), ("masked", True), ("masked_repeating", True)]
)
def test_gradients_are_those_of_each_sequence_alone(kind, left, every_step, noise, record, monkeypatch):
    monkeypatch.setattr("rnnkit.diagnosis.capture.max_lag", lambda lengths: 8)
    model = MODELS[kind](every_step)
    # A sum, so that a sequence's loss does not depend on the others.
    model.compile("sgd", keras.losses.MeanSquaredError(reduction="sum"))
    x = noise(4, STEPS, 3)
    valid = np.arange(STEPS) < LENGTHS[:, None]
    x[~valid] = 100 * noise(STEPS * 4 - valid.sum(), 3) if kind == "stack" else 0
    y = noise(4, STEPS, 2) if every_step else noise(4, 2)
    if kind == "stack" and every_step:  # outputs are zero in the padding, and the targets make that the best answer
        model.layers[-1].bias.assign([0.0, 0.0])
        y[~valid] = 0
    padded = record(model, *batch(kind, x, y, left))
    row = 1 if every_step else 2
    length = LENGTHS[row]
    one = [x[row : row + 1, :length], LENGTHS[row : row + 1].astype("int32")]
    target = y[row : row + 1, :length] if every_step else y[row : row + 1]
    alone = record(model, one if kind == "stack" else one[0], target)
    assert len(alone) == len(padded) >= 2
    for ours, expected in zip(padded, alone, strict=True):
        assert ours.lengths[row] == length
        together = gradients(ours)[:, row]
        np.testing.assert_allclose(together[:length], gradients(expected)[:, 0], rtol=1e-3, atol=2e-5)
        assert not together[length:].any()


def given_mask():
    x, lengths = keras.Input((None, 3)), keras.Input((), dtype="int32")
    mask = lengths[:, None] > keras.ops.arange(STEPS)[None]
    y = keras.layers.GRU(4, return_sequences=True)(x, mask=mask)
    return keras.Model([x, lengths], keras.layers.Dense(2)(y))


@pytest.mark.parametrize("make", [lambda: stack_model(every_step=True, cell="gru"), given_mask])
def test_no_number_depends_on_what_stands_in_the_padding(make, noise, record):
    model = make()
    model.compile("sgd", "mse")
    x, y = noise(4, STEPS, 3), noise(4, STEPS, 2)
    clean, junk = x.copy(), x.copy()
    for row, length in enumerate(LENGTHS):
        clean[row, length:], junk[row, length:] = 0, np.nan
    lengths = LENGTHS.astype("int32")
    for ours, theirs in zip(record(model, [clean, lengths], y), record(model, [junk, lengths], y), strict=True):
        found = []
        for recording in (ours, theirs):
            replay = Replay(recording)
            entering = replay.entering(recording.errors)
            focused = replay.entering(recording.focus_errors)
            found.append((own_decay(replay, entering)[0].logs, credit(replay, focused), gates(replay)))
        np.testing.assert_array_equal(found[0][0], found[1][0])
        np.testing.assert_array_equal(found[0][1], found[1][1])
        assert found[0][2] == found[1][2]
        assert np.isfinite(found[0][0]).all()


def test_positions_are_valid_steps_far_enough_from_the_start(noise, record):
    model = stack_model(every_step=True)
    model.compile("sgd", "mse")
    probe = ([noise(4, STEPS, 3), LENGTHS.astype("int32")], noise(4, STEPS, 2))
    seen = set()
    for seed in range(4):
        for recording in record(model, *probe, seed=seed):
            assert (recording.lengths > recording.max_lag).all()
            assert (recording.positions >= recording.max_lag).all()
            assert (recording.positions < recording.lengths).all()
            assert recording.median_length == np.median(LENGTHS)
            seen.add(tuple(recording.positions))
    assert len(seen) > 1


@pytest.mark.parametrize(("kind", "left"), [("stack", False), ("masked", False), ("masked", True)])
def test_the_loss_of_one_position_enters_at_that_step_of_each_direction(kind, left, noise, record, monkeypatch):
    monkeypatch.setattr("rnnkit.diagnosis.capture.max_lag", lambda lengths: 4)
    model = MODELS[kind](every_step=True)
    model.compile("sgd", "mse")
    x, y = noise(4, STEPS, 3), noise(4, STEPS, 2)
    x[np.arange(STEPS) >= LENGTHS[:, None]] = 0
    for recording in record(model, *batch(kind, x, y, left))[-2:]:  # the directions of the upper layer
        entered = recording.focus_errors.outputs.any(axis=-1)
        np.testing.assert_array_equal(np.argmax(entered, axis=1), recording.focus)
        assert (entered.sum(axis=1) == 1).all()
