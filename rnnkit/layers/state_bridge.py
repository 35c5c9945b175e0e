"""From what one recurrent stack has read to the first states of another.

Legend: `B` batch, `T` steps, `M` features of the reader's output.
"""

from typing import Any

import keras
from keras import ops

from rnnkit.layers.sequence import last_step


@keras.saving.register_keras_serializable(package="rnnkit")
class StateBridge(keras.layers.Layer):
    """Starts a recurrent stack from the outputs (B, T, M) of another: each of its states is tanh(W s + b) of its own.

    The summary s is the reader's last valid step, of a bidirectional one the forward half's last and the backward
    half's first step. Nothing is asked of the cells on either side but the sizes of the states to be started, so any
    two of them can be joined (as the first state of the decoder in Bahdanau, Cho and Bengio, "Neural machine
    translation by jointly learning to align and translate", 2015).

    Args:
        sizes: for each recurrent layer a list with the widths of its states: `[[64, 64]]` for an LSTM of 64 units.
        bidirectional: whether the reader is.
    """

    def __init__(self, sizes: Any, bidirectional: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.sizes = [list(layer) for layer in sizes]
        self.bidirectional = bidirectional
        self.dense = keras.layers.Dense(sum(map(sum, self.sizes)), "tanh", name="dense", dtype=self.dtype_policy)

    def build(self, outputs_shape: Any, lengths_shape: Any = None):
        self.dense.build((outputs_shape[0], outputs_shape[-1]))
        self.built = True

    def call(self, outputs: Any, lengths: Any):
        """The states: for each layer a list with a tensor (B, size) for each of its states."""
        joined = self.dense(self._summary(outputs, lengths))
        states: list[list] = []
        start = 0
        for layer in self.sizes:
            states.append([])
            for size in layer:
                states[-1].append(joined[:, start : start + size])
                start += size
        return states

    def _summary(self, outputs, lengths):
        last = last_step(outputs, lengths)
        if not self.bidirectional:
            return last
        half = outputs.shape[-1] // 2
        return ops.concatenate([last[:, :half], outputs[:, 0, half:]], axis=-1)

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes, "bidirectional": self.bidirectional}
