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
from rnnkit.tasks.columns import check_texts
from rnnkit.tasks.language.pretrained import Pretrained
from rnnkit.tasks.next_token import Perplexity, SubwordLoss
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.translation.decoder import Decoders, Search
from rnnkit.tasks.translation.network import connect, decoder_stack, first_batch_longest
from rnnkit.tasks.translation.scores import TOKENIZERS, USUAL, bleu_tokenizer, score_translations
from rnnkit.tasks.translation.translating import TranslationAnswers
from rnnkit.text.tokenization import BEGIN, END, RESERVED, TOKENIZATIONS, learn_tokenization, tokenization_from_config
from rnnkit.text.tokenizer import words


@keras.saving.register_keras_serializable(package="rnnkit")
class Translator(TranslationAnswers):
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

    def get_config(self):
        sizes = ("decoder_cell", "decoder_units", "embedding_dim", "attention", "input_feeding")
        texts = ("tokenization", "vocabulary_size", "shared_vocabulary", "tied_embeddings", "bleu_tokenize")
        own = (*sizes, *texts, "label_smoothing", "validation_sentences")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
