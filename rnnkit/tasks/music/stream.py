"""The next frame of music that comes frame by frame. Legend: `B` pieces, `T` frames, `K` keys."""

from typing import Any

import numpy as np
from keras import ops
from scipy.special import expit

from rnnkit.datasets.piano_rolls import KEYS
from rnnkit.errors import DataError
from rnnkit.errors.checks import whole
from rnnkit.layers.stream import Stream, any_batch, arrays, piecewise
from rnnkit.recurrent.compiled import compiled

SILENCE = np.zeros((1, 1, KEYS), "int8")


class MusicStream(Stream):
    """Music that a `MusicGenerator` reads as it comes; `MusicGenerator.stream` makes it."""

    def __init__(self, model: Any, batch_size: int):
        self._model, self._batch_size = model, whole("batch_size", batch_size)
        read, states = model.read_piece()[0], arrays(_initial(model, batch_size))
        _, initial = read({"inputs": np.repeat(SILENCE, batch_size, axis=0), "states": states})
        super().__init__(read, initial, model.network)

    def push(self, frames: Any) -> np.ndarray:
        """The probability of each key to sound in the frame after each of the next frames.

        With `head="joint"` a key depends on the keys below it in its own frame: these are the probabilities given that
        none of them sounds; `given` has them for others.

        Args:
            frames: 0 and 1, shape (T, 88); for a `batch_size` above 1 (B, T, 88).

        Returns:
            The same shape.

        Raises:
            DataError: something else.
        """
        frames, count = np.asarray(frames), self._batch_size
        rolls = frames[None] if count == 1 else frames
        if rolls.ndim != 3 or (len(rolls), rolls.shape[2]) != (count, KEYS) or not np.isin(rolls, (0, 1)).all():
            shape = f"(frames, {KEYS})" if count == 1 else f"({count}, frames, {KEYS})"
            raise DataError(f"frames: expected 0 and 1, shape {shape}, got shape {frames.shape}.")
        found = expit(self._answers(rolls))
        return found[0] if count == 1 else found

    def given(self, frame: Any = None) -> np.ndarray:
        """The probability of each key to sound in the next frame, given the keys below it in that frame.

        Args:
            frame: 0 and 1, shape (88,), for a `batch_size` above 1 (B, 88); None is silence. `head="independent"`
                does not look at it.

        Returns:
            The same shape.
        """
        count, (_, context, before) = self._batch_size, self._state
        frames = np.zeros((count, KEYS)) if frame is None else np.reshape(frame, (count, KEYS))
        found = expit(self._model.read_piece()[1]({"context": context, "before": before, "frame": frames}))
        return found[0] if count == 1 else found


def piece_reader(model):
    """What reads the next frames (B, T, K), to log-odds of the frames after them; and the last frame's, given another.

    The states are those of the stack, the last context (B, H), and the last frame (B, K).
    """
    embedding, head = (model.network.get_layer(name) for name in ("embedding", "head"))

    def read(frames, states):
        frames = ops.cast(frames, "float32")
        contexts, after = model.stack.carry(embedding(frames), states[0])
        return head(contexts, frames, ops.zeros_like(frames)), [after, contexts[:, -1], frames[:, -1]]

    def given(inputs):
        return head(*(inputs[name][:, None] for name in ("context", "before", "frame")))[:, 0]

    _, context, frame = states = _initial(model, 1)
    inputs = {"context": context, "before": frame, "frame": frame}
    return piecewise(read, SILENCE, states), compiled(given, {name: any_batch(each) for name, each in inputs.items()})


def _initial(model, batch_size):
    context = ops.zeros((batch_size, model.stack.width), model.stack.compute_dtype)
    return [model.stack.initial_states(batch_size), context, ops.zeros((batch_size, KEYS))]
