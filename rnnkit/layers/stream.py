"""Sequences that come piece by piece. Legend: `B` batch, `T` steps of a piece."""

import zlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.compiled import compiled

STATE_VERSION = 1  # of what a state holds


class Stream:
    """A sequence that is read as it comes: a piece costs the same, however many have come before it.

    Each has a `push`, which takes the next piece and gives what it means after all before it; however a sequence is
    cut into pieces, that is the same.

    Args:
        read: what `piecewise` made.
        initial: the states before the first step, nested lists of arrays (B, ...).
        layer: the network, or a layer, whose weights they belong to.
    """

    def __init__(self, read: Callable, initial: list, layer: keras.Layer):
        self._read, self._initial, self._layer = read, initial, layer
        self.reset()

    def reset(self) -> None:
        """Forgets what has come, for a new sequence."""
        self._state = self._initial

    @property
    def state(self) -> list:
        """All that is kept of what has come: nested lists of arrays, which can be saved, and set in another process.

        The first array is what it belongs to: a version, the batch size and a checksum of the weights. Set it to what
        another stream of the same model and batch size gave, or to the same arrays in one flat list.

        Raises:
            DataError: it is of another model, batch size or version, or has NaN in it.
        """
        return [self._label(), keras.tree.map_structure(np.array, self._state)]

    @state.setter
    def state(self, state: Any) -> None:
        label, *given = [np.asarray(each) for each in keras.tree.flatten(state)] or [np.zeros(0)]
        wanted = [np.asarray(each) for each in keras.tree.flatten(self._initial)]
        self._check_label(label)
        shapes = [[each.shape for each in arrays] for arrays in (given, wanted)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"state: expected arrays of shapes {shapes[1]}, got {shapes[0]}. Set all that a stream gave."
            )
        if any(np.isnan(each).any() for each in given):
            raise DataError("state: expected numbers, got NaN. Call reset, and see that what is pushed has none.")
        cast = [each.astype(like.dtype) for each, like in zip(given, wanted, strict=True)]
        self._state = keras.tree.pack_sequence_as(self._initial, cast)

    def _label(self):
        before = keras.tree.flatten(self._initial)
        checksum = zlib.crc32(repr([each.shape for each in before]).encode())
        for weight in self._layer.weights:
            checksum = zlib.crc32(ops.convert_to_numpy(weight).tobytes(), checksum)
        return np.array([STATE_VERSION, len(before[0]), checksum])

    def _check_label(self, label):
        if label.shape != (3,):
            raise DataError(f"state: expected all that a stream gave as its state, got arrays from {label!r:.60} on.")
        wanted, (version, batch_size, checksum) = self._label().tolist(), label.tolist()
        if version != wanted[0]:
            raise DataError(f"state: expected version {wanted[0]}, got {version}, of another rnnkit. Call reset.")
        if batch_size != wanted[1]:
            raise DataError(f"state: expected a batch size of {wanted[1]}, got {batch_size}. Make such a stream.")
        if checksum != wanted[2]:
            raise DataError(
                "state: it is of another model, or of this one with other weights. Load the model whose stream gave "
                "it, or call reset."
            )

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
        super().__init__(lambda given: stack.read_piece()(given), arrays(stack.initial_states(batch_size)), stack)

    def push(self, inputs: Any) -> np.ndarray:
        """The outputs (B, T, width) of the next T steps, shape (B, T, F).

        Raises:
            ArgumentError: inputs of another shape.
        """
        inputs = np.asarray(inputs)
        if inputs.ndim != 3 or len(inputs) != self._batch_size or inputs.dtype.kind in "OSU":
            got = "text or objects" if inputs.dtype.kind in "OSU" else inputs.shape
            raise ArgumentError(f"inputs: expected numbers of shape ({self._batch_size}, steps, features), got {got}.")
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
