"""Sentiment classification: a text in, a label out. Legend: `B` batch, `T` words, `C` classes."""

import functools
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import fraction, whole
from rnnkit.layers import SequencePooling, WordDropout
from rnnkit.optimizers import LazyAdam
from rnnkit.tasks.columns import check_labels, check_texts, find_classes
from rnnkit.tasks.inputs import texts_of_lines
from rnnkit.tasks.language.pretrained import Pretrained
from rnnkit.tasks.perturbations import PerturbationLosses
from rnnkit.tasks.sentiment.answers import ClassAnswers
from rnnkit.tasks.sentiment.metrics import for_classes, macro_f1
from rnnkit.tasks.sentiment.stream import piece_reader
from rnnkit.text.tokenizer import own_tokenizer, tokenizer_name, words_with
from rnnkit.text.vectors import load_vectors, vector_size
from rnnkit.text.vocabulary import Vocabulary

UNEQUAL = 2  # times as many examples of the most frequent class as of the rarest: accuracy misses the rare one


@keras.saving.register_keras_serializable(package="rnnkit")
class SentimentClassifier(ClassAnswers):
    """Texts into two or more classes: word embedding, recurrent stack, pooling over the words, softmax.

    A `keras.Model` that takes raw texts:

        model = rnnkit.SentimentClassifier(cell="gru")
        model.fit(texts, labels, validation_data=(more_texts, more_labels))
        model.classify("not bad at all")

    Args:
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width of each direction, or a list with one width per layer.
        layers: how many recurrent layers.
        bidirectional: read the text in both directions.
        embedding_dim: size of a word's vector, learned from scratch.
        vectors: path of a GloVe or word2vec text file to start the word vectors from; it sets `embedding_dim`.
        pretrained: a `LanguageModel` of words, or the path of one, to start the word vectors and the recurrent layers
            from; it sets `cell`, `units`, `embedding_dim` and `lowercase`, and its words come first in the vocabulary
            (Dai and Le, "Semi-supervised sequence learning", 2015). To read in both directions, it must have been
            trained with `direction="both"`.
        pooling: how the words' outputs are joined: `"max"`, `"mean"`, `"attention"` or `"last"`.
        dropout: fraction of the features dropped before each recurrent layer and before the output, in [0, 1).
        word_dropout: fraction of the words replaced by the unknown word in training, in [0, 1).
        min_count: words seen less often in training are unknown words.
        max_words: size of the vocabulary at most; None keeps all words.
        max_length: words after this one are cut off, with a warning that counts the texts; None cuts nothing.
        lowercase: fold capital letters.
        tokenizer: a function from a text to the list of its words; None takes words, and in scripts without blanks
            between words, such as Chinese or Thai, characters. A file keeps its name only, so register it with
            `keras.saving.register_keras_serializable`, or set `model.tokenizer` after loading.
        adversarial, virtual_adversarial, entropy: weights of losses added in training to that of the labels (see
            `rnnkit.tasks.perturbations.PerturbationLosses`); the last two also read the texts that `fit` gets as
            `unlabelled`. 0 leaves one out. They need TensorFlow, and one device.
        radius: how far texts are moved for the first two.
        options: any other argument of `RecurrentStack`, such as `activation`, `residual`, `layer_norm` and
            `recurrent_initializer`; and `name` and `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.

    Examples:
        >>> from rnnkit import SentimentClassifier
        >>> texts, labels = ["a good film", "a bad film", "not bad"] * 8, ["positive", "negative", "positive"] * 8
        >>> model = SentimentClassifier(cell="gru", units=8)
        >>> history = model.fit(texts, labels, epochs=1, verbose=0)
        >>> model.classify("not bad").label in model.labels
        True
    """

    columns = ("text", "label")
    monitor = ("val_accuracy", "max")

    def __init__(
        self,
        cell: Any = "lstm",
        units: int | Sequence[int] = 64,
        layers: int = 1,
        bidirectional: bool = True,
        embedding_dim: int = 128,
        vectors: str | Path | None = None,
        pretrained: Any = None,
        pooling: str = "max",
        dropout: float = 0.4,
        word_dropout: float = 0.1,
        min_count: int = 1,
        max_words: int | None = None,
        max_length: int | None = None,
        lowercase: bool = True,
        tokenizer: Callable[[str], Iterable[str]] | None = None,
        adversarial: float = 0.0,
        virtual_adversarial: float = 0.0,
        entropy: float = 0.0,
        radius: float = 5.0,
        **options: Any,
    ):
        source = Pretrained(pretrained, bidirectional)
        given = {"cell": cell, "units": units, "embedding_dim": embedding_dim, "lowercase": lowercase}
        cell, units, embedding_dim, lowercase = source.arguments(SentimentClassifier, **given)
        super().__init__(cell, units, layers, bidirectional=bidirectional, dropout=dropout, **options)
        self.source = source
        self.pooling = SequencePooling(pooling, dtype=self.dtype_policy, name="pooling")
        self.embedding_dim = whole("embedding_dim", embedding_dim)
        self.vectors = None if vectors is None else str(vectors)
        self.word_dropout = fraction("word_dropout", word_dropout)
        self.min_count = whole("min_count", min_count)
        self.max_words = None if max_words is None else whole("max_words", max_words)
        self.max_length = None if max_length is None else whole("max_length", max_length)
        self.lowercase = lowercase
        self.tokenizer = own_tokenizer(tokenizer)
        self.perturbations = PerturbationLosses(adversarial, virtual_adversarial, entropy, radius)
        self._noise = keras.random.SeedGenerator() if virtual_adversarial else None
        self._unlabelled: Sequence[str] = ()

    def learn(self, data: Any):
        texts, labels = check_texts(data["text"]), check_labels(data["label"])
        classes = find_classes(labels)
        counts = Counter(labels)
        words = self._words([*texts, *self._unlabelled])
        vocabulary = Vocabulary.learn(words, min_count=self.min_count, max_words=self.max_words)
        size = self.embedding_dim if self.vectors is None else vector_size(self.vectors)
        return {
            "words": self.source.joined(vocabulary.words),
            "labels": classes,
            "counts": [counts[label] for label in classes],
            "embedding_dim": size,
        }

    def _take_labels(self, learned) -> None:
        self.labels = list(learned["labels"])
        counts = learned.get("counts", [1])  # files of version 0.1 have none
        if max(counts) > UNEQUAL * min(counts):
            self.monitor = ("val_macro_f1", "max")

    def make_network(self, learned: dict[str, Any]):
        self._take_labels(learned)
        self.vocabulary = Vocabulary(learned["words"])
        policy = self.dtype_policy
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        lengths = keras.Input((), dtype="int32", name="lengths")
        x = WordDropout(self.word_dropout, name="word_dropout")(tokens)
        # Ten times Keras' own range: on SST-2 that is worth two points of accuracy.
        start = keras.initializers.RandomUniform(-0.5, 0.5)
        size = learned["embedding_dim"]
        embedding = keras.layers.Embedding(len(self.vocabulary), size, start, name="embedding", dtype=policy)
        x = self.pooling(self.stack(embedding(x), lengths), lengths)
        x = keras.layers.Dropout(self.stack.dropout, dtype=policy, name="dropout")(x)
        scores = keras.layers.Dense(len(self.labels), activation="softmax", dtype="float32", name="scores")(x)
        self.read_piece = functools.cache(lambda: piece_reader(self))
        return keras.Model({"tokens": tokens, "lengths": lengths}, scores, name="network")

    def build_from_config(self, config: dict[str, Any]):
        super().build_from_config(config)
        if self.network is not None and self.perturbations.are_on:
            self.perturbations.connect(self.network, self.embedding_name, self._noise)

    def read_unlabelled(self, given: Any):
        if not self.perturbations.reads_unlabelled:
            raise ArgumentError(
                "unlabelled: no loss reads it. Set virtual_adversarial=1.0 or entropy=1.0 in the model."
            )
        data = self.read(texts_of_lines("unlabelled", given), target=False)
        check_texts(data["text"], "unlabelled")
        return data

    def adapt(self, x: Any, y: Any = None, unlabelled: Any = None):
        """As for every task; the vocabulary takes in the words of `unlabelled`, what `fit` takes by this name."""
        self._unlabelled = () if unlabelled is None else self.read_unlabelled(unlabelled)["text"]
        super().adapt(x, y)
        if self.vectors is not None:
            load_vectors(self.network.get_layer("embedding"), self.vectors, self.vocabulary)

    def encode(self, data: Any, *, target: bool = True):
        sentences = [self.vocabulary.encode(sentence) for sentence in self._words(check_texts(data["text"]))]
        lengths = np.array([len(sentence) for sentence in sentences], dtype="int32")
        labels = self._label_numbers(check_labels(data["label"])) if target else None
        return {"x": {"tokens": sentences, "lengths": lengths}, "y": labels, "lengths": lengths}

    def default_compile(self):
        # An object, since a name's variables would be made within the first step, which is then traced twice.
        accuracy = keras.metrics.SparseCategoricalAccuracy("accuracy")
        metrics = [accuracy] if self.monitor == type(self).monitor else [accuracy, macro_f1()]
        return {"optimizer": LazyAdam(2e-3), "loss": "sparse_categorical_crossentropy", "metrics": metrics}

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

        Any metric of Keras works: one for two classes, such as `AUC` or `Precision`, sees the probability of the
        second of two classes; one for one-hot targets gets them.
        """
        metrics, weighted_metrics = (for_classes(given) for given in (metrics, weighted_metrics))
        super().compile(optimizer, loss, metrics=metrics, weighted_metrics=weighted_metrics, **kwargs)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not (training and self.perturbations.are_on):
            return loss
        return loss + self.perturbations(x, y, sample_weight)

    def score_floor(self, valid: Any):
        """Accuracy or macro F1 of saying the most frequent label to every text."""
        most, count = max(Counter(valid["label"]).values()), len(valid)
        if most == count:
            return None
        return most / count if self.monitor == type(self).monitor else 2 * most / (most + count) / len(self.labels)

    def class_weights(self, weights: Any, y: Any):
        """`class_weight` by label name, or by class number as in Keras."""
        if not weights or weights == "balanced":
            return super().class_weights(weights, y)
        if all(label in self.labels for label in weights):
            return {self.labels.index(label): weight for label, weight in weights.items()}
        if any(number not in range(len(self.labels)) for number in weights):
            known = ", ".join(map(str, self.labels))
            raise ArgumentError(f"class_weight: expected weights by label, of {known}, got {list(weights)}.")
        return weights

    def get_config(self):
        own = ("embedding_dim", "vectors", "word_dropout", "lowercase")
        limits = ("min_count", "max_words", "max_length")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in (*own, *limits)},
            "pooling": self.pooling.pooling,
            "tokenizer": tokenizer_name(self.tokenizer),
            **self.perturbations.weights,
            "radius": self.perturbations.radius,
        }

    def _words(self, texts) -> list[list[str]]:
        sentences = [words_with(self.tokenizer, text, lowercase=self.lowercase) for text in texts]
        if self.max_length is None:
            return sentences
        long = sum(len(sentence) > self.max_length for sentence in sentences)
        if long:
            message = f"max_length: {long} of {len(sentences)} texts are cut to their first {self.max_length} words."
            warnings.warn(message, stacklevel=2)
        return [sentence[: self.max_length] for sentence in sentences]
