"""What a tagging network takes in, and the scores that it gives.

Legend: `B` batch, `T` words, `K` tags.
"""

import keras
from keras import ops

from rnnkit.layers import CRF, CharacterEncoder, WordDropout
from rnnkit.recurrent.compiled import compiled
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
    initializer = keras.initializers.RandomUniform(-0.5, 0.5)  # wide, so that words matter from the first step on
    embedding = keras.layers.Embedding(len(vocabulary), embedding_dim, initializer, name="embedding", dtype=policy)
    shape = keras.layers.Embedding(1 + len(SHAPES), SHAPE_DIM, name="shape", dtype=policy)
    words = WordDropout(word_dropout, name="word_dropout")(tokens)
    return {"tokens": tokens, "shapes": shapes}, [embedding(words), shape(shapes)]


def character_features(spelling: Spelling, kind: str, units: int, cell: str, policy):
    """The same from the words' `characters`."""
    characters = keras.Input((None, spelling.width), dtype="int32", name="characters")
    encoder = CharacterEncoder(kind, len(spelling.vocabulary), units, cell=cell, name="character_encoder", dtype=policy)
    return {"characters": characters}, [encoder(characters)]


def score_reader(inputs: dict, emissions, crf: CRF | None):
    """What scores the tags of a batch of inputs: arrays `emissions` (B, T, K), and `start`, `end` (K,) and `moves`
    (K, K) of the CRF, without one zero.
    """
    model = keras.Model(inputs, emissions, name="emissions")

    def read(given):
        start, end, moves = path_scores(crf, emissions.shape[-1])
        return {"emissions": model(given, training=False), "start": start, "end": end, "moves": moves}

    return compiled(read, inputs)


def path_scores(crf: CRF | None, tags: int) -> tuple:
    """The scores of first and last tags (K,), and of moves (K, K); zero without a CRF."""
    if crf is None:
        return ops.zeros(tags), ops.zeros(tags), ops.zeros((tags, tags))
    return crf.constrained()
