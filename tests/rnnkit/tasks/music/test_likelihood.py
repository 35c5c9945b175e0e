"""The measures against NumPy, frame by frame in float64."""

import numpy as np
import pytest

from rnnkit.tasks.music.likelihood import FrameAccuracy, FrameNLL, RollLoss, frame_nll

LENGTHS = [5, 1, 3]


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    rolls = [rng.integers(0, 2, (length, 88)).astype("int8") for length in LENGTHS]
    odds = [rng.normal(scale=4, size=(length, 88)).astype("float32") for length in LENGTHS]
    return rolls, odds


def padded(parts, value):
    out = np.full((len(parts), max(map(len, parts)), 88), value, parts[0].dtype)
    for row, part in enumerate(parts):
        out[row, : len(part)] = part
    return out


def nats(roll, odds):
    """One frame after the other: shape (T,)."""
    probability = 1 / (1 + np.exp(-odds.astype("float64")))
    return -np.log(np.where(roll == 1, probability, 1 - probability)).sum(axis=1)


def test_nats_of_each_frame(batch):
    found = np.array(frame_nll(padded(batch[0], -1), padded(batch[1], np.nan)))
    for row, pair in enumerate(zip(*batch, strict=True)):
        np.testing.assert_allclose(found[row, : LENGTHS[row]], nats(*pair), rtol=1e-5)
        assert (found[row, LENGTHS[row] :] == 0).all()


def test_the_loss_is_the_mean_over_the_frames_of_a_piece(batch):
    losses = [nats(*pair).mean() for pair in zip(*batch, strict=True)]
    found = RollLoss(reduction=None)(padded(batch[0], -1), padded(batch[1], 3.0))
    np.testing.assert_allclose(np.array(found), losses, rtol=1e-5)


def test_the_metrics_count_all_frames_but_the_first_of_a_piece(batch):
    pairs = list(zip(*batch, strict=True))
    expected = sum(nats(*pair)[1:].sum() for pair in pairs) / 6
    both = sum((roll[1:] & (odds[1:] > 0)).sum() for roll, odds in pairs)
    either = sum((roll[1:] | (odds[1:] > 0)).sum() for roll, odds in pairs)
    for order in ([[0, 1, 2]], [[0], [1], [2]], [[2, 0], [1]]):
        nll, accuracy = FrameNLL(), FrameAccuracy()
        for rows in order:
            y_true = padded([batch[0][row] for row in rows], -1)
            y_pred = padded([batch[1][row] for row in rows], 5.0)
            nll.update_state(y_true, y_pred)
            accuracy.update_state(y_true, y_pred)
        assert float(nll.result()) == pytest.approx(expected, rel=1e-6)
        assert float(accuracy.result()) == pytest.approx(both / either, rel=1e-6)


def test_certain_keys_cost_what_they_must():
    roll, odds = np.zeros((1, 2, 88), "int8"), np.full((1, 2, 88), -200.0, "float32")
    assert float(frame_nll(roll, odds)[0, 0]) == 0
    roll[0, 1, 5] = 1
    assert float(frame_nll(roll, odds)[0, 1]) == 200  # finite, and exact where probabilities are not


def test_no_predicted_frame_gives_nought():
    metric = FrameNLL()
    metric.update_state(np.zeros((2, 1, 88), "int8"), np.zeros((2, 1, 88), "float32"))
    assert float(metric.result()) == 0
