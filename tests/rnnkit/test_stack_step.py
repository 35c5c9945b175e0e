"""The stack one step at a time, against its own run over the whole sequence."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.table import cell_names

X = np.random.default_rng(1).normal(size=(3, 6, 5)).astype("float32")
OPTIONS = [{}, {"residual": True, "layer_norm": True}, {"bptt_steps": 2}]


class ForgetfulCell(keras.layers.SimpleRNNCell):
    """A user's own cell."""


def rounding(cell):
    """The outputs of some blocks end with a norm, which makes them, and their rounding, several times larger."""
    return 3e-6 if cell in ("rg_lru", "slstm", "mlstm") else 1e-6


def stepped(stack, states, x):
    outputs = []
    for step in range(x.shape[1]):
        output, states = stack.step(x[:, step], states)
        outputs.append(np.array(output))
    return np.stack(outputs, axis=1), states


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        *itertools.product([*cell_names()[:5], ForgetfulCell], OPTIONS),
        *zip(cell_names()[5:], itertools.cycle(OPTIONS), strict=False),
        *[(cell, {"recurrent_initializer": "orthogonal"}) for cell in [*cell_names()[:3], ForgetfulCell]],
        *[(cell, {"recurrent_initializer": "chrono"}) for cell in cell_names()[1:5]],
    ],
)
def test_steps_give_what_the_whole_sequence_gives(cell, options):
    stack = RecurrentStack(cell, 5, 2, **options)
    whole = np.array(stack(X))
    outputs, _ = stepped(stack, stack.initial_states(3), X)
    np.testing.assert_allclose(outputs, whole, atol=rounding(cell))


@pytest.mark.parametrize("cell", [*cell_names(), ForgetfulCell])
def test_a_sequence_goes_on_from_the_states_that_its_first_half_left(cell):
    stack = RecurrentStack(cell, [4, 3])
    whole = np.array(stack(X))
    _, states = stepped(stack, stack.initial_states(3), X[:, :4])
    np.testing.assert_allclose(np.array(stack(X[:, 4:], initial_states=states)), whole[:, 4:], atol=1e-6)


@pytest.mark.parametrize(
    ("cell", "options"),
    [*((cell, {}) for cell in [*cell_names(), ForgetfulCell]), *(("lstm", each) for each in OPTIONS)],
)
def test_pieces_of_any_size_give_what_the_whole_sequence_gives(cell, options):
    stack = RecurrentStack(cell, 4, 2, **options)
    whole = np.array(stack(X))
    _, last = stepped(stack, stack.initial_states(3), X)

    @settings(max_examples=5, deadline=None)
    @given(st.sets(st.integers(1, 5)))
    def cut(places):
        states, outputs = stack.initial_states(3), []
        for piece in np.split(X, sorted(places), axis=1):
            output, states = stack.carry(piece, states)
            outputs.append(np.array(output))
        np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole, atol=rounding(cell))
        for own, stepwise in zip(keras.tree.flatten(states), keras.tree.flatten(last), strict=True):
            np.testing.assert_allclose(np.array(own), np.array(stepwise), atol=1e-6)

    cut()
    assert np.array(stack(X)).shape == whole.shape  # the layers return outputs alone again


def test_a_stack_that_reads_backwards_has_no_step():
    stack = RecurrentStack("gru", 3, bidirectional=True)
    with pytest.raises(ArgumentError, match="bidirectional=False"):
        stack.initial_states(1)
    with pytest.raises(ArgumentError, match="bidirectional=False"):
        stack(X, initial_states=[])
    with pytest.raises(ArgumentError, match="bidirectional=False"):
        stack.carry(X, [])


def test_a_layer_with_a_way_of_its_own_has_no_step():
    class Own(keras.layers.GRU):
        def call(self, sequences, initial_state=None, mask=None, training=False):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    with pytest.raises(ArgumentError, match="way of its own"):
        RecurrentStack(Own, 3).initial_states(1)
