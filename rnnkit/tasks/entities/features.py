"""What a tagging network knows of each word. Legend: `B` batch, `T` words."""

import keras

from rnnkit.layers import CharacterEncoder, WordDropout
from rnnkit.text.vocabulary import Vocabulary
from rnnkit.text.word_shape import SHAPES, Spelling

SHAPE_DIM = 8


def word_features(vocabulary: Vocabulary, embedding_dim: int, word_dropout: float, policy):
    """Inputs and features from spelling without case (`tokens`) and from case (`shapes`).

    Returns:
        The Keras inputs by name, and a list of tensors (B, T, size).
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    shapes = keras.Input((None,), dtype="int32", name="shapes")
    start = keras.initializers.RandomUniform(-0.5, 0.5)  # words are heard from the first step on
    embedding = keras.layers.Embedding(len(vocabulary), embedding_dim, start, name="embedding", dtype=policy)
    shape = keras.layers.Embedding(1 + len(SHAPES), SHAPE_DIM, name="shape", dtype=policy)
    words = WordDropout(word_dropout, name="word_dropout")(tokens)
    return {"tokens": tokens, "shapes": shapes}, [embedding(words), shape(shapes)]


def character_features(spelling: Spelling, kind: str, units: int, cell: str, policy):
    """The same from the words' `characters`."""
    characters = keras.Input((None, spelling.width), dtype="int32", name="characters")
    encoder = CharacterEncoder(kind, len(spelling.vocabulary), units, cell=cell, name="character_encoder", dtype=policy)
    return {"characters": characters}, [encoder(characters)]
