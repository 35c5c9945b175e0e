"""Sequences that come piece by piece, against the whole of them."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError, DataError
from rnnkit.layers import RecurrentStack, SequencePooling
from rnnkit.layers.pooling import POOLINGS
from rnnkit.recurrent.table import cell_names

X = np.random.default_rng(1).normal(size=(2, 7, 3)).astype("float32")


@pytest.mark.parametrize("cell", cell_names())
def test_pieces_of_any_size_give_what_the_whole_sequence_gives(cell, untraced):
    with untraced():
        stack = RecurrentStack(cell, 3, 2, residual=True, layer_norm=True)
        whole = np.array(stack(X))
        stream = stack.stream(batch_size=2)

        @settings(max_examples=5)
        @given(st.lists(st.integers(0, 7)))
        def cut(places):
            stream.reset()
            pieces = [stream.push(piece) for piece in np.split(X, sorted(places), axis=1)]
            np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-5)

        cut()


def test_streams_of_a_stack_share_two_traces_and_keep_a_state_of_one_size(monkeypatch):
    stack = RecurrentStack("lstm", 3)
    whole = np.array(stack(X))
    traces, carry = [], stack.carry
    monkeypatch.setattr(stack, "carry", lambda *given: traces.append(1) or carry(*given))
    stream = stack.stream(batch_size=2)
    shapes = {str([each.shape for each in keras.tree.flatten(stream.state)])}
    for steps in (1, 2, 1, 3):
        stream.push(X[:, :steps])
        shapes.add(str([each.shape for each in keras.tree.flatten(stream.state)]))
    alone = stack.stream()
    outputs = [alone.push(X[:1, place : place + 1]) for place in range(7)]
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), whole[:1], atol=1e-6)
    assert len(traces) == 2  # of single steps, and of pieces
    assert len(shapes) == 1


def test_a_state_goes_on_in_another_stream(untraced_test, tmp_path):
    stack = RecurrentStack("gru", 3, 2)
    stream, other = stack.stream(2), stack.stream(2)
    stream.push(X[:, :4])
    np.savez(tmp_path / "state.npz", *keras.tree.flatten(stream.state))
    with np.load(tmp_path / "state.npz") as saved:
        other.state = list(saved.values())
    np.testing.assert_array_equal(other.push(X[:, 4:]), stream.push(X[:, 4:]))
    other.reset()
    np.testing.assert_allclose(other.push(X), np.array(stack(X)), atol=1e-6)


def test_what_was_given_out_as_a_state_is_not_changed_by_what_comes(untraced_test):
    stream = RecurrentStack("gru", 3).stream(2)
    _, [[state]] = stream.state
    stream.push(X)
    assert not state.any()
    _, [[state]] = stream.state
    state[:] = 0
    _, [[state]] = stream.state
    assert state.any()


def test_a_state_that_does_not_fit_is_refused(untraced_test):
    stack = RecurrentStack("lstm", 3)
    stream, other = stack.stream(2), RecurrentStack("lstm", 3).stream(2)
    for each in (stream, other):
        each.push(X)
    before = stream.state
    label, [[hidden, cell]] = before
    with pytest.raises(DataError, match=r"state: expected a batch size of 2, got 1\."):
        stream.state = stack.stream(1).state
    for another in (other, RecurrentStack("lstm", 4).stream(2), RecurrentStack("lstm", 3, 2).stream(2)):
        with pytest.raises(DataError, match=r"state: it is of another model, or of this one with other weights\."):
            stream.state = another.state
    for state, message in [
        ([np.add(label, [1, 0, 0]), hidden, cell], "state: expected version 1, got 2"),
        ([label, hidden * np.nan, cell], "state: expected numbers, got NaN"),
        ([label, hidden], r"state: expected arrays of shapes \[\(2, 3\), \(2, 3\)\], got \[\(2, 3\)\]"),
        ([hidden, cell], "state: expected all that a stream gave as its state, got arrays from array"),
        ([], "state: expected all that a stream gave"),
    ]:
        with pytest.raises(DataError, match=message):
            stream.state = state
    np.testing.assert_equal(stream.state, before)


def test_what_cannot_be_streamed_is_refused():
    with pytest.raises(ArgumentError, match="bidirectional=False"):
        RecurrentStack("gru", 3, bidirectional=True).stream()
    with pytest.raises(
        ArgumentError, match=r"inputs: expected numbers of shape \(1, steps, features\), got \(2, 7, 3\)"
    ):
        RecurrentStack("gru", 3).stream().push(X)
    with pytest.raises(ArgumentError, match=r"inputs: expected numbers of shape \(1, steps, features\), got text"):
        RecurrentStack("gru", 3).stream().push([[["not", "numbers"]]])


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("places", [[], [1], [2, 3]])
def test_a_pooling_carries_what_it_gives_for_all_steps_so_far(pooling, places, untraced_test):
    layer = SequencePooling(pooling)
    expected = [np.array(layer(X, np.full(2, end))) for end in range(1, 8)]
    state, found = layer.initial_state(2), []
    for piece in np.split(X, places, axis=1):
        outputs, state = layer.carry(piece, state)
        found.append(np.array(outputs))
    np.testing.assert_allclose(np.concatenate(found, axis=1), np.stack(expected, axis=1), atol=1e-6)
