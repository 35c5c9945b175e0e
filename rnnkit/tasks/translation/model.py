"""Translation: a text in, its translation out. Legend: `U` target subwords."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from rnnkit.compat import layers_of
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import fraction, installed, one_of, whole
from rnnkit.layers import AttentionDecoder
from rnnkit.optimizers import Adam
from rnnkit.recurrent.compiled import compiled
from rnnkit.tasks.batches import BatchAdapter
from rnnkit.tasks.columns import as_text, check_texts
from rnnkit.tasks.language.pretrained import Pretrained
from rnnkit.tasks.next_token import Perplexity, SubwordLoss
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task
from rnnkit.tasks.translation import answers
from rnnkit.tasks.translation.answers import Alignment, Translation
from rnnkit.tasks.translation.decoder import Decoders, Search
from rnnkit.tasks.translation.network import connect, decoder_stack, first_batch_longest
from rnnkit.tasks.translation.scores import TOKENIZERS, USUAL, bleu_tokenizer, score_translations
from rnnkit.text.tokenization import BEGIN, END, RESERVED, TOKENIZATIONS, learn_tokenization, tokenization_from_config
from rnnkit.text.tokenizer import words


@keras.saving.register_keras_serializable(package="rnnkit")
class Translator(Task):
    """Texts into texts: subwords, an encoder stack, and a decoder stack with attention.

        train, valid, test = datasets.load("multi30k-de-en")
        model = rnnkit.Translator(cell="gru")
        model.fit(train, validation_data=valid)
        model.translate("Ein Hund rennt über die Wiese.")

    A model knows the direction that it was trained for. Validation translates greedily and measures `bleu`, `chrf` and
    `exact_match` (see `TranslationScores`): in `fit` on a sample of the pairs after each epoch, in `evaluate` on all.
    `loss` is the mean over target subwords in nats, with label smoothing and penalties on weights; `perplexity` has
    neither and is exact over the data set.

    Args:
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width of each direction of the encoder, or a list with one width a layer.
        layers: how many recurrent layers on each side.
        bidirectional: let the encoder read in both directions.
        decoder_cell: the decoder's cell; None takes the encoder's.
        decoder_units: the decoder's width; None takes that of the encoder's output, so that every attention fits.
        embedding_dim: size of a subword's vector, and of the vector that predicts the next subword.
        attention: `"general"`, `"dot"`, `"additive"` or None (see `Attention`).
        input_feeding: tell each step where the last one attended to (see `AttentionDecoder`); slower.
        tokenization: `"subwords"`, where nothing is out of vocabulary, `"words"`, `"characters"` or `"bytes"`.
        vocabulary_size: entries of each vocabulary at most.
        shared_vocabulary: one vocabulary and one embedding for both languages.
        tied_embeddings: predict the next subword with the matrix that embeds the target's subwords (Press and Wolf,
            "Using the output embedding to improve language models", 2017).
        pretrained: a `LanguageModel` of words or subwords of the source language, or the path of one, to start the
            encoder from, with its embedding; it sets `cell`, `units`, `embedding_dim` and `tokenization`, and its
            tokens come first in the source's vocabulary, subwords alone. To read in both directions, it must have been
            trained with `direction="both"`.
        dropout: fraction of the features dropped before each recurrent layer and before the output, in [0, 1).
        label_smoothing: see `SubwordLoss`.
        validation_sentences: pairs of the validation data, drawn by a fixed seed, that `fit` translates in each epoch.
        bleu_tokenize: a tokenizer of sacrebleu's for BLEU, such as `"intl"` or `"char"`; None takes the one that suits
            the script of the training targets (see `bleu_tokenizer`).
        options: any other argument of `RecurrentStack`, such as `activation`, `residual`, `layer_norm` and
            `recurrent_initializer`, for both sides; and `name` and `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.
    """

    columns = ("source", "target")
    embedding_name = "source_embedding"
    reserved = RESERVED
    unclassed = "a translation"
    monitor = ("val_bleu", "max")
    max_epochs = 60
    patience = 5
    halve_after = 2

    def __init__(
        self,
        cell: Any = "gru",
        units: int | Sequence[int] = 256,
        layers: int = 1,
        bidirectional: bool = True,
        decoder_cell: Any = None,
        decoder_units: int | Sequence[int] | None = None,
        embedding_dim: int = 256,
        attention: str | None = "general",
        input_feeding: bool = False,
        tokenization: str = "subwords",
        vocabulary_size: int = 5000,
        shared_vocabulary: bool = False,
        tied_embeddings: bool = True,
        pretrained: Any = None,
        dropout: float = 0.4,
        label_smoothing: float = 0.1,
        validation_sentences: int = 500,
        bleu_tokenize: str | None = None,
        **options: Any,
    ):
        given = {"cell": cell, "units": units, "embedding_dim": embedding_dim, "tokenization": tokenization}
        source = Pretrained(pretrained, bidirectional, ("words", "subwords"))
        cell, units, embedding_dim, tokenization = source.arguments(Translator, **given)
        if shared_vocabulary and pretrained is not None:
            raise ArgumentError("shared_vocabulary: pretrained brings a vocabulary of the source. Leave one out.")
        super().__init__(cell, units, layers, bidirectional=bidirectional, dropout=dropout, **options)
        self.source = source
        self.decoder_units = decoder_units
        self.embedding_dim = whole("embedding_dim", embedding_dim)
        self.attention = attention
        self.input_feeding = input_feeding
        installed("translation", "translation", ("tokenizers", "sacrebleu"))
        self.tokenization = one_of("tokenization", tokenization, TOKENIZATIONS)
        self.vocabulary_size = whole("vocabulary_size", vocabulary_size)
        self.shared_vocabulary = shared_vocabulary
        self.tied_embeddings = tied_embeddings
        self.label_smoothing = fraction("label_smoothing", label_smoothing)
        self.validation_sentences = whole("validation_sentences", validation_sentences)
        self.bleu_tokenize = one_of("bleu_tokenize", bleu_tokenize, (None, *TOKENIZERS))
        options = {"bidirectional": bidirectional, "dropout": dropout, "dtype": self.dtype_policy, "name": "decoder"}
        stack = decoder_stack(self.stack, decoder_cell, decoder_units)
        self.decoder_cell = stack.cell.name
        self.decoder = AttentionDecoder(stack, embedding_dim, attention, input_feeding, **options)

    def learn(self, data: Any):
        texts = {"source": check_texts(data["source"]), "target": check_texts(data["target"], "y")}
        both = [*texts["source"], *texts["target"]]
        subwords = {
            side: learn_tokenization(self.tokenization, both if self.shared_vocabulary else each, self.vocabulary_size)
            for side, each in texts.items()
        }
        if self.source.model is not None:
            subwords["source"] = self.source.tokens(texts["source"], self.vocabulary_size)
        return {
            **{side: each.to_config() for side, each in subwords.items()},
            "longest": max(len(words(text)) for text in texts["source"]),
            "bleu_tokenizer": bleu_tokenizer(texts["target"], self.bleu_tokenize),
        }

    def make_network(self, learned: dict[str, Any]):
        self.source_subwords, self.target_subwords = (tokenization_from_config(learned[side]) for side in self.columns)
        self.longest = learned.get("longest", np.inf)  # files of version 0.1 have neither of the two
        self.bleu_tokenizer = learned.get("bleu_tokenizer", USUAL)
        sizes = len(self.source_subwords), len(self.target_subwords)
        options = {"tied": self.tied_embeddings, "shared": self.shared_vocabulary, "policy": self.dtype_policy}
        network, attend, parts = connect(self.stack, self.decoder, sizes, self.embedding_dim, **options)
        self._decoders = Decoders(parts)
        self._attend = compiled(attend, attend.input)
        return network

    def one_step(self):
        raise ArgumentError("streaming: a translator reads the whole source first. Export without streaming.")

    def encode(self, data: Any, *, target: bool = True):
        sources = self._sources(data["source"])
        lengths = np.array([len(source) for source in sources], "int32")
        if not target:
            return {"x": {"source": sources, "lengths": lengths}, "y": None, "lengths": lengths}
        targets = self.target_subwords.encode(check_texts(data["target"], "y"))
        y = [np.array([*each, END], "int32") for each in targets]
        # By target and among equals by source: padding in the target costs a softmax.
        by = np.array([len(each) for each in y]) + lengths / 2**31
        told = [np.array([BEGIN, *each], "int32") for each in targets]
        return {"x": {"source": sources, "lengths": lengths, "target": told}, "y": y, "lengths": by}

    def make_batches(self, *, training: bool = False, **encoded: Any):
        sources = first_batch_longest(encoded["x"]["source"], encoded["lengths"])
        return super().make_batches(**{**encoded, "x": {**encoded["x"], "source": sources}})

    def predicts_each_step_of(self, layer: Any):
        return not any(each is layer for each in layers_of(self.stack))  # the source's steps are others

    def default_compile(self):
        loss, metrics = SubwordLoss(self.label_smoothing), [Perplexity()]
        return {"optimizer": Adam(1e-3, global_clipnorm=1.0), "loss": loss, "metrics": metrics}

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int = 128,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        return_dict: bool = False,
        **kwargs: Any,
    ):
        """As `keras.Model.evaluate`, on raw data; also translates it greedily, for BLEU, chrF and exact matches."""
        self._need_network()
        in_fit = isinstance(x, BatchAdapter)
        served = x if in_fit else self._served(x, y, sample_weight, batch_size, "steps", steps)
        logs = super().evaluate(served, verbose=verbose, return_dict=True, **kwargs)
        sources, targets = served.data.sample(self.validation_sentences if in_fit else len(served.data))

        def answer(own):
            return np.array([best[0].text for best in self._translated(own["source"], Search())])

        greedy = answered_by_all(self._strategy, Dataset({"source": sources}), answer).tolist()
        found = score_translations(greedy, targets, self.bleu_tokenizer)
        logs |= {"bleu": found.bleu, "chrf": found.chrf, "exact_match": found.exact_match}
        return logs if return_dict else list(logs.values())

    def score_floor(self, valid: Any):
        return 0.0  # BLEU without a right word

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

    def get_config(self):
        sizes = ("decoder_cell", "decoder_units", "embedding_dim", "attention", "input_feeding")
        texts = ("tokenization", "vocabulary_size", "shared_vocabulary", "tied_embeddings", "bleu_tokenize")
        own = (*sizes, *texts, "label_smoothing", "validation_sentences")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}

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
