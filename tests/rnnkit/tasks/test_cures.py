"""What a task hands on to its stack against vanishing and exploding gradients."""

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.initializers import Chrono
from rnnkit.layers import OmegaRNN, TruncatedRNN
from rnnkit.tasks import EntityRecognizer, SentimentClassifier

TEXTS = (["good film", "bad film indeed", "not good", "not bad at all"] * 4, ["positive", "negative"] * 8)
TAGGED = ([["Ada", "met", "Bob"], ["he", "wrote"]] * 4, [["B-P", "O", "B-P"], ["O", "O"]] * 4)
TASKS = [(SentimentClassifier, TEXTS), (EntityRecognizer, TAGGED)]
CURES = [
    {"recurrent_constraint": "spectral_cap", "recurrent_regularizer": "soft_orthogonality", "bptt_steps": 2},
    {"recurrent_initializer": Chrono(max_lag=30, seed=1), "omega": 0.5},
]


@pytest.mark.parametrize(("task", "data"), TASKS)
@pytest.mark.parametrize("cures", CURES)
def test_every_task_takes_the_cures_and_its_file_keeps_them(task, data, cures, tmp_path):
    keras.utils.set_random_seed(0)
    model = task(cell="gru", units=3, embedding_dim=3, **cures)
    model.compile(run_eagerly=True)  # quicker than to trace it
    model.fit(*data, epochs=1, batch_size=16, verbose=0)
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    for first, second in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    layer = again.stack.blocks[0]["backward"]
    if "omega" in cures:
        assert isinstance(layer, OmegaRNN)
        assert layer.cell.bias_initializer.max_lag == 30
    else:
        assert isinstance(layer, TruncatedRNN)
        kernel = np.array(layer.cell.recurrent_kernel)
        assert max(np.linalg.norm(block, 2) for block in np.split(kernel, 3, axis=1)) <= 1 + 1e-5
