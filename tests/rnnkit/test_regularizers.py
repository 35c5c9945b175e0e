"""Penalties and limits on recurrent kernels, against closed forms and NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.constraints import SpectralCap
from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.cells import register_cell
from rnnkit.recurrent.table import cell_names
from rnnkit.regularizers import GateOrthogonality, SoftOrthogonality, find_regularizer


def random_kernel(units, gates, seed, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=(units, gates * units))).astype("float32")


def rotations(units, gates, seed):
    """A kernel of orthogonal blocks."""
    random = np.random.default_rng(seed)
    blocks = [np.linalg.qr(random.normal(size=(units, units)))[0] for _ in range(gates)]
    return np.concatenate(blocks, axis=1).astype("float32")


def sigmas(kernel, gates):
    """The singular values of each gate's block, largest first."""
    return np.array([np.linalg.svd(block, compute_uv=False) for block in np.split(np.array(kernel), gates, axis=1)])


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 99), st.floats(0.1, 3))
def test_soft_orthogonality_counts_how_far_singular_values_are_from_one(units, gates, seed, scale):
    kernel = random_kernel(units, gates, seed, scale)
    expected = 0.5 * np.sum((sigmas(kernel.astype("float64"), gates) ** 2 - 1) ** 2)
    assert float(SoftOrthogonality(0.5)(tf.constant(kernel))) == pytest.approx(expected, rel=1e-4)
    assert float(SoftOrthogonality(0.5)(tf.constant(rotations(units, gates, seed)))) == pytest.approx(0, abs=1e-9)


def test_soft_orthogonality_pulls_singular_values_to_one_and_l2_shrinks_them_all_alike():
    kernel = tf.Variable(random_kernel(6, 4, 0, 0.3))
    start = sigmas(kernel, 4)
    with tf.GradientTape() as tape:
        loss = keras.regularizers.L2(0.1)(kernel)
    shrunk = kernel - 0.5 * tape.gradient(loss, kernel)
    np.testing.assert_allclose(sigmas(shrunk, 4), (1 - 2 * 0.1 * 0.5) * start, rtol=1e-4)
    for _ in range(300):
        with tf.GradientTape() as tape:
            loss = SoftOrthogonality(1.0)(kernel)
        kernel.assign_sub(0.05 * tape.gradient(loss, kernel))
    np.testing.assert_allclose(sigmas(kernel, 4), 1, atol=0.05)
    assert np.abs(start - 1).max() > 0.4


def test_orthogonal_is_keras_own_penalty_for_each_gate():
    kernel = random_kernel(5, 3, 1)
    parts = [keras.regularizers.OrthogonalRegularizer(0.2)(tf.constant(part)) for part in np.split(kernel, 3, axis=1)]
    assert float(GateOrthogonality(0.2)(tf.constant(kernel))) == pytest.approx(float(sum(parts)), rel=1e-5)
    assert float(GateOrthogonality(0.2)(tf.constant(0.1 * rotations(5, 3, 1)))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("cell", cell_names()[:3])
@pytest.mark.parametrize("name", ["l1", "l2", "orthogonal", "soft_orthogonality"])
def test_by_name_each_acts_on_every_recurrent_kernel_and_comes_back_from_the_config(cell, name):
    stack = RecurrentStack(
        cell, 4, 2, bidirectional=True, recurrent_regularizer=name, recurrent_constraint="spectral_cap"
    )
    stack.build((None, None, 3))
    kernels = [block[side].cell.recurrent_kernel for block in stack.blocks for side in ("forward", "backward")]
    expected = sum(float(find_regularizer(name)(kernel.value)) for kernel in kernels)
    assert float(sum(stack.losses)) == pytest.approx(expected, rel=1e-5, abs=1e-8)
    assert len(stack.losses) == 4
    again = RecurrentStack.from_config(stack.get_config())
    assert again.get_config() == stack.get_config()
    assert type(again.recurrent_regularizer) is type(find_regularizer(name))
    assert isinstance(again.recurrent_constraint, SpectralCap)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 99), st.floats(0.1, 3), st.floats(0.2, 2))
def test_the_cap_cuts_singular_values_off_and_leaves_the_rest(units, gates, seed, scale, limit):
    kernel = random_kernel(units, gates, seed, scale)
    capped = np.array(SpectralCap(limit)(tf.constant(kernel)))
    before, after = sigmas(kernel, gates), sigmas(capped, gates)
    np.testing.assert_allclose(after, np.minimum(before, limit), atol=2e-5 * before.max())
    assert after.max() <= limit * (1 + 1e-5)
    if before.max() < limit:
        np.testing.assert_allclose(capped, kernel, atol=1e-5)
    # The nearest matrix under the cap is the one whose distance is what was cut off (von Neumann's trace inequality).
    cut = np.maximum(before - limit, 0)
    assert np.linalg.norm(capped - kernel) == pytest.approx(
        float(np.linalg.norm(cut)), rel=1e-3, abs=1e-4 * float(before.max())
    )


@pytest.mark.parametrize(("cell", "gates"), [("simple_rnn", 1), ("lstm", 4), ("gru", 3)])
def test_after_a_compiled_step_no_gate_exceeds_the_cap(cell, gates):
    stack = RecurrentStack(cell, 6, recurrent_constraint=SpectralCap(0.5), return_sequences=False)
    model = keras.Sequential([keras.Input((5, 3)), stack])
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    assert sigmas(stack.blocks[0]["forward"].cell.recurrent_kernel, gates).max() > 0.6
    model.fit(np.ones((8, 5, 3)), np.zeros((8, 6)), batch_size=4, epochs=1, verbose=0)
    after = sigmas(stack.blocks[0]["forward"].cell.recurrent_kernel, gates)
    assert after.max() <= 0.5 * (1 + 1e-5)
    assert after.max() > 0.45


def test_weights_that_are_not_finite_stay_so_and_stop_nothing():
    kernel = random_kernel(4, 2, 0)
    kernel[1, 1] = np.nan
    capped = np.array(tf.function(SpectralCap())(tf.constant(kernel)))
    assert not np.isfinite(capped[:, :4]).all()


def test_a_cell_that_takes_no_constraint_says_so():
    class Free(keras.layers.Layer):
        def __init__(self, units):
            super().__init__()
            self.units = self.state_size = units

        def call(self, inputs, states):
            return states[0], states

    register_cell("free", Free)
    with pytest.raises(ArgumentError, match="'free' does not take the argument recurrent_constraint"):
        RecurrentStack("free", recurrent_constraint="spectral_cap")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpectralCap(0), "limit: expected a positive number"),
        (lambda: SpectralCap(float("inf")), "limit"),
        (lambda: SoftOrthogonality(-1.0), "factor: expected a number of at least 0"),
        (lambda: RecurrentStack(recurrent_regularizer="l3"), "recurrent_regularizer: expected l1, l2, orthogonal"),
        (lambda: RecurrentStack(recurrent_regularizer=0.1), "recurrent_regularizer"),
        (lambda: RecurrentStack(recurrent_constraint="cap"), "recurrent_constraint: expected 'spectral_cap'"),
        (lambda: SoftOrthogonality()(tf.ones((4, 6))), "recurrent kernel: expected the shape"),
        (lambda: SpectralCap()(tf.ones((3, 3, 4, 4))), "recurrent kernel: expected the shape"),
    ],
)
def test_what_cannot_be_used_is_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
