"""Words left out at random. Legend: `B` batch, `T` steps."""

import keras
from keras import ops

from rnnkit.text.vocabulary import UNKNOWN


@keras.saving.register_keras_serializable(package="rnnkit")
class WordDropout(keras.layers.Layer):
    """Replaces a share of the word numbers (B, T) by the unknown word while training.

    The entry for unknown words is trained this way, and no verdict can hang on one word alone (Iyyer et al., "Deep
    unordered composition rivals syntactic methods for text classification", 2015).

    Args:
        rate: share of the words, in [0, 1).
        seed: int, or None for the global seed.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, tokens, training=False):
        if not training or not self.rate:
            return tokens
        drop = keras.random.uniform(ops.shape(tokens), seed=self.seed_generator) < self.rate
        return ops.where(drop, ops.cast(UNKNOWN, tokens.dtype), tokens)

    def compute_output_shape(self, tokens_shape):
        return tokens_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
