"""Named entity recognition: words in, entities out. Legend: `B` batch, `T` words, `C` characters, `K` tags."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnkit.errors import DataError
from rnnkit.errors.checks import fraction, one_of, whole
from rnnkit.layers import CRF, CRFLoss, TokenLoss
from rnnkit.optimizers import LazyAdam
from rnnkit.tasks.entities.answers import TagAnswers
from rnnkit.tasks.entities.checks import check_no_names, check_sentences, tag_numbers
from rnnkit.tasks.entities.decoding import TagDecoder
from rnnkit.tasks.entities.documents import learn_joins
from rnnkit.tasks.entities.metric import EntityF1
from rnnkit.tasks.entities.network import character_features, score_reader, word_features
from rnnkit.tasks.entities.schemes import allowed_transitions
from rnnkit.tasks.entities.spans import find_spans
from rnnkit.tasks.entities.stream import piece_reader
from rnnkit.tasks.language.contextual import ContextualStringEmbeddings
from rnnkit.tasks.language.pretrained import CHARACTERS, Pretrained
from rnnkit.text.learned_tokenizer import LearnedTokenizer
from rnnkit.text.tokenizer import own_tokenizer, tokenizer_name
from rnnkit.text.vectors import load_vectors, vector_size
from rnnkit.text.vocabulary import Vocabulary
from rnnkit.text.word_shape import Spelling, folded, shape_number

LETTERS = {"IOB2": "BI", "IOBES": "BIES"}
SCORES = ("f1", "precision", "recall")


@keras.saving.register_keras_serializable(package="rnnkit")
class EntityRecognizer(TagAnswers):
    """Finds entities: word, character and case embeddings, recurrent stack, conditional random field.

    A `keras.Model` that takes lists of words and lists of tags in IOB1, IOB2 or IOBES:

        model = rnnkit.EntityRecognizer(cell="gru")
        model.fit(tokens, tags, validation_data=(more_tokens, more_tags))
        model.tag("Angela Merkel visited Paris on Tuesday.")

    `tag` splits plain text into tokens like those of the training data, as far as these teach it (see
    `LearnedTokenizer`), and warns in training where that will not do. In scripts without blanks between words, such as
    Chinese or Thai, it takes each character for a word where training data have no longer ones.

    Validation measures entity `f1`, `precision` and `recall` (exact span and type, as conlleval); training does not,
    since it would slow every step down.

    Args:
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width of each direction, or a list with one width a layer.
        layers: how many recurrent layers.
        bidirectional: read the sentence in both directions.
        embedding_dim: size of a word's vector, learned from scratch.
        vectors: path of a GloVe or word2vec text file to start the word vectors from; it sets `embedding_dim`.
        pretrained: a `LanguageModel`, or the path of one, trained with `direction="both"`. One of words starts the word
            vectors and the recurrent layers, as for `SentimentClassifier`; what characters and case say is learned from
            scratch. One of characters or bytes gives each word a second vector, which depends on its sentence (see
            `rnnkit.tasks.language.contextual.ContextualStringEmbeddings`). It is not trained further, so it reads a
            corpus once.
        chars: how a word's characters are read: `"cnn"`, `"rnn"` or None, not at all (see `CharacterEncoder`).
        char_units: size of the vector computed from a word's characters.
        crf: score whole tag sequences (Lample et al. 2016); False scores each word's tag by itself.
        scheme: in which the network tags inside: `"IOB2"` or `"IOBES"`.
        invalid: what to do with tag sequences that break their own scheme, in training and evaluation: `"repair"`
            reads them as conlleval does, `"reject"` raises.
        dropout: fraction of the features dropped before each recurrent layer and before the output, in [0, 1).
        word_dropout: fraction of the words replaced by the unknown word in training, in [0, 1).
        min_count: words seen less often in training are unknown words.
        max_words: size of the vocabulary at most; None keeps all words.
        lowercase: fold capital letters in the vocabulary; case is seen apart from it.
        tokenizer: a function from a text to the list of its words, with which `tag` splits plain text: that which made
            the training tokens. None learns from them. A file keeps its name only, so register it with
            `keras.saving.register_keras_serializable`, or set `model.tokenizer` after loading.
        options: any other argument of `RecurrentStack`, such as `activation`, `residual`, `layer_norm` and
            `recurrent_initializer`; and `name` and `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.

    Examples:
        >>> from rnnkit import EntityRecognizer
        >>> words, tags = [["He", "took", "aspirin"]] * 8, [["O", "O", "B-Drug"]] * 8
        >>> model = EntityRecognizer(cell="gru", units=8, chars=None)
        >>> history = model.fit(words, tags, epochs=1, verbose=0)
        >>> model.types
        ['Drug']
    """

    columns = ("tokens", "tags")
    rank = 1
    unclassed = "a sentence"
    monitor = ("val_f1", "max")
    max_epochs = 50
    patience = 6

    def __init__(
        self,
        cell: Any = "lstm",
        units: int | Sequence[int] = 100,
        layers: int = 1,
        bidirectional: bool = True,
        embedding_dim: int = 100,
        vectors: str | Path | None = None,
        pretrained: Any = None,
        chars: str | None = "cnn",
        char_units: int = 50,
        crf: bool = True,
        scheme: str = "IOBES",
        invalid: str = "repair",
        dropout: float = 0.5,
        word_dropout: float = 0.1,
        min_count: int = 1,
        max_words: int | None = None,
        lowercase: bool = True,
        tokenizer: Callable[[str], Iterable[str]] | None = None,
        **options: Any,
    ):
        given = {"cell": cell, "units": units, "embedding_dim": embedding_dim, "lowercase": lowercase}
        source = Pretrained(pretrained, bidirectional, ("words", *CHARACTERS))
        cell, units, embedding_dim, lowercase = source.arguments(EntityRecognizer, **given)
        super().__init__(cell, units, layers, bidirectional=bidirectional, dropout=dropout, **options)
        self.source = source
        self.embedding_dim = whole("embedding_dim", embedding_dim)
        self.vectors = None if vectors is None else str(vectors)
        self.chars = one_of("chars", chars, ("cnn", "rnn", None))
        self.char_units = char_units
        self.crf = crf
        self.scheme = one_of("scheme", scheme, LETTERS)
        self.invalid = one_of("invalid", invalid, ("repair", "reject"))
        self.word_dropout = fraction("word_dropout", word_dropout)
        self.min_count = whole("min_count", min_count)
        self.max_words = None if max_words is None else whole("max_words", max_words)
        self.lowercase = lowercase
        self.tokenizer = own_tokenizer(tokenizer)

    def learn(self, data: Any):
        sentences, tags = data["tokens"], self._checked_tags(data)
        types = sorted({span.label for row, each in enumerate(tags) for span in find_spans(each, sentence=row)})
        if not types:
            raise DataError("y: expected entities of at least one type, got only the tag O. Give tagged sentences.")
        words = Vocabulary.learn(self._folded(sentences), min_count=self.min_count, max_words=self.max_words).words
        size = self.embedding_dim if self.vectors is None else vector_size(self.vectors)
        return {
            "words": self.source.joined(words),
            "characters": Spelling.learn(sentences),
            "types": types,
            "embedding_dim": size,
            "joins": learn_joins(sentences, self.tokenizer),
            "contexts": ContextualStringEmbeddings.config_of(self.source.model) if self.source.embeds_words else None,
        }

    def make_network(self, learned: dict[str, Any]):
        self.types = list(learned["types"])
        self.tags = ["O", *(f"{letter}-{label}" for label in self.types for letter in LETTERS[self.scheme])]
        self.vocabulary = Vocabulary(learned["words"])
        self.spelling = Spelling(learned["characters"])
        self._learned_tokenizer = LearnedTokenizer(learned.get("joins", {}))  # files of version 0.1 have none
        self.scores = EntityF1(self.tags)
        policy = self.dtype_policy
        inputs, features = word_features(self.vocabulary, learned["embedding_dim"], self.word_dropout, policy)
        if self.chars:
            more = character_features(self.spelling, self.chars, self.char_units, self.stack.cell.name, policy)
            inputs, features = {**inputs, **more[0]}, [*features, *more[1]]
        contexts = learned.get("contexts")
        self.contexts = None if contexts is None else ContextualStringEmbeddings(**contexts)
        if self.contexts is not None:
            inputs["contexts"] = keras.Input((None, self.contexts.width), name="contexts")
            features = [*features, inputs["contexts"]]
        lengths = inputs["lengths"] = keras.Input((), dtype="int32", name="lengths")
        x = self.stack(keras.layers.Concatenate(name="features", dtype=policy)(features), lengths)
        x = keras.layers.Dropout(self.stack.dropout, name="dropout", dtype=policy)(x)
        outputs = emissions = keras.layers.Dense(len(self.tags), name="emissions", dtype="float32")(x)
        crf = CRF(len(self.tags), allowed_transitions(self.tags, self.scheme), name="crf") if self.crf else None
        if crf is not None:
            outputs = crf(emissions, lengths)
        network = keras.Model(inputs, outputs, name="network")
        self.read_piece = cache(lambda: piece_reader(self))
        self._decoder = TagDecoder(score_reader(inputs, emissions, crf), self.tags)
        return network

    def adapt(self, x: Any, y: Any = None):
        super().adapt(x, y)
        if self.vectors is not None:
            load_vectors(self.network.get_layer("embedding"), self.vectors, self.vocabulary)

    def encode(self, data: Any, *, target: bool = True):
        sentences = [words or [""] for words in check_sentences(data["tokens"], empty=not target)]
        x = {
            "tokens": [self.vocabulary.encode(words) for words in self._folded(sentences)],
            "shapes": [np.array([shape_number(word) for word in words], "int32") for words in sentences],
            "lengths": np.array([len(words) for words in sentences], "int32"),
        }
        if self.chars:
            x["characters"] = [self.spelling.encode(words) for words in sentences]
        if self.contexts is not None:
            x["contexts"] = self.contexts.encode(sentences)
        y = tag_numbers(self._checked_tags(data), self.tags, self.scheme) if target else None
        return {"x": x, "y": y, "lengths": x["lengths"]}

    def default_compile(self):
        return {"optimizer": LazyAdam(2e-3), "loss": CRFLoss() if self.crf else TokenLoss(), "metrics": []}

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        metrics: Any = "auto",
        weighted_metrics: Any = None,
        **kwargs: Any,
    ):
        """As `keras.Model.compile`; `"auto"` takes the task's own setting.

        A loss or metric of your own gets tag numbers with -1 in the padding, and a CRF's potentials (see `CRF`) or
        without one logits. Those that Keras knows by name take neither.

        Raises:
            ArgumentError: a loss or metric by name.
        """
        for name, value in {"loss": loss, "metrics": metrics, "weighted_metrics": weighted_metrics}.items():
            check_no_names(name, value)
        super().compile(optimizer, loss, metrics=metrics, weighted_metrics=weighted_metrics, **kwargs)

    def call(self, inputs: Any, training: bool = False):
        self._trains = bool(training)
        return super().call(inputs, training=training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None):
        if not self._trains:
            self.scores.update_state(y, y_pred)
        logs = super().compute_metrics(x, y, y_pred, sample_weight)
        return {name: value for name, value in logs.items() if name not in SCORES} if self._trains else logs

    def epoch_logs(self, logs: dict[str, Any]):
        # Where names differ Keras keeps the last step's logs, which over several devices are not those of the epoch.
        found = self.get_metrics_result()
        return {name: found.get(name, value) for name, value in logs.items()}

    def score_floor(self, valid: Any):
        return 0.0  # F1 until the first entity is found

    def get_config(self):
        network = ("embedding_dim", "vectors", "chars", "char_units", "crf", "scheme", "invalid", "word_dropout")
        own = {name: getattr(self, name) for name in (*network, "min_count", "max_words", "lowercase")}
        return {**super().get_config(), **own, "tokenizer": tokenizer_name(self.tokenizer)}

    def _folded(self, sentences) -> list[list[str]]:
        return [[folded(word, lowercase=self.lowercase) for word in words] for words in sentences]
