"""The scan of a forget gate against one step after the other in float64: NumPy for states, a tape for gradients."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.recurrent.linear_scan import gated_scan
from rnnkit.recurrent.scan_blocks import from_blocks, to_blocks

WAYS = [False, True]


def problem(steps, batch=3, units=2, seed=0, dtype="float64"):
    """Keep logits and candidates side by side (B, T, 2 * H), and first states (B, H)."""
    rng = np.random.default_rng(seed)
    packed, initial = rng.normal(size=(batch, steps, 2 * units)), rng.normal(size=(batch, units))
    return packed.astype(dtype), initial.astype(dtype)


def one_by_one(packed, initial):
    keep, candidates = np.split(packed.astype("float64"), 2, axis=-1)
    with np.errstate(over="ignore"):
        kept, written = 1 / (1 + np.exp(-keep)), 1 / (1 + np.exp(keep))
    state, states = initial.astype("float64"), []
    for step in range(packed.shape[1]):
        state = kept[:, step] * state + written[:, step] * candidates[:, step]
        states.append(state)
    return np.stack(states, axis=1)


def scanned(packed, initial, side_by_side):
    logits, candidates = map(to_blocks, tf.split(packed, 2, axis=-1))
    states = gated_scan(logits, candidates, initial, side_by_side=side_by_side)
    return from_blocks(states, tf.shape(packed)[1])


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 70), st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
@pytest.mark.parametrize("side_by_side", WAYS)
def test_states_are_those_of_single_steps_at_any_length(side_by_side, steps, batch, units, seed):
    packed, initial = problem(steps, batch, units, seed)
    states = scanned(tf.constant(packed), tf.constant(initial), side_by_side)
    np.testing.assert_allclose(states, one_by_one(packed, initial), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 70), st.integers(0, 99))
@pytest.mark.parametrize("side_by_side", WAYS)
def test_gradients_are_those_of_a_tape_over_single_steps(side_by_side, steps, seed):
    packed, initial = map(tf.constant, problem(steps, seed=seed))

    def in_steps(packed, initial):
        keep, candidates = tf.split(packed, 2, axis=-1)
        state, states = initial, []
        for step in range(steps):
            state += tf.sigmoid(-keep[:, step]) * (candidates[:, step] - state)
            states.append(state)
        return tf.stack(states, axis=1)

    found = []
    for function in (lambda *given: scanned(*given, side_by_side), in_steps):
        with tf.GradientTape() as tape:
            tape.watch([packed, initial])
            loss = tf.reduce_sum(tf.sin(3 * function(packed, initial)))
        found.append(tape.gradient(loss, [packed, initial]))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("side_by_side", WAYS)
@pytest.mark.parametrize("size", [1e3, float("inf")])
def test_gates_that_are_exactly_0_or_1_copy_and_replace(side_by_side, size):
    keep = np.random.default_rng(0).random(size=(1, 90, 1)) < 0.8
    keep[0, :5] = True
    packed = np.concatenate([np.where(keep, size, -size), np.arange(90.0).reshape(1, 90, 1)], axis=-1).astype("float32")
    initial = np.array([[-7.0]], "float32")
    latest = np.maximum.accumulate(np.where(keep[0, :, 0], -1, np.arange(90)))
    expected = np.where(latest < 0, -7, latest)
    tensors = [tf.constant(packed), tf.constant(initial)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        states = scanned(*tensors, side_by_side)
        loss = tf.reduce_sum(states)
    np.testing.assert_array_equal(states[0, :, 0], expected)
    to_packed, to_initial = tape.gradient(loss, tensors)
    assert not to_packed[0, :, 0].numpy().any()
    np.testing.assert_array_equal(to_packed[0, :, 1], [np.sum(latest == step) for step in range(90)])
    np.testing.assert_array_equal(to_initial, [[np.sum(latest < 0)]])


@pytest.mark.parametrize("side_by_side", WAYS)
def test_a_memory_of_millions_of_steps_is_not_rounded_away(side_by_side):
    packed = np.tile(np.array([17.0, 1.0], "float32"), (1, 4096, 1))
    states = tf.function(scanned)(tf.constant(packed), tf.zeros((1, 1)), side_by_side)
    share = 1 / (1 + np.exp(17.0))
    assert float(states[0, 0, 0]) == pytest.approx(share, rel=1e-5)
    assert float(states[0, 99, 0]) == pytest.approx(1 - (1 - share) ** 100, rel=1e-4)


@pytest.mark.parametrize("side_by_side", WAYS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_for_unknown_sizes(side_by_side, jit_compile):
    @tf.function(input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, 2))], jit_compile=jit_compile)
    def step(packed, initial):
        with tf.GradientTape() as tape:
            tape.watch([packed, initial])
            states = scanned(packed, initial, side_by_side)
        return states, *tape.gradient(states, [packed, initial])

    for steps, batch in ((11, 2), (16, 3)):
        packed, initial = problem(steps, batch, dtype="float32")
        states, to_packed, to_initial = step(packed, initial)
        np.testing.assert_allclose(states, one_by_one(packed, initial), atol=1e-6)
        shares = np.cumprod(1 / (1 + np.exp(-packed[:, :, :2])), axis=1)
        np.testing.assert_allclose(to_initial, shares.sum(axis=1), rtol=1e-5)
        assert to_packed.shape == packed.shape


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 3))
def test_blocks_hold_time_first_and_come_back(steps, batch, features):
    x = np.random.default_rng(0).normal(size=(batch, steps, features)).astype("float32")
    blocks = np.array(to_blocks(x))
    rows = blocks.reshape(-1, batch, features)
    np.testing.assert_array_equal(rows[:steps], np.swapaxes(x, 0, 1))
    assert len(rows) % 8 == 0
    assert 0 <= len(rows) - steps < 8
    assert not rows[steps:].any()
    np.testing.assert_array_equal(np.array(from_blocks(blocks, steps)), x)
