import keras
import numpy as np
import pytest

from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.cell import effective_rank, lyapunov
from rnnkit.diagnosis.replay import Replay

UNITS, STEPS = 10, 60


def recurrent(kernel):
    kernel = keras.initializers.Constant(kernel.astype("float32"))
    return keras.layers.SimpleRNN(UNITS, activation=None, recurrent_initializer=kernel, return_sequences=True)


def test_effective_rank_is_that_of_the_singular_values(noise):
    vectors = noise(3, 6, 4)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    for vector, found in zip(vectors, effective_rank(vectors), strict=True):
        s = np.linalg.svd(vector, compute_uv=False)
        assert found == pytest.approx((s**2).sum() ** 2 / (s**4).sum(), rel=1e-5)


def test_effective_rank_goes_from_one_to_all():
    parallel, orthonormal = np.tile([[1.0, 0, 0]], (3, 1)), np.eye(3)
    np.testing.assert_allclose(effective_rank(np.stack([parallel, orthonormal])), [1, 3])


def test_norms_can_look_healthy_while_the_rank_collapses(compiled, noise):
    collapsing = np.diag([1.0, *[0.6] * (UNITS - 1)])
    model = compiled(recurrent(collapsing), keras.layers.Dense(UNITS))
    profile = diagnose(model, noise(8, STEPS, 3, scale=0.01), noise(8, STEPS, UNITS), lyapunov=False).profile
    assert profile["rank"].iloc[0] > 4
    assert profile["rank"].iloc[-1] == pytest.approx(1, abs=1e-3)
    assert profile["decay"].iloc[-1] / profile["decay"].iloc[20] == pytest.approx(1, abs=1e-3)


def test_lyapunov_exponents_of_a_linear_rnn_are_the_logs_of_its_moduli(compiled, record, noise):
    moduli = np.linspace(1.3, 0.4, UNITS)
    basis = np.eye(UNITS) + 0.2 * noise(UNITS, UNITS)
    model = compiled(recurrent(basis @ np.diag(moduli) @ np.linalg.inv(basis)), keras.layers.Dense(1))
    (recording,) = record(model, noise(3, 200, 3), noise(3, 200, 1))
    np.testing.assert_allclose(lyapunov(Replay(recording)), np.log(moduli[:8]), atol=0.02)


def test_lyapunov_exponents_are_a_table_with_a_row_for_each(compiled, noise):
    model = compiled(keras.layers.LSTM(3, return_sequences=True), keras.layers.Dense(1))
    table = diagnose(model, noise(3, 12, 3), noise(3, 12, 1)).lyapunov
    assert list(table["index"]) == list(range(6))
    assert table["exponent"].is_monotonic_decreasing
    assert np.isfinite(table["exponent"]).all()
