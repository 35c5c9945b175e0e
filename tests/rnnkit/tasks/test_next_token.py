"""The loss and the perplexity against Keras and NumPy."""

import keras
import numpy as np
import pytest

from rnnkit.tasks.next_token import Perplexity, SubwordLoss

LABELS = np.array([[3, 1, 4, -1], [5, -1, -1, -1], [0, 2, 2, 6]])
LOGITS = np.random.default_rng(0).normal(size=(3, 4, 7)).astype("float32") * 3
VALID = LABELS >= 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_the_loss_is_the_mean_over_all_subwords_of_the_batch(smoothing):
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    one_hot = np.eye(7, dtype="float32")[LABELS[VALID]]
    loss = SubwordLoss(smoothing)
    assert float(loss(LABELS, LOGITS)) == pytest.approx(float(expected(one_hot, LOGITS[VALID])), rel=1e-5)
    again = SubwordLoss.from_config(loss.get_config())
    assert float(again(LABELS, LOGITS)) == float(loss(LABELS, LOGITS))


def test_what_stands_in_the_padding_has_no_part_in_loss_and_perplexity():
    other = np.where(VALID[:, :, None], LOGITS, 1e4)
    assert float(SubwordLoss(0.1)(LABELS, LOGITS)) == float(SubwordLoss(0.1)(LABELS, other))
    results = []
    for logits in (LOGITS, other):
        metric = Perplexity()
        metric.update_state(LABELS, logits)
        results.append(float(metric.result()))
    assert results[0] == results[1]


def test_perplexity_is_exact_over_batches_of_any_size_and_counts_weights():
    log_probabilities = LOGITS - np.log(np.exp(LOGITS).sum(axis=-1, keepdims=True))
    nats = -np.take_along_axis(log_probabilities, np.maximum(LABELS, 0)[:, :, None], axis=-1)[:, :, 0]
    metric = Perplexity()
    metric.update_state(LABELS[:1], LOGITS[:1])
    metric.update_state(LABELS[1:], LOGITS[1:])
    assert float(metric.result()) == pytest.approx(np.exp(nats[VALID].mean()), rel=1e-5)
    weighted = Perplexity()
    weighted.update_state(LABELS, LOGITS, sample_weight=np.array([1.0, 0.0, 0.0]))
    assert float(weighted.result()) == pytest.approx(np.exp(nats[0, :3].mean()), rel=1e-5)
