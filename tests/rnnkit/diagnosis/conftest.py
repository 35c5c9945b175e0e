import keras
import numpy as np
import pytest

from rnnkit.diagnosis.capture import capture
from rnnkit.diagnosis.probe import probe_arrays


@pytest.fixture
def orthogonal():
    """rho times a random orthogonal matrix."""

    def make(rho, units, seed=0):
        return rho * np.linalg.qr(np.random.default_rng(seed).normal(size=(units, units)))[0].astype("float32")

    return make


@pytest.fixture
def compiled():
    """A compiled model of some layers, in sequence, with a mean squared error."""

    def make(*layers, features=3, loss="mse"):
        model = keras.Sequential([keras.Input((None, features)), *layers])
        model.compile("sgd", loss)
        return model

    return make


@pytest.fixture
def record():
    """The recordings of a model on a probe."""

    def make(model, x, y, **options):
        return capture(model, *probe_arrays(model, x, y), **options).recordings

    return make


@pytest.fixture
def noise():
    """Seeded normal numbers."""

    def make(*shape, seed=0, scale=1.0):
        return (scale * np.random.default_rng(seed).normal(size=shape)).astype("float32")

    return make
