"""Music drawn from a network, frame by frame and key by key, in one compiled loop.

Legend: `B` pieces, `T` frames, `K` keys, `N` notes of the largest chord, `S` = N + 2 uniform numbers a frame.
"""

import keras
import numpy as np
from keras import ops

from rnnkit.datasets.piano_rolls import KEYS
from rnnkit.layers.sampling import drawn, filtered
from rnnkit.layers.sequence import FORBIDDEN

INPUTS = {
    "uniforms": keras.KerasTensor((None, None, None), "float32"),
    "primer": keras.KerasTensor((None, None, KEYS), "int8"),
    "primed": keras.KerasTensor((None,), "int32"),
    **{name: keras.KerasTensor((), "float32") for name in ("temperature", "top_p")},
    **{name: keras.KerasTensor((), "int32") for name in ("top_k", "max_hold", "max_silence")},
}  # of a `RollSampler` of the keys of a piano


class RollSampler(keras.Model):
    """Draws rolls from a recurrent stack and a head, all pieces at once, with the state carried from frame to frame.

    The notes of a frame are drawn from low to high: each draw chooses the next sounding key above the last one, or
    that none follows. With the log-odds of the head these are the probabilities of the model, for either head; a frame
    with n notes takes n + 1 draws.

    A frame that has sounded for as long as it may is drawn again *given that it changes*: the lowest key that differs
    is drawn with the probability that the model gives to that, and the keys above it as always.

    The inputs are a dict: `uniforms`, (B, T, S), in (0, 1]; `primer`, (B, T, K), with `primed`, (B,), frames of it
    that are forced; and scalars: `temperature`; `top_k`; `top_p`; `max_hold` and `max_silence`, frames that one chord
    and that silence may last. The output is the roll, (B, T, K).

    Args:
        embedding: a layer that takes a frame to its vector.
        stack: a `RecurrentStack` that takes the vector and gives a context.
        head: takes context, the frame before and the frame to the log-odds of the keys.
        playable: bool, (K,): the keys that may sound.
        max_notes: N.
    """

    def __init__(self, embedding, stack, head, playable, max_notes, **kwargs):
        super().__init__(**kwargs)
        self.embedding, self.stack, self.head = embedding, stack, head
        self.playable, self.max_notes = np.asarray(playable, bool), max_notes
        self.keys = len(self.playable)
        self.built = True

    def call(self, inputs):
        uniforms, primer = (ops.swapaxes(inputs[name], 0, 1) for name in ("uniforms", "primer"))
        primer = ops.cast(primer, "float32")
        steps, batch, keys = ops.shape(primer)

        def step(t, before, held, states, roll):
            context, states = self.stack.step(self.embedding(before), states)
            limit = ops.where(ops.any(before > 0, axis=-1), inputs["max_hold"], inputs["max_silence"])
            drawn = self._frame(context, before, held >= limit, ops.take(uniforms, t, axis=0), inputs)
            frame = ops.where((t < inputs["primed"])[:, None], ops.take(primer, t, axis=0), drawn)
            held = ops.where(ops.all(frame == before, axis=-1), held + 1, 1)
            return t + 1, frame, held, states, ops.scatter_update(roll, ops.reshape(t, (1, 1)), frame[None])

        silence, nothing_held = ops.zeros((batch, keys)), ops.zeros((batch,), "int32")
        start = (0, silence, nothing_held, self.stack.initial_states(batch), ops.zeros((steps, batch, keys)))
        roll = ops.while_loop(lambda t, *_: t < steps, step, start)[-1]
        return ops.swapaxes(roll, 0, 1)

    def _frame(self, context, before, must_change, uniforms, settings):
        """The next frame, (B, K), after the frame `before`."""
        changed, key = self._changed(context, before, uniforms[:, 0])
        frame = ops.where(must_change[:, None], changed, 0.0)
        last = ops.where(must_change, key, -1)

        def draw(note, frame, last):
            scores = self._next_note(context, before, frame, last)
            scores = filtered(scores, *(settings[name] for name in ("temperature", "top_k", "top_p")))
            key = drawn(scores, ops.take(uniforms, note + 1, axis=1))
            return note + 1, frame + ops.one_hot(key, self.keys, dtype=frame.dtype), key

        return ops.while_loop(lambda note, frame, last: ops.any(last < self.keys), draw, (0, frame, last))[1]

    def _next_note(self, context, before, frame, last):
        """Log-probabilities, (B, K + 1), of each key to be the next above `last` that sounds; and of none, the last."""
        log_odds = self._log_odds(context, before, frame)
        above = ops.logical_and(ops.arange(self.keys) > last[:, None], self.playable)
        above = ops.logical_and(above, ops.sum(frame, axis=-1, keepdims=True) < self.max_notes)
        silent = ops.where(above, -ops.softplus(log_odds), 0.0)
        below_silent = ops.cumsum(silent, axis=-1) - silent
        sounds = ops.where(above, -ops.softplus(-log_odds) + below_silent, FORBIDDEN)
        return ops.concatenate([sounds, ops.sum(silent, axis=-1, keepdims=True)], axis=-1)

    def _changed(self, context, before, uniforms):
        """`before` up to the lowest key that is to differ, that key changed, nothing above it; and the key, (B,)."""
        log_odds = self._log_odds(context, before, before)
        free = ops.cumsum(before, axis=-1) - before < self.max_notes  # above a full chord nothing can be chosen
        free = ops.logical_and(free, self.playable)
        agrees = ops.where(free, before * log_odds - ops.softplus(log_odds), 0.0)
        differs = ops.where(free, (1 - before) * log_odds - ops.softplus(log_odds), FORBIDDEN)
        key = drawn(differs + ops.cumsum(agrees, axis=-1) - agrees, uniforms)
        place = ops.arange(self.keys)
        frame = ops.where(place < key[:, None], before, ops.where(place == key[:, None], 1 - before, 0.0))
        return frame, key

    def _log_odds(self, context, before, frame):
        return self.head(context[:, None], before[:, None], frame[:, None])[:, 0]
