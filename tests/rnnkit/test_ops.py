"""The public scan against a loop in NumPy, and against a tape over that loop in TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from rnnkit.errors import ArgumentError
from rnnkit.ops import linear_scan

FORMS = [(is_complex, constant) for is_complex in (False, True) for constant in (False, True)]
both_ways = pytest.mark.parametrize("side_by_side", [False, True])
every_form = pytest.mark.parametrize(("is_complex", "constant"), FORMS)
B, H = 3, 2


def problem(steps, is_complex, constant, dtype="float64", size=1.0):
    """a, b and the initial state as NumPy numbers; the modulus of `a` is around `size`."""
    rng = np.random.default_rng(0)

    def drawn(*shape):
        real = rng.normal(size=shape)
        return (real + 1j * rng.normal(size=shape) if is_complex else real).astype(
            "complex128" if is_complex else dtype
        )

    a = drawn(*((H,) if constant else (B, steps, H)))
    return size * a / np.maximum(abs(a), 0.3) * rng.uniform(0.5, 1, size=a.shape), drawn(B, steps, H), drawn(B, H)


def loop(a, b, state):
    states = []
    for step in range(b.shape[1]):
        state = (a if a.ndim == 1 else a[:, step]) * state + b[:, step]
        states.append(state)
    return np.stack(states, axis=1)


def parts(number, dtype="float64"):
    """As `linear_scan` takes it: a tensor, or a pair of them."""
    return (
        [tf.constant(each, dtype) for each in (number.real, number.imag)]
        if np.iscomplexobj(number)
        else (tf.constant(number, dtype))
    )


def joined(found):
    return np.array(found[0]) + 1j * np.array(found[1]) if isinstance(found, tuple) else np.array(found)


@both_ways
@every_form
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_states_are_those_of_a_loop(dtype, tolerance, is_complex, constant, side_by_side):
    for steps in (1, 8, 77):
        numbers = problem(steps, is_complex, constant)
        found = linear_scan(*[parts(each, dtype) for each in numbers], side_by_side=side_by_side)
        expected = loop(*numbers)
        np.testing.assert_allclose(joined(found), expected, rtol=0, atol=tolerance * max(1, abs(expected).max()))


@both_ways
@every_form
def test_gradients_are_those_of_a_tape_over_the_loop(is_complex, constant, side_by_side):
    numbers = problem(21, is_complex, constant)
    kinds = "complex128" if is_complex else "float64"
    given = tf.nest.flatten([parts(each) for each in numbers])

    def in_steps(a, b, state):
        states = []
        for step in range(b.shape[1]):
            state = (a if len(a.shape) == 1 else a[:, step]) * state + b[:, step]
            states.append(state)
        return tf.stack(states, axis=1)

    def scan(given):
        packed = tf.nest.pack_sequence_as([parts(each) for each in numbers], given)
        return linear_scan(*packed, side_by_side=side_by_side)

    def by_loop(given):
        pairs = [tf.complex(*given[at : at + 2]) for at in (0, 2, 4)] if is_complex else given
        states = in_steps(*[tf.cast(each, kinds) for each in pairs])
        return (tf.math.real(states), tf.math.imag(states)) if is_complex else states

    found = []
    for run in (scan, by_loop):
        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = sum(
                tf.reduce_sum(tf.sin((3 + place) * part)) for place, part in enumerate(tf.nest.flatten(run(given)))
            )
        found.append(tape.gradient(loss, given))
    for ours, expected in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-11)


@both_ways
@every_form
def test_gradients_are_finite_differences(is_complex, constant, side_by_side):
    numbers = [parts(each) for each in problem(11, is_complex, constant)]
    given = tf.nest.flatten(numbers)
    ways = [np.random.default_rng(place).normal(size=each.shape) for place, each in enumerate(given)]

    def loss(step):
        moved = [each + step * way for each, way in zip(given, ways, strict=True)]
        with tf.GradientTape() as tape:
            tape.watch(moved)
            states = linear_scan(*tf.nest.pack_sequence_as(numbers, moved), side_by_side=side_by_side)
            value = sum(tf.reduce_sum(tf.sin(each)) for each in tf.nest.flatten(states))
        return value, tape.gradient(value, moved)

    slope = (loss(1e-6)[0] - loss(-1e-6)[0]) / 2e-6
    ours = sum(np.sum(gradient * way) for gradient, way in zip(loss(0)[1], ways, strict=True))
    assert ours == pytest.approx(float(slope), rel=1e-7)


@both_ways
@pytest.mark.parametrize("factor", [0.0, 1.0, -1.0, 1.5])
def test_factors_of_any_size_are_exact(factor, side_by_side):
    steps = np.arange(40)
    b = np.zeros((1, 40, 1))
    b[0, 0] = 3.0
    for a in (np.full((1, 40, 1), factor), np.array([factor])):
        states = linear_scan(tf.constant(a), tf.constant(b), side_by_side=side_by_side)
        np.testing.assert_allclose(states[0, :, 0], 3.0 * factor**steps, rtol=1e-13)


@both_ways
@every_form
def test_nothing_in_the_padding_is_read_and_the_state_stays(is_complex, constant, side_by_side):
    a, b, initial = problem(19, is_complex, constant)
    lengths = np.array([19, 7, 0])
    after = np.arange(19) >= lengths[:, None]
    clean = [parts(each) for each in (a, b, initial)]
    for each in (b,) if constant else (a, b):
        each[after] = np.nan
    with tf.GradientTape() as tape:
        given = [parts(each) for each in (a, b, initial)]
        tape.watch(tf.nest.flatten(given))
        found = linear_scan(*given, lengths, side_by_side=side_by_side)
        loss = sum(tf.reduce_sum(each**2) for each in tf.nest.flatten(found))
    whole = joined(linear_scan(*clean))
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(joined(found)[row, :length], whole[row, :length], atol=1e-12)
        last = whole[row, length - 1] if length else initial[row]
        np.testing.assert_allclose(joined(found)[row, length:], np.tile(last, (19 - length, 1)), atol=1e-12)
    for gradient in tape.gradient(loss, tf.nest.flatten(given)):
        assert np.isfinite(gradient).all()


@both_ways
def test_65536_steps_are_as_exact_as_a_few(side_by_side):
    steps = 65536
    a = np.tile(np.exp(-1 / np.array([10.0, 1e4])), (1, steps, 1))
    b = np.random.default_rng(0).normal(size=(1, steps, 2)) * np.sqrt(1 - a**2)
    run = tf.function(lambda *given: linear_scan(*given, side_by_side=side_by_side))
    np.testing.assert_allclose(run(tf.constant(a), tf.constant(b)), loop(a, b, np.zeros((1, 2))), atol=1e-11)


def test_half_precision_is_summed_in_single():
    a, b = np.full((1, 4000, 1), 0.999, "float16"), np.full((1, 4000, 1), 1e-3, "float16")
    states = tf.function(linear_scan)(tf.constant(a), tf.constant(b))
    assert states.dtype == "float16"
    expected = loop(a.astype("float64"), b.astype("float64"), np.zeros((1, 1)))
    np.testing.assert_allclose(np.array(states, "float64"), expected, rtol=2e-3)


def test_what_does_not_fit_is_named():
    real, pair = np.zeros((1, 2, 1), "float32"), (np.zeros((1, 2, 1), "float32"),) * 2
    with pytest.raises(ArgumentError, match="a, b, initial: expected .* got 1, 2 and 2 tensors"):
        linear_scan(real, pair)
