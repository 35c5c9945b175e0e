"""Words before a recurrent stack: vectors from their characters, and words left out.

Legend: `B` batch, `T` words, `C` characters, `F` features.
"""

from typing import Any

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of, whole
from rnnkit.layers.recurrent_stack import RecurrentStack
from rnnkit.text.vocabulary import UNKNOWN

KINDS = ("cnn", "rnn")


@keras.saving.register_keras_serializable(package="rnnkit")
class CharacterEncoder(keras.layers.Layer):
    """Words as character numbers (B, T, C), padded with 0 on the right, into vectors (B, T, F).

    `"cnn"` looks at three neighbouring characters at a time and keeps the largest value of each feature (Ma and Hovy,
    "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF", 2016); `"rnn"` reads the word in both directions
    and keeps both ends (Lample et al., "Neural architectures for named entity recognition", 2016).

    `"cnn"` looks at the padding as well, so a word's vector depends on C, that is on the longest word of the
    batch; that of `"rnn"` does not.

    Args:
        kind: `"cnn"` or `"rnn"`.
        characters: how many character numbers there are, 0 included.
        units: F; even for `"rnn"`, half of it a direction.
        embedding_dim: size of a character's vector.
        cell: of the recurrent layer, for `"rnn"`.
        dropout: fraction of the character vectors' features dropped in training, in [0, 1).

    Raises:
        ArgumentError: an argument out of its range.
    """

    def __init__(
        self,
        kind: str,
        characters: int,
        units: int = 50,
        embedding_dim: int = 25,
        cell: Any = "lstm",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        one_of("chars", kind, KINDS, also=" or None")
        if whole("char_units", units) % 2 and kind == "rnn":
            raise ArgumentError(f"char_units: expected an even number for 'rnn', got {units!r}.")
        self.kind, self.characters, self.units = kind, characters, int(units)
        self.embedding_dim, self.cell, self.dropout = embedding_dim, cell, dropout
        policy = self.dtype_policy
        self.embedding = keras.layers.Embedding(characters, embedding_dim, name="embedding", dtype=policy)
        self.drop = keras.layers.Dropout(dropout, name="dropout", dtype=policy)
        if kind == "cnn":
            self.window: keras.layers.Layer = keras.layers.Conv1D(units, 3, name="window", dtype=policy)
        else:
            self.window = RecurrentStack(
                cell, units // 2, bidirectional=True, return_sequences=False, name="window", dtype=policy
            )

    def build(self, words_shape: Any):
        self.embedding.build((None, None))
        self.window.build((None, words_shape[-1], self.embedding_dim))
        self.built = True

    def call(self, words: Any, training: bool = False):
        _, steps, width = ops.shape(words)
        words = ops.reshape(words, (-1, width))
        x = self.drop(self.embedding(words), training=training)
        if self.kind == "cnn":
            vectors = ops.max(self.window(x), axis=1)
        else:
            vectors = self.window(x, ops.sum(ops.cast(words != 0, "int32"), axis=1), training=training)
        return ops.reshape(vectors, (-1, steps, self.units))

    def compute_output_shape(self, words_shape: Any):
        return (*words_shape[:2], self.units)

    def get_config(self):
        own = ("kind", "characters", "units", "embedding_dim", "cell", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@keras.saving.register_keras_serializable(package="rnnkit")
class WordDropout(keras.layers.Layer):
    """Replaces a fraction of the word numbers (B, T) by the unknown word while training.

    The entry for unknown words is trained this way, and no verdict can hang on one word alone (Iyyer et al., "Deep
    unordered composition rivals syntactic methods for text classification", 2015).

    Args:
        rate: fraction of the words, in [0, 1).
        seed: int, or None for the global seed.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import WordDropout
        >>> tuple(WordDropout(0.5, seed=0)(np.array([[5, 6, 7]])).shape)  # nothing is dropped outside of training
        (1, 3)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, tokens: Any, training: bool = False):
        if not training or not self.rate:
            return tokens
        drop = keras.random.uniform(ops.shape(tokens), seed=self.seed_generator) < self.rate
        return ops.where(drop, ops.cast(UNKNOWN, tokens.dtype), tokens)

    def compute_output_shape(self, tokens_shape: Any):
        return tokens_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
