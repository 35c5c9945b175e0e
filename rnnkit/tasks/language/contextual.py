"""Words by the states of a language model of characters.

Legend: `B` sentences, `C` characters, `T` words, `H` units.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.compiled import compiled
from rnnkit.tasks.batches import by_example
from rnnkit.text.tokenization import END, tokenization_from_config

TOGETHER, MOST_CHARACTERS = 128, 2**15  # sentences and characters that are read at a time


class ContextualStringEmbeddings(keras.layers.Layer):
    """Vectors of words in their sentence, read off a language model of characters or bytes that is not trained further.

    The words of a sentence are joined by blanks. A word's vector is the forward state after its last character and the
    backward state after its first one (Akbik, Blythe and Vollgraf, "Contextual string embeddings for sequence
    labeling", 2018), in half precision, so that a corpus fits into memory.

    Args:
        tokens: what `to_config` of the language model's tokens gave.
        embedding_dim: of the language model.
        stack: its forward stack, as Keras serializes it.
    """

    def __init__(self, tokens: dict[str, Any], embedding_dim: int, stack: dict[str, Any]):
        super().__init__(dtype="float32", name="contexts")
        self.tokens = tokenization_from_config(tokens)
        self.embedding = keras.layers.Embedding(len(self.tokens), embedding_dim, name="embedding")
        self.embedding.build()
        forward = RecurrentStack.from_config(keras.saving.deserialize_keras_object(stack["config"]))
        self.stacks = [forward, RecurrentStack.from_config({**forward.get_config(), "name": "backward_stack"})]
        for each in self.stacks:
            each.build((None, None, embedding_dim))
        self.trainable = False
        self.built = True
        whole = {name: keras.KerasTensor((None, None), "int32") for name in ("forward", "backward", "ends", "starts")}
        self._read = compiled(self._vectors, {**whole, "lengths": keras.KerasTensor((None,), "int32")})

    @staticmethod
    def config_of(model: Any) -> dict[str, Any]:
        """The arguments for a `LanguageModel`, as a JSON-able dict."""
        stack = keras.saving.serialize_keras_object(model.stack)
        return {"tokens": model.tokens.to_config(), "embedding_dim": model.embedding_dim, "stack": stack}

    def take_over(self, model: Any) -> None:
        """Takes the weights of a `LanguageModel`."""
        self.embedding.embeddings.assign(model.embedding.embeddings)
        for own, other in zip(self.stacks, model.stacks, strict=True):
            own.set_weights(other.get_weights())

    @property
    def width(self) -> int:
        """Features of a word, 2 * H."""
        return sum(stack.width for stack in self.stacks)

    def encode(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The vectors of the words of each sentence: float16, shape (T_i, 2 * H)."""
        rows = [self._places(words) for words in sentences]
        x: dict[str, Any] = {name: [row[name] for row in rows] for name in ("forward", "backward", "ends", "starts")}
        x["lengths"] = lengths = np.array([len(each) for each in x["forward"]], "int32")
        found = by_example(self._read, {"x": x, "lengths": lengths, "max_steps": MOST_CHARACTERS}, TOGETHER)
        return [vectors[: len(words)] for vectors, words in zip(found, sentences, strict=True)]

    def _places(self, words) -> dict[str, np.ndarray]:
        """The characters of a sentence in both directions, each begun by an end, and the places of its words there."""
        [[blank], *spelled] = self.tokens.encode([" ", *words])
        sentence: list[int] = [END]
        starts: list[int] = []
        ends: list[int] = []
        for word in spelled:
            sentence += [blank] if ends else []
            starts.append(len(sentence) - 1)
            sentence += word
            ends.append(len(sentence) - 1)
        forward = np.array(sentence, "int32")
        backward = np.concatenate([forward[:1], forward[:0:-1]])
        places = {"ends": np.array(ends, "int32"), "starts": len(forward) - 1 - np.array(starts, "int32")}
        return {"forward": forward, "backward": backward, **places}

    def _vectors(self, x):
        """The vectors (B, T, 2 * H) of the words."""
        found = [
            ops.take_along_axis(stack(self.embedding(x[name]), x["lengths"]), x[places][:, :, None], axis=1)
            for stack, name, places in zip(self.stacks, ("forward", "backward"), ("ends", "starts"), strict=True)
        ]
        return ops.cast(ops.concatenate(found, axis=-1), "float16")
