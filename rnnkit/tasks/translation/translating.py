"""How a trained translator is asked. Legend: `T` subwords of the source, `U` of the target."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.tasks.columns import as_text, check_texts
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task
from rnnkit.tasks.translation import answers
from rnnkit.tasks.translation.answers import Alignment, Translation
from rnnkit.tasks.translation.decoder import Decoders, Search
from rnnkit.text.tokenization import END


class TranslationAnswers(Task):
    """Base of `Translator`, which learns the subwords and makes what decodes."""

    attention: str | None
    longest: float
    source_subwords: Any
    target_subwords: Any
    tokenization: str
    _attend: Callable
    _decoders: Decoders

    def predict(
        self, x: Any, batch_size: int = 128, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """The subword numbers of each greedy translation, the end included.

        Args:
            x: sources, in any form that `as_dataset` takes.
            batch_size: sentences per step.
            steps: batches to predict, the first ones; None predicts all.
            verbose, kwargs: for Keras' sake; nothing is printed.

        Returns:
            A list with an int32 array of shape (U_i,) for each source.
        """
        data = self.inputs(x, batch_size, steps)
        return answered_by_all(self._strategy, data, lambda own: self._greedy(own["source"], batch_size))

    def translate(
        self,
        texts: Any,
        beam: int = 4,
        *,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        temperature: float | None = None,
        seed: int | None = None,
        max_length: int | None = None,
        n_best: int | None = None,
        split_sentences: bool = True,
        batch_size: int = 64,
    ):
        """Translates, sentence by sentence.

        Args:
            texts: a text, or texts in any form that `as_dataset` takes. A blank text stays an empty one.
            beam: hypotheses that are followed side by side; 1 takes the most probable subword each time (greedy).
            length_penalty, coverage_penalty: how finished hypotheses are ranked (see `beam_search`).
            temperature: draw each subword at random, at this temperature; no beam then.
            seed: of the draws.
            max_length: subwords of a sentence's translation at most; None is twice the source's and ten more.
            n_best: that many of the beam's best, each with its score, the sum of its sentences', not the best's text.
            split_sentences: translate each sentence of a text by itself and join the translations; False translates
                texts as a whole, which suits texts like those of the training data only.
            batch_size: sentences per step; those of similar length go together, and the answers do not depend on it.

        Returns:
            A str for a text, a list of str for several; with `n_best` a list of `Translation`, best first, or a list
            of such lists. There are fewer than `n_best` where fewer translations are possible.

        Raises:
            ArgumentError: an argument out of its range, or `n_best` above `beam`.
            DataError: something else than texts.

        Warns:
            UserWarning: the texts look like the target language, or a sentence is longer than all training sources.
        """
        texts = as_text(texts)
        rows = check_texts(self.read([texts] if isinstance(texts, str) else texts, target=False)["source"])
        search = Search(beam if temperature is None else 1, length_penalty, coverage_penalty, temperature)
        if n_best is not None:
            whole("n_best", n_best, most=search.beam, also=", the beam's width")
        if max_length is not None:
            whole("max_length", max_length, also=" of subwords")
        passages = [answers.as_passage(text, whole=not split_sentences) for text in rows]
        sentences = [sentence for passage in passages for sentence in passage.sentences]
        self._need_network()
        answers.check_length(sentences, self.longest)
        found = self._translated(sentences, search, batch_size, max_length, seed)
        best = iter(found if n_best is not None else [each[:1] for each in found])
        joined = [answers.join_sentences(best, passage) for passage in passages]
        chosen = [each[0].text if n_best is None else each[:n_best] for each in joined]
        return chosen[0] if isinstance(texts, str) else chosen

    def _translated(self, texts, search, batch_size=64, max_length=None, seed=None) -> list[list[Translation]]:
        """The translations of each text as a whole, best first."""
        found = self._search(texts, search, batch_size, max_length, seed)
        return [answers.decoded(self.target_subwords, *each) for each in zip(texts, found, strict=True)]

    def attention_weights(self, text: str, translation: str | None = None) -> Alignment:
        """Where the model attends to as it writes a translation.

        Args:
            text: a text.
            translation: what is to be written; None takes the model's own, by greedy search.

        Raises:
            ArgumentError: the model has no attention.
        """
        if self.attention is None:
            raise ArgumentError("attention: this model has none. Make one with attention='general'.")
        numbers = self._greedy([text])[0][:-1] if translation is None else self.target_subwords.encode([translation])[0]
        subwords = self.source_subwords, self.target_subwords
        return answers.align(self._attend, self._sources([text])[0], numbers, subwords)

    def plot_attention(self, text: str, translation: str | None = None):
        """The picture of `attention_weights`, a matplotlib figure."""
        return self.attention_weights(text, translation).plot()

    def preview(self, data: Any, rows: int = 6):
        import pandas as pd

        sources, targets = data.sample(rows, seed=0)
        found = self.translate(sources, split_sentences=False)
        return pd.DataFrame({"source": sources, "target": targets, "predicted": found})

    def _sources(self, texts) -> list[np.ndarray]:
        return [np.array([*each, END], "int32") for each in self.source_subwords.encode(check_texts(texts))]

    def _greedy(self, texts, batch_size=128) -> list[np.ndarray]:
        return [numbers for [(numbers, _)] in self._search(texts, Search(), batch_size)]

    def _search(self, texts, search, batch_size, max_length=None, seed=None):
        self._need_network()
        sources = self._sources(texts)
        if self.tokenization == "subwords":
            answers.check_direction(sources, self.target_subwords.encode(texts))
        limits = [2 * len(source) + 10 for source in sources] if max_length is None else [max_length + 1] * len(sources)
        return self._decoders.translate(sources, limits, search, batch_size=batch_size, seed=seed)
