"""Classes of a text that comes word by word. Legend: `B` batch, `T` words, `C` classes."""

from typing import Any

import numpy as np

from rnnkit.layers.stream import Stream, arrays, piecewise
from rnnkit.tasks.columns import word_rows
from rnnkit.text.tokenizer import words_with


class ClassStream(Stream):
    """Texts that a `SentimentClassifier` reads as they come; `SentimentClassifier.stream` makes it."""

    def __init__(self, model: Any, batch_size: int):
        self._model, self._batch_size = model, batch_size
        super().__init__(lambda given: model.read_piece()(given), arrays(_initial(model, batch_size)), model.network)

    def push(self, words: Any) -> np.ndarray:
        """The probability of each class after each of the next words.

        Args:
            words: a text, or a list of words as the vocabulary has them. For a `batch_size` above 1 a list of that
                many of them, all with the same number of words.

        Returns:
            Shape (T, C), for a `batch_size` above 1 (B, T, C); the columns are the model's `labels`.

        Raises:
            DataError: something else.
        """
        vocabulary, count = self._model.vocabulary, self._batch_size
        rows = word_rows(words, count, self._words)
        found = self._answers({"tokens": np.stack([vocabulary.encode(row)[: len(row)] for row in rows])})
        return found[0] if count == 1 else found

    def _words(self, text):
        return words_with(self._model.tokenizer, text, lowercase=self._model.lowercase)


def piece_reader(model):
    """What reads the next words (B, T) of texts: probabilities (B, T, C), and the states after them."""
    embedding, scores = (model.network.get_layer(name) for name in ("embedding", "scores"))

    def read(inputs, states):
        outputs, stack = model.stack.carry(embedding(inputs["tokens"]), states[0])
        pooled, pooling = model.pooling.carry(outputs, states[1])
        return scores(pooled), [stack, pooling]

    tokens = model.network.input["tokens"]
    return piecewise(read, {"tokens": tokens}, _initial(model, 1))


def _initial(model, batch_size):
    return [model.stack.initial_states(batch_size), model.pooling.initial_state(batch_size)]
