"""What a trained tagger answers: tags, entities and scores. Legend: `T` words, `K` tags."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.layers.stream import arrays
from rnnkit.tasks.batches import by_example
from rnnkit.tasks.columns import as_text
from rnnkit.tasks.entities.checks import check_sentences, check_tag_lists, reject_broken
from rnnkit.tasks.entities.decoding import Chain, TagDecoder
from rnnkit.tasks.entities.documents import as_document, entities_in, listed
from rnnkit.tasks.entities.network import path_scores
from rnnkit.tasks.entities.schemes import repair
from rnnkit.tasks.entities.scores import EntityScores, score_entities
from rnnkit.tasks.entities.spans import named
from rnnkit.tasks.entities.stream import TagStream
from rnnkit.tasks.language.contextual import ContextualStringEmbeddings
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task
from rnnkit.text.learned_tokenizer import LearnedTokenizer
from rnnkit.text.tokenizer import tokenize_with


class TagAnswers(Task):
    """Base of `EntityRecognizer`, which learns `tags` and makes what reads and decodes."""

    tags: list[str]
    tokenizer: Callable[[str], Iterable[str]] | None
    contexts: ContextualStringEmbeddings | None
    crf: bool
    invalid: str
    _decoder: TagDecoder
    _learned_tokenizer: LearnedTokenizer

    def predict(
        self, x: Any, batch_size: int = 128, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """The probability of every tag for every word, after the whole sentence.

        Args:
            x: token lists, in any form that `as_dataset` takes.
            batch_size: sentences per step.
            steps: batches to predict, the first ones; None predicts all.
            verbose, kwargs: for Keras' sake; nothing is printed.

        Returns:
            A list with an array of shape (T_i, K) for each sentence; the columns are `tags`.
        """
        self._need_network()

        def answer(own):
            found = self._decoded(TagDecoder.probabilities, own, batch_size)
            return [decoded["probabilities"] for decoded in found]

        return answered_by_all(self._strategy, self.inputs(x, batch_size, steps), answer)

    def predict_tags(self, x: Any, batch_size: int = 128) -> list[list[str]]:
        """The best tag sequence of each sentence, in the scheme IOB2.

        Args:
            x: token lists, in any form that `as_dataset` takes.
            batch_size: sentences per step.
        """
        found = self._decoded(TagDecoder.tags, self.read(x, target=False), batch_size)
        return [repair([self.tags[number] for number in decoded["tags"]], "IOB2") for decoded in found]

    def score(self, x: Any, y: Any = None, batch_size: int = 128) -> EntityScores:
        """Precision, recall and F1, over all and by type, of raw data in any form that `evaluate` takes."""
        data = self.read(x, y)
        return score_entities(self._checked_tags(data), self.predict_tags(data, batch_size))

    def tag(self, texts: Any, batch_size: int = 128):
        """The entities in a text, with their place and probability.

        Args:
            texts: a text of any length, tagged sentence by sentence; a list of texts; or token lists in any form that
                `as_dataset` takes, whose offsets count in the tokens joined by blanks.
            batch_size: sentences per step.

        Returns:
            A list of `Entity`, or for a list of texts a list of such lists.

        Raises:
            DataError: something else than texts or tokens.
        """
        self._need_network()
        texts = as_text(texts)
        rows = self.read(texts, target=False)["tokens"] if hasattr(texts, "columns") else listed(texts)
        documents = [as_document(each, self._tokenize) for each in rows]
        sentences = [[token.text for token in each] for document in documents for each in document.sentences]
        decoded = self._decoded(TagDecoder.entities, Dataset({"tokens": sentences}), batch_size)
        answers = [entities_in(document, decoded, self.tags) for document in documents]
        return answers[0] if isinstance(texts, str) else answers

    def stream(self, lookahead: int = 2, batch_size: int = 1) -> TagStream:
        """Sentences that come word by word: `push` gives the tags that are settled, `finish` those of the last words.

        Args:
            lookahead: words that are read beyond a word before its tag is settled.
            batch_size: sentences that are read side by side.

        Raises:
            ArgumentError: the stack is bidirectional, or an argument is out of its range.

        Examples:
            >>> from rnnkit import EntityRecognizer
            >>> model = EntityRecognizer(units=8, bidirectional=False)
            >>> model.adapt([["He", "took", "aspirin"]], [["O", "O", "B-Drug"]])
            >>> stream = model.stream(lookahead=1)
            >>> [len(stream.push(word)) for word in ("He", "took", "aspirin")], len(stream.finish())
            ([0, 1, 1], 1)
        """
        self._need_network()
        self._check_stepwise()
        return TagStream(self, lookahead, batch_size)

    def one_step(self):
        self._need_network()
        self._check_stepwise()
        return super().one_step()

    def decode_scores(self, scores: np.ndarray) -> np.ndarray:
        """Under a CRF the tags of the best path, one-hot (1, T, K)."""
        if not self.crf:
            return scores
        start, end, moves = arrays(path_scores(self.network.get_layer("crf"), len(self.tags)))
        [path] = Chain(scores, start, end, moves, [scores.shape[1]]).best_path().T
        return np.eye(len(self.tags), dtype="float32")[path][None]

    def _check_stepwise(self) -> None:
        if self.contexts is not None:
            raise ArgumentError(
                "stream: the pretrained language model of characters reads a sentence from its end too, so there is no "
                "answer before the sentence is whole. Train without pretrained, or with a language model of words."
            )

    def split_words(self, text: str) -> list[str]:
        """The words of a text, as `tag` splits it."""
        return [token.text for token in self._tokenize(text)]

    @property
    def _tokenize(self):
        return partial(tokenize_with, self.tokenizer) if self.tokenizer else self._learned_tokenizer

    def preview(self, data: Any, rows: int = 6):
        import pandas as pd

        tokens, gold = data.sample(rows, seed=0)
        columns = {"entities": gold, "predicted": self.predict_tags(tokens)}
        columns = {name: [named(*pair) for pair in zip(tokens, tags, strict=True)] for name, tags in columns.items()}
        return pd.DataFrame({"text": [" ".join(words) for words in tokens], **columns})

    def _decoded(self, asked, data, batch_size):
        """Yields what a method of the decoder says of each sentence, cut to its words, in the order of the data."""
        self._need_network()
        found = by_example(partial(asked, self._decoder), self.encode(data, target=False), batch_size)
        for words, outputs in zip(data["tokens"], found, strict=True):
            yield {name: values[: len(words)] for name, values in outputs.items()}

    def _checked_tags(self, data) -> list[list[str]]:
        tags = check_tag_lists(check_sentences(data["tokens"]), data["tags"])
        if self.invalid == "reject":
            reject_broken(tags)
        return tags
