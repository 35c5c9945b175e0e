"""From a recurrent output to the keys of a frame of music. Legend: `B` batch, `T` frames, `F` features, `K` keys."""

from typing import Any

import keras
from keras import ops

from rnnkit.errors.checks import whole


@keras.saving.register_keras_serializable(package="rnnkit")
class KeyHead(keras.layers.Layer):
    """Log-odds of each key, given what came before the frame, and the keys around it.

    With c the context, u the frame before and v the frame itself, and D and A dense layers,

        log-odds of v_i = D(c)_i + w . relu(A(c) + P u_(i-reach..i+reach) + Q v_(i-below..i-1)).

    P, Q and w are the same for every key: what an interval means hardly depends on where it lies, so little music is
    enough to learn it (D. D. Johnson, "Generating polyphonic music using tied parallel networks", EvoMUSART 2017).

    With `below` a key also depends on the keys below it that sound. The probability of a frame is the product over its
    keys, from low to high, and sums to one over all 2^K frames, so chords hold together, as in a NADE (H. Larochelle
    and I. Murray, "The neural autoregressive distribution estimator", AISTATS 2011; over a recurrent network:
    N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling temporal dependencies in high-dimensional sequences",
    ICML 2012).

    Args:
        keys: K.
        filters: size of what is inside relu.
        reach: how far up and down, in keys, the frame before is seen.
        below: how far down, in keys, the frame itself is seen; 0 makes its keys independent of each other.
        dropout: fraction of the filters dropped in training, in [0, 1).
        bias_initializer: of the biases in D; a Keras initializer.

    Raises:
        ArgumentError: `keys` or `filters` is not a positive integer, or `reach` or `below` not one from 0 on.
    """

    def __init__(
        self,
        keys: int = 88,
        filters: int = 64,
        reach: int = 12,
        below: int = 0,
        dropout: float = 0.0,
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.keys, self.filters = whole("keys", keys), whole("filters", filters)
        self.reach, self.below = whole("reach", reach, least=0), whole("below", below, least=0)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        policy = self.dtype_policy
        self.odds = keras.layers.Dense(self.keys, bias_initializer=self.bias_initializer, name="odds", dtype=policy)
        self.heard = keras.layers.Dense(self.filters, name="heard", dtype=policy)
        self.around = self._window("around", 2 * self.reach + 1, "same")
        self.lower = self._window("lower", self.below, "valid") if below else None
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=policy)
        self.answer = keras.layers.Dense(1, use_bias=False, name="answer", dtype=policy)

    def _window(self, name, size, padding):
        options = {"use_bias": False, "padding": padding, "name": name, "dtype": self.dtype_policy}
        return keras.layers.Conv1D(self.filters, size, **options)

    def build(self, context_shape: Any, before_shape: Any = None, frames_shape: Any = None):
        for layer in (self.odds, self.heard):
            layer.build(context_shape)
        self.around.build((None, self.keys, 1))
        if self.lower:
            self.lower.build((None, self.keys + self.below - 1, 1))
        self.answer.build((None, self.keys, self.filters))
        self.built = True

    def call(self, context: Any, before: Any, frames: Any, training: bool = False):
        """The log-odds of the keys.

        Args:
            context: shape (B, T, F), what is known of each frame before it sounds.
            before: shape (B, T, K), 0 and 1, the frame before each.
            frames: shape (B, T, K), 0 and 1, the frames; each key sees those below it, or without `below` none.
            training: whether dropout is on.

        Returns:
            Shape (B, T, K).
        """
        odds = self.odds(context)
        inside = ops.reshape(self.heard(context), (-1, 1, self.filters)) + self.around(self._rows(before))
        if self.lower:  # what lies just below each key: the window's last place is the key before
            inside += self.lower(ops.pad(self._rows(frames), ((0, 0), (self.below, 0), (0, 0)))[:, :-1])
        answers = self.answer(self.dropout(ops.relu(inside), training=training))
        return odds + ops.reshape(answers, ops.shape(odds))

    def _rows(self, frames):
        return ops.reshape(ops.cast(frames, self.compute_dtype), (-1, self.keys, 1))

    def compute_output_shape(self, context_shape: Any, before_shape: Any = None, frames_shape: Any = None):
        return (*context_shape[:-1], self.keys)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("keys", "filters", "reach", "below")}
        initializer = keras.initializers.serialize(self.bias_initializer)
        return {**super().get_config(), **own, "dropout": self.dropout.rate, "bias_initializer": initializer}
