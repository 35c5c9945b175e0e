"""Sequences that come piece by piece. Legend: `B` batch, `T` steps of a piece."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.compiled import compiled


class Stream:
    """A sequence that is read as it comes: a piece costs the same, however many have come before it.

    Each has a `push`, which takes the next piece and gives what it means after all before it; however a sequence is
    cut into pieces, that is the same.

    Args:
        read: what `piecewise` made.
        initial: the states before the first step, nested lists of arrays (B, ...).
    """

    def __init__(self, read: Callable, initial: list):
        self._read, self._initial = read, initial
        self.reset()

    def reset(self) -> None:
        """Forgets what has come, for a new sequence."""
        self._state = self._initial

    @property
    def state(self) -> list:
        """All that is kept of what has come: nested lists of arrays, which can be saved, and set in another process.

        Set it to what another stream of the same model and batch size gave, or to the same arrays in one flat list.

        Raises:
            DataError: arrays of other shapes, or with NaN among them.
        """
        return keras.tree.map_structure(np.array, self._state)

    @state.setter
    def state(self, state: Any) -> None:
        given, wanted = ([np.asarray(each) for each in keras.tree.flatten(nest)] for nest in (state, self._initial))
        shapes = [[each.shape for each in arrays] for arrays in (given, wanted)]
        if shapes[0] != shapes[1]:
            same = [shape[1:] for shape in shapes[0]] == [shape[1:] for shape in shapes[1]]
            other = "another batch size" if same else "another model"
            raise DataError(f"state: expected arrays of shapes {shapes[1]}, got {shapes[0]}. They are of {other}.")
        if any(np.isnan(each).any() for each in given):
            raise DataError("state: expected numbers, got NaN. Call reset, and see that what is pushed has none.")
        cast = [each.astype(like.dtype) for each, like in zip(given, wanted, strict=True)]
        self._state = keras.tree.pack_sequence_as(self._initial, cast)

    def _answers(self, inputs: Any) -> Any:
        """What the network says to a piece, a nest of arrays (B, T, ...)."""
        nothing = keras.tree.flatten(inputs)[0].shape[1] == 0
        if nothing:
            inputs = keras.tree.map_structure(lambda each: np.zeros_like(each, shape=_one_step(each.shape)), inputs)
        answers, after = self._read({"inputs": inputs, "states": self._state})
        if nothing:
            return keras.tree.map_structure(lambda each: each[:, :0], answers)
        self._state = after
        return answers


class StackStream(Stream):
    """Sequences that a `RecurrentStack` reads as they come; `RecurrentStack.stream` makes it."""

    def __init__(self, stack: Any, batch_size: int):
        self._stack, self._batch_size = stack, batch_size
        super().__init__(lambda given: stack.read_piece()(given), arrays(stack.initial_states(batch_size)))

    def push(self, inputs: Any) -> np.ndarray:
        """The outputs (B, T, width) of the next T steps, shape (B, T, F).

        Raises:
            ArgumentError: inputs of another shape.
        """
        inputs = np.asarray(inputs)
        if inputs.ndim != 3 or len(inputs) != self._batch_size:
            raise ArgumentError(f"inputs: expected shape ({self._batch_size}, steps, features), got {inputs.shape}.")
        if not self._stack.built:
            self._stack.build(inputs.shape)
        return self._answers(inputs)


def arrays(states: Any) -> Any:
    """A nest of tensors as arrays."""
    return keras.tree.map_structure(ops.convert_to_numpy, states)


def piecewise(read: Callable, inputs: Any, states: list) -> Callable[[dict[str, Any]], Any]:
    """A function that reads a piece, compiled once for single steps and once for pieces of any other length.

    Args:
        read: takes a nest of inputs (B, T, ...) and the states before them, in tensors; gives answers (B, T, ...), and
            the states after them.
        inputs, states: what have a `shape` and a `dtype` like these; batch and steps do not count.

    Returns:
        A function of a dict of `inputs` and `states`.
    """
    before = keras.tree.map_structure(any_batch, states)

    def for_pieces(steps):
        pieces = keras.tree.map_structure(lambda each: any_batch(each, (steps, *each.shape[2:])), inputs)
        run = lambda given: read(given["inputs"], given["states"])  # noqa: E731
        return compiled(run, {"inputs": pieces, "states": before})

    single, several = for_pieces(1), for_pieces(None)
    return lambda given: (single if keras.tree.flatten(given["inputs"])[0].shape[1] == 1 else several)(given)


def any_batch(array: Any, shape: tuple | None = None) -> keras.KerasTensor:
    """What has the shape (B, ...) and dtype of an array, of any batch size; or another shape behind it."""
    shape = array.shape[1:] if shape is None else shape
    return keras.KerasTensor((None, *shape), keras.backend.standardize_dtype(array.dtype))


def _one_step(shape):
    return (shape[0], 1, *shape[2:])
