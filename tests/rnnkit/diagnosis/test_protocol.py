"""The diagnosis knows no task: what it needs of one, a model says itself."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.probe import Task

IMPORT = "import sys, rnnkit.diagnosis, rnnkit.diagnosis.page; print([m for m in sys.modules if 'rnnkit.tasks' in m])"


def test_importing_the_diagnosis_imports_no_task():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Texts(keras.Model):
    """A task from outside: it reads texts, knows its lag, and predicts a number for each letter of another text."""

    def __init__(self):
        super().__init__()
        self.embedding = keras.layers.Embedding(128, 4)
        self.encoder = keras.layers.GRU(4, return_sequences=True, name="encoder")
        self.decoder = keras.layers.GRU(4, return_sequences=True, name="decoder")
        self.dense = keras.layers.Dense(1)

    def call(self, numbers):
        return self.dense(self.decoder(self.encoder(self.embedding(numbers))))

    def probe_batch(self, x, y):
        return np.array([[ord(letter) for letter in text] for text in x]), np.array(y, "float32")

    def known_lag(self, median_length):
        return median_length - 3, "the number of letters but three"

    def predicts_each_step_of(self, layer):
        return layer is not self.encoder


def test_a_task_from_outside_is_asked():
    model = Texts()
    assert isinstance(model, Task)
    assert not isinstance(keras.Sequential(), Task)
    model.compile("sgd", "mse")
    texts = ["a fast brown dog", "the lazy red fox"]
    model(model.probe_batch(texts, None)[0])
    found = diagnose(model, texts, np.ones((2, 16, 1)), lyapunov=False)
    assert (found.layers["needed"] == 13).all()
    assert "the number of letters but three" in found.verdict
    encoder, decoder = (found.credit[found.credit["layer"].str.contains(name)] for name in ("encoder", "decoder"))
    assert encoder["credit"].iloc[0] == decoder["credit"].iloc[0] == pytest.approx(1)
