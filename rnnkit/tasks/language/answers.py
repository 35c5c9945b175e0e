"""What a trained language model answers: probabilities of the next token, scores and texts.

Legend: `T` steps, `N` texts, `V` tokens of the vocabulary.
"""

from typing import Any

import numpy as np
from keras import ops

from rnnkit.datasets import Dataset
from rnnkit.tasks.columns import as_text, check_texts
from rnnkit.tasks.language.generation import TextStream
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task
from rnnkit.text.tokenization import END, Tokenization


class LanguageAnswers(Task):
    """Base of `LanguageModel`, which learns `_tokens` and makes `_forward`, the compiled forward network."""

    _tokens: Tokenization
    _forward: Any

    @property
    def tokens(self) -> Tokenization:
        """The learned vocabulary: `encode` and `decode` go between texts and token numbers.

        Raises:
            ArgumentError: nothing has been learned yet.
        """
        self._need_network()
        return self._tokens

    def predict(
        self, x: Any, batch_size: int = 128, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """The probability of each token to be next after each text: shape (N, V).

        Args:
            x: texts, in any form that `fit` takes.
            batch_size: texts per step.
            steps: batches to predict, the first ones; None predicts all.
            verbose, kwargs: for Keras' sake; nothing is printed.
        """
        self._need_network()
        data = Dataset({"text": list(self.inputs(x, batch_size, steps)["text"])})
        return answered_by_all(self._strategy, data, lambda own: self._next_probabilities(own, batch_size))

    def _next_probabilities(self, data: Dataset, batch_size: int) -> np.ndarray:
        texts = [np.array([END, *numbers], "int32") for numbers in self._numbers(data)]
        found = np.empty((len(texts), len(self.tokens)), "float32")
        for rows in np.array_split(np.argsort([len(text) for text in texts]), -(-len(texts) // batch_size)):
            logits = self._forward_logits([texts[row] for row in rows])
            last = [logits[place, len(texts[row]) - 1] for place, row in enumerate(rows)]
            found[rows] = ops.softmax(np.stack(last), axis=-1)
        return found

    def score(self, text: str) -> np.ndarray:
        """The log probability of each token of a text, and of its end after them, in nats: shape (T + 1,).

        Args:
            text: what is scored, from a fresh state. Its tokens are those of `model.tokens.tokens(text)`.

        Raises:
            DataError: it is no text.
        """
        self._need_network()
        [numbers] = self._numbers({"text": check_texts([as_text(text)])})
        logits = self._forward_logits([np.array([END, *numbers], "int32")])[0]
        return np.asarray(ops.log_softmax(logits, axis=-1))[np.arange(len(logits)), [*numbers, END]]

    def generate(
        self,
        prompt: str = "",
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> str:
        """A continuation of a prompt, without the prompt.

        Args:
            prompt: what stands before; empty begins a text.
            length: tokens to write at most; the text ends before where the model ends it.
            temperature: positive. The probabilities are raised to the power of 1 / temperature: below 1 the model plays
                safer, above 1 bolder.
            top_k: draw from that many most probable tokens only.
            top_p: draw from the most probable tokens only that together reach this probability, in (0, 1].
            seed: the same seed gives the same text; None takes one from NumPy's global generator.

        Raises:
            ArgumentError: an argument is out of its range, or the cell cannot be run step by step.
        """
        return "".join(self.stream(prompt, length, temperature, top_k, top_p, seed))

    def stream(
        self,
        prompt: str = "",
        length: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        ends: bool = True,
    ) -> TextStream:
        """What `generate` writes, piece by piece as it is drawn; or a text that is read as it comes.

        The stream is an iterator of what it writes. Its `push` reads a text instead, and gives the probabilities of
        the next token after each.

        Args:
            prompt, length, temperature, top_k, top_p, seed: as for `generate`.
            ends: False continues after the end of a text with the next one, on a new line.

        Examples:
            >>> from rnnkit import LanguageModel
            >>> model = LanguageModel(units=8)
            >>> model.adapt(["what a film", "a plot"])
            >>> stream = model.stream()
            >>> probabilities = stream.push("what ")
            >>> probabilities.shape == (5, len(model.tokens))
            True
        """
        self._need_network()
        settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
        return TextStream(self, prompt, length, settings, ends)

    def preview(self, data: Any, rows: int = 6):
        import pandas as pd

        texts = data.sample(min(rows, len(data)), seed=0)[0] if isinstance(data, Dataset) else []
        scores = [self.score(text[:1000]) for text in texts]
        told = {"text": [text[:200] for text in texts], "nll": [-float(score.mean()) for score in scores]}
        return pd.DataFrame({**told, "written": [self.generate(text[:20], 60, seed=0) for text in texts]})

    def _numbers(self, data) -> list[list[int]]:
        return self.tokens.encode(check_texts(list(data["text"])))

    def _forward_logits(self, rows: list[np.ndarray]) -> np.ndarray:
        """Logits (B, T, V) of the forward stack."""
        steps = max(map(len, rows))
        tokens = np.stack([np.pad(row, (0, steps - len(row))) for row in rows])
        return self._forward({"tokens": tokens, "lengths": np.array([len(row) for row in rows])})
