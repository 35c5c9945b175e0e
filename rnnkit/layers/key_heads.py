"""From a recurrent output to the keys of a frame of music. Legend: `B` batch, `T` frames, `F` features, `K` keys."""

import keras
from keras import ops

from rnnkit.errors import ArgumentError


@keras.saving.register_keras_serializable(package="rnnkit")
class IndependentKeys(keras.layers.Layer):
    """Log-odds of each key by itself, given what came before the frame: a dense layer.

    Args:
        keys: K.
        bias_initializer: of the log-odds' biases; a Keras initializer.

    Raises:
        ArgumentError: `keys` is not a positive integer.
    """

    def __init__(self, keys=88, bias_initializer="zeros", **kwargs):
        super().__init__(**kwargs)
        self.keys = _positive("keys", keys)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.odds = keras.layers.Dense(
            keys, bias_initializer=self.bias_initializer, name="odds", dtype=self.dtype_policy
        )

    def build(self, context_shape, frames_shape=None):
        self.odds.build(context_shape)
        self.built = True

    def call(self, context, frames):
        """The log-odds of the keys.

        Args:
            context: shape (B, T, F), what is known of each frame before it sounds.
            frames: shape (B, T, K), 0 and 1, the frames; the joint head looks at them, this one does not.

        Returns:
            Shape (B, T, K).
        """
        return self.odds(context)

    def compute_output_shape(self, context_shape, frames_shape=None):
        return (*context_shape[:-1], self.keys)

    def get_config(self):
        initializer = keras.initializers.serialize(self.bias_initializer)
        return {**super().get_config(), "keys": self.keys, "bias_initializer": initializer}


@keras.saving.register_keras_serializable(package="rnnkit")
class JointKeys(IndependentKeys):
    """Log-odds of each key given what came before the frame and which keys below it sound: a NADE.

    With v the frame, v_(<i) its keys below i, and b and c dense layers over the context,

        log-odds of v_i = b_i + V_i f(c + W v_(<i)),        f the logistic function.

    The probability of a frame is the product over its keys, from low to high, and sums to one over all 2^K frames, so
    the keys of a chord can depend on each other. H. Larochelle and I. Murray, "The neural autoregressive distribution
    estimator", AISTATS 2011; over a recurrent network: N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling
    temporal dependencies in high-dimensional sequences", ICML 2012.

    What is inside f changes only at sounding keys, so a frame with n notes needs n + 1 hidden vectors, not K.

    Args:
        keys: K.
        units: size of f.
        max_notes: how many sounding keys of a frame are seen, from the lowest; keys above them are given these only.
            The probabilities still sum to one. It bounds memory, which grows with it; give the largest chord.
        bias_initializer: of the biases in b; a Keras initializer.

    Raises:
        ArgumentError: `keys`, `units` or `max_notes` is not a positive integer.
    """

    def __init__(self, keys=88, units=128, max_notes=16, **kwargs):
        super().__init__(keys, **kwargs)
        self.units = _positive("units", units)
        self.max_notes = _positive("max_notes", max_notes)
        self.hidden = keras.layers.Dense(units, name="hidden", dtype=self.dtype_policy)

    def build(self, context_shape, frames_shape=None):
        self.hidden.build(context_shape)
        self.reading = self.add_weight(name="reading", shape=(self.keys, self.units))
        self.writing = self.add_weight(name="writing", shape=(self.units, self.keys))
        super().build(context_shape)

    def call(self, context, frames):
        """The log-odds of the keys, each given those below it: see `IndependentKeys.call`."""
        frames = ops.cast(frames, self.compute_dtype)
        sounding = ops.cumsum(frames, axis=-1)[:, :, None]  # (B, T, 1, K), the key itself included
        notes = ops.arange(self.max_notes + 1, dtype=self.compute_dtype)[:, None]
        lowest = ops.where(sounding <= notes, frames[:, :, None], 0.0)  # (B, T, notes + 1, K): none, one, two, ...
        # ops.matmul, not @: TensorFlow's own product of four axes by two crashes for many small matrices
        hidden = ops.sigmoid(self.hidden(context)[:, :, None] + ops.matmul(lowest, self.reading))
        below = ops.minimum(sounding - frames[:, :, None], float(self.max_notes))
        answers = ops.where(below == notes, ops.matmul(hidden, self.writing), 0.0)  # a key's row: how many sound below
        return self.odds(context) + ops.sum(answers, axis=2)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "max_notes": self.max_notes}


def _positive(name: str, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name}: expected a positive integer, got {value!r}.")
    return value
