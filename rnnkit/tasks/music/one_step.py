"""One frame of music. Legend: `B` batch, `K` keys."""

import keras
import numpy as np

from rnnkit.tasks.one_step import OneStep


class MusicStep(OneStep):
    """The log-odds of the keys of the next frame, from the one before it: input `roll`, (B, K).

    A joint head has a second input, `frame`, (B, K): the keys of the frame itself, of which each sees those below it.
    To draw a frame, call the step once for each key, from low to high, with the same state before it, and keep the
    state that the last call gave.
    """

    def __init__(self, network, **kwargs):
        super().__init__(network, **kwargs)
        self.head = network.get_layer("head")
        if self.head.below:
            self.inputs_like["frame"] = self.inputs_like["roll"]

    def inputs_of(self, example, most=None):
        frame = example["roll"][:most].astype("int8")
        before = np.concatenate([np.zeros_like(frame[:1]), frame[:-1]])
        return {name: {"roll": before, "frame": frame}[name] for name in self.inputs_like}

    def read(self, inputs, states, after):
        before = inputs["roll"]
        frame = inputs.get("frame", before)
        vector = self.network.get_layer("embedding")(self._numbers(before))
        context, after["stack"] = self.stack.step(vector, states[0])
        return self.head(context[:, None], self._numbers(before)[:, None], self._numbers(frame)[:, None])[:, 0]

    def _numbers(self, frame):
        return keras.ops.cast(frame, "float32")
