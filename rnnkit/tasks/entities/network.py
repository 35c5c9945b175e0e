"""What a tagging network takes in, and from its outputs to tags and probabilities of entities.

Legend: `B` batch, `T` words, `K` tags.
"""

import keras
import numpy as np
from keras import ops

from rnnkit.layers import CRF, CharacterEncoder, WordDropout
from rnnkit.layers.crf_paths import marginals, pair_marginals, viterbi
from rnnkit.tasks.entities.spans import OUTSIDE, Span, parse_tags, starts_span
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


class TagDecoder(keras.Model):
    """The inputs of a tagging network in, and what is asked for out, by name: what nobody asks for is not computed.

    `tags` are those of the best path, int32 (B, T); `probabilities` those of all tags, (B, T, K). `entities` are the
    best path's `tags`, and what the probabilities of its entities need, each (B, T): `first`, the probability that an
    entity starts here with this tag; `next`, the tag's given the one before; `last`, that of the word after not going
    on with the entity.

    Under a CRF the tags of a sentence are a Markov chain, so the probability that the words s to e-1 are exactly one
    entity is a product along its tags: of the first one, of each next one given the one before, and of not going on
    after the last. Logits are potentials whose transitions all score the same.

    Args:
        network: gives logits (B, T, K) or CRF potentials (B, T, K, K).
        tags: the K tags.
        asked: `"tags"`, `"probabilities"` or `"entities"`.
    """

    def __init__(self, network, tags, asked, **kwargs):
        super().__init__(**kwargs)
        self.network, self.asked = network, asked
        self.chain = CRF(len(tags), trainable=False, name="chain")
        self.chain.build((None, None, len(tags)))
        parsed = parse_tags(tags, where="tags")
        self.going_on = np.array([[_goes_on(tag, after) for after in parsed] for tag in parsed], "float32")
        self.built = True

    def call(self, inputs):
        outputs = self.network(inputs, training=False)
        is_crf = len(outputs.shape) == 4
        if self.asked == "tags":
            return {"tags": viterbi(outputs)[0] if is_crf else ops.argmax(outputs, axis=-1)}
        if self.asked == "probabilities":
            return {"probabilities": marginals(outputs) if is_crf else ops.softmax(outputs, axis=-1)}
        return self._entities(outputs if is_crf else self.chain(outputs, inputs["lengths"]))

    def _entities(self, potentials):
        tags, _ = viterbi(potentials)
        pairs = pair_marginals(potentials)
        path = ops.one_hot(tags, potentials.shape[-1], dtype=pairs.dtype)
        before = ops.pad(path[:, :-1], ((0, 0), (1, 0), (0, 0)))
        moves = ops.sum(before[:, :, :, None] * pairs, axis=2)
        from_path = ops.maximum(ops.sum(moves, axis=-1), 1e-30)
        stays = ops.sum(moves * (before @ self.going_on), axis=-1) / from_path
        return {
            "tags": tags,
            "first": ops.sum(ops.sum(pairs * (1 - self.going_on), axis=2) * path, axis=-1),
            "next": ops.sum(moves * path, axis=-1) / from_path,
            "last": 1 - ops.pad(stays[:, 1:], ((0, 0), (0, 1))),
        }


def span_score(span: Span, decoded: dict[str, np.ndarray]) -> float:
    """The probability of exactly this entity: the decoder's outputs of one sentence, cut to its words."""
    inside = decoded["next"][span.start + 1 : span.end].prod()
    return float(decoded["first"][span.start] * inside * decoded["last"][span.end - 1])


def _goes_on(tag, after) -> bool:
    """Whether `after` belongs to the same entity as `tag` before it."""
    return after != OUTSIDE and not starts_span(tag, after)
