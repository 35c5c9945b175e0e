"""Language models: a stream of tokens in, the next token out.

Legend: `B` batch, `T` steps, `D` directions, `V` tokens of the vocabulary.
"""

import functools
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import fraction, one_of, whole
from rnnkit.layers import AdaptiveSoftmax, RecurrentStack
from rnnkit.layers.adaptive_softmax import output_vectors
from rnnkit.layers.sequence import padded_labels
from rnnkit.optimizers import Adam
from rnnkit.optimizers.replicas import run_on_share
from rnnkit.recurrent.compiled import compiled
from rnnkit.recurrent.softmax import target_log_probabilities
from rnnkit.tasks.columns import check_texts
from rnnkit.tasks.inputs import take_apart
from rnnkit.tasks.language.answers import LanguageAnswers
from rnnkit.tasks.language.carried import CarriedState, ResumedState, check_backend
from rnnkit.tasks.language.generation import Generator, piece_reader
from rnnkit.tasks.language.stream import Pieces, Strips, interleaved, tokens_at
from rnnkit.tasks.next_token import Perplexity, SubwordLoss, TokenBits, TokenNLL
from rnnkit.tasks.raw_data_model import strategy_scope
from rnnkit.text.corpus import Corpus, open_corpus
from rnnkit.text.tokenization import END, TOKENIZATIONS, learn_tokenization, tokenization_from_config

DIRECTIONS = ("forward", "both")
SOFTMAXES = ("full", "adaptive")
SIZES = {"characters": 10_000, "bytes": 260, "words": 30_000, "subwords": 8_000}
NAMES = ("tokens", "backward")
PROBE_STEPS = 2  # of a probe, in chunks of training


@keras.saving.register_keras_serializable(package="rnnkit")
class LanguageModel(LanguageAnswers):
    """Predicts the next character, word or subword of a text from all before it, and writes texts.

        model = rnnkit.LanguageModel(cell="lstm", units=256)
        model.fit("book.txt", epochs=5)
        print(model.generate("It was ", length=200, seed=1))
        model.score("It was the best of times.")  # log probability of each character, and of the end

    Data are texts, in any form that other tasks take for their texts, or the path of a file or folder of text files,
    plain or `.gz`, of which a part at a time is in memory (see `rnnkit.text.corpus.Corpus`). There is no y.

    Training reads all texts as one stream, each with an end behind it, in `batch_size` parallel strips. The state is
    carried from batch to batch and is zero at the start of each strip, which is that of a text unless texts are long
    (see `text_strips`); the gradient reaches back `bptt_steps` steps (Zaremba, Sutskever and Vinyals, "Recurrent neural
    network regularization", 2014). Evaluation reads each text from
    a fresh state; `nll` is the mean over all tokens, ends included, in nats, and the same however texts are cut into
    batches. With characters or bytes there is `bits_per_character` or `bits_per_byte`, else `perplexity`.

    Args:
        tokenization: `"characters"`, `"bytes"`, `"words"` or `"subwords"` (see `rnnkit.text.tokenization`).
        vocabulary_size: entries of the vocabulary at most; None takes 10,000 characters, 30,000 words, 8,000 subwords.
        lowercase: fold capital letters.
        cell, units, layers: of the recurrent stack (see `RecurrentStack`).
        direction: `"forward"`; or `"both"`: a second stack reads from the end of each text to its beginning, with the
            same embeddings (Peters et al., "Deep contextualized word representations", 2018), and each measure is the
            mean of both. Only the forward one writes.
        embedding_dim: size of a token's vector.
        tied_embeddings: predict the next token with the matrix that embeds tokens (Press and Wolf, "Using the output
            embedding to improve language models", 2017).
        softmax: `"full"`; or `"adaptive"`, for many words: exact too, and cheaper in training and
            evaluation (see `rnnkit.layers.AdaptiveSoftmax`).
        dropout: fraction of the features dropped before each recurrent layer and before the output, in [0, 1).
        bptt_steps: steps of a batch, through which the gradient goes.
        options: any other argument of `RecurrentStack`, but `bidirectional` and `gradient_penalty`; and `name` and
            `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.
    """

    columns = ("text",)
    unclassed = "a token"
    monitor = ("val_nll", "min")
    max_epochs = 100
    patience = 3
    halve_after = 1
    batch_size = 32

    def __init__(
        self,
        tokenization: str = "characters",
        vocabulary_size: int | None = None,
        lowercase: bool = False,
        cell: Any = "lstm",
        units: int | Sequence[int] = 256,
        layers: int = 1,
        direction: str = "forward",
        embedding_dim: int = 128,
        tied_embeddings: bool = True,
        softmax: str = "full",
        dropout: float = 0.2,
        bptt_steps: int = 64,
        **options: Any,
    ):
        for name in ("bidirectional", "gradient_penalty"):
            if options.get(name):
                raise ArgumentError(f"{name}: a language model cannot have it. For two directions: direction='both'.")
        super().__init__(cell, units, layers, dropout=dropout, **options)
        self.tokenization = one_of("tokenization", tokenization, TOKENIZATIONS)
        self.vocabulary_size = whole("vocabulary_size", vocabulary_size or SIZES[tokenization], least=5)
        self.lowercase = lowercase
        self.direction = one_of("direction", direction, DIRECTIONS)
        self.embedding_dim = whole("embedding_dim", embedding_dim)
        self.tied_embeddings = tied_embeddings
        self.softmax = one_of("softmax", softmax, SOFTMAXES)
        self.bptt_steps = whole("bptt_steps", bptt_steps)
        self.output_dropout = keras.layers.Dropout(fraction("dropout", dropout), name="output_dropout")
        self.stacks = [self.stack]
        if direction == "both":
            settings = {**self.stack.get_config(), "name": "backward_stack"}
            self.stacks.append(RecurrentStack.from_config(settings))
        # Hidden from Keras, which would save them as parts of the model.
        self._carried = {training: [CarriedState() for _ in self.stacks] for training in (False, True)}

    def read(self, x: Any, y: Any = None, *, target: bool = True):
        """A `Dataset` with the column `text`, or a `Corpus`, which is read again whenever it is needed."""
        if isinstance(x, (str, os.PathLike)):
            x = open_corpus(x)
        if not isinstance(x, Corpus):
            x, y, *_ = take_apart(x, y, columns=self.columns, rank=self.rank)
        if y is not None:
            raise DataError("y: the target of a language model is the text itself. Leave y out.")
        if isinstance(x, Dataset) and "text" in x.columns and x.columns != self.columns:
            x = Dataset({"text": x["text"]}, name=x.name)  # labelled texts are texts
        return x if isinstance(x, Corpus) else super().read(x)

    def learn(self, data: Any):
        texts = data["text"]
        if isinstance(data, Dataset):
            check_texts(texts)
        found = learn_tokenization(self.tokenization, texts, self.vocabulary_size, self.lowercase)
        if len(found) < 6 and self.tokenization != "bytes":
            raise DataError(f"x: expected texts of at least two different {self.tokenization}. Give more text.")
        return found.to_config()

    def make_network(self, learned: dict[str, Any]):
        self._tokens = tokenization_from_config(learned)
        size, policy = len(self._tokens), self.dtype_policy
        options = {"tie_weights": self.tied_embeddings, "embeddings_initializer": "glorot_uniform", "dtype": policy}
        self.embedding = keras.layers.ReversibleEmbedding(size, self.embedding_dim, name="embedding", **options)
        self.projections = [
            keras.layers.Dense(self.embedding_dim, name=f"{name}_projection", dtype=policy) for name in self._names
        ]
        self.adaptive = AdaptiveSoftmax(self.embedding, dtype=policy) if self.softmax == "adaptive" else None
        self._by_step = keras.layers.Reshape((-1, size), dtype="float32")
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in self._names}
        inputs["lengths"] = keras.Input((), dtype="int32", name="lengths")
        contexts = [
            stack(self.embedding(inputs[name]), inputs["lengths"])
            for stack, name in zip(self.stacks, self._names, strict=True)
        ]
        network = keras.Model(inputs, self._logits(contexts), name="network")
        self.draw = compiled(Generator(self.embedding, self.stack, self.next_token, dtype="float32"))
        self.read_piece = functools.cache(lambda: piece_reader(self))
        read = {name: inputs[name] for name in ("tokens", "lengths")}
        self._forward = compiled(keras.Model(read, self.next_token(contexts[0]), name="forward"), read)
        return network

    @property
    def recurrent_stacks(self) -> Sequence[RecurrentStack]:
        return self.stacks

    @property
    def _names(self) -> tuple[str, ...]:
        return NAMES[: len(self.stacks)]

    def _logits(self, contexts, training=None):
        """Logits (B, T * D, V) from the contexts (B, T, H) of each direction."""
        found = [self.next_token(each, index, training) for index, each in enumerate(contexts)]
        if len(found) == 1:
            return found[0]
        joined = ops.concatenate([each[:, :, None] for each in found], axis=2)
        return self._by_step(joined)

    def next_token(self, context: Any, index: int = 0, training: bool | None = None):
        """Logits of the next token, float32, from a context of the stack with this number."""
        vector = self._vector(context, index, training)
        if self.adaptive is not None:
            return self.adaptive(vector)
        return ops.cast(self.embedding(vector, reverse=True), "float32")

    def _vector(self, context, index, training=None):
        return self.projections[index](self.output_dropout(context, training=training))

    def call(self, inputs: Any, training: bool = False):
        if "fresh" not in inputs:
            return self.network({name: inputs[name] for name in self.network.input}, training=training)
        return run_on_share(self._carried_on, inputs, training=training)

    def _carried_on(self, inputs, training):
        """Log probabilities (B, T * D) of a batch's targets, from the states that the batch before has left.

        They are computed once for loss and metrics, whose softmax over many words would cost as much as training.
        """
        contexts = []
        for stack, name, carried in zip(self.stacks, self._names, self._carried[bool(training)], strict=True):
            zero = stack.initial_states(ops.shape(inputs[name])[0])
            states = carried.begin(zero, inputs["fresh"])
            context, states = stack.carry(self.embedding(inputs[name]), states, training=training)
            carried.keep(states)
            contexts.append(context)
        vectors = ops.stack([self._vector(each, index, training) for index, each in enumerate(contexts)], axis=2)
        targets, _ = padded_labels(inputs["targets"])
        vectors = ops.reshape(vectors, (*ops.shape(targets), self.embedding_dim))
        if self.adaptive is not None:
            return self.adaptive(vectors, targets)
        return target_log_probabilities(vectors, output_vectors(self.embedding), targets)

    def encode(self, data: Any, *, target: bool = True):
        """Each text by itself: its tokens with the end of another before them, and, as targets, with its own behind."""
        texts = self._texts(data)
        places = [np.arange(len(text)) for text in texts]
        lengths = np.array([len(text) for text in texts], "int32")

        def read(name, shift=0):
            return [tokens_at(text, name, each - shift) for text, each in zip(texts, places, strict=True)]

        y = [interleaved(each) for each in zip(*map(read, self._names), strict=True)] if target else None
        return {"x": {**{name: read(name, 1) for name in self._names}, "lengths": lengths}, "y": y, "lengths": lengths}

    def encode_to_serve(self, data: Any):
        texts = self._texts(data)
        return {"texts": texts, "y": None, "lengths": np.array([len(text) for text in texts])}

    def _texts(self, data) -> list:
        """The tokens of each text with its end; of a corpus one stream, in a file."""
        if isinstance(data, Corpus):
            return [data.encoded(self.tokens)]
        return [np.array([*numbers, END], "int32") for numbers in self.tokens.encode(data["text"])]

    def make_batches(self, *, training: bool = False, **encoded: Any):
        if encoded.pop("weights", None) is not None:
            raise ArgumentError("sample_weight: a stream has no examples that could be weighted. Leave it out.")
        texts, directions = encoded["texts"], len(self.stacks)
        check_backend()
        with strategy_scope(self):
            for stack, *carried in zip(self.stacks, *self._carried.values(), strict=True):
                for each in carried:  # Keras builds a model by calling it as in evaluation
                    each.make(stack.initial_states(1))
        if not training:
            options = {name: encoded.get(name) for name in ("batch_size", "shares")}
            return Pieces(texts, size=len(self.tokens), directions=directions, **options)
        stream = texts[0] if len(texts) == 1 else np.concatenate(texts)
        order = {name: encoded[name] for name in ("batch_size", "shuffle", "seed")}
        options = {"steps": self.bptt_steps, "steps_per_epoch": encoded["steps"]}
        return Strips(stream, directions=directions, **options, **order)

    def callbacks_of_fit(self, batches: Any) -> list[keras.callbacks.Callback]:
        return [*super().callbacks_of_fit(batches), ResumedState(self._carried[True])]

    def default_compile(self):
        kind = self.tokenization.removesuffix("s")
        usual = TokenBits(f"bits_per_{kind}") if kind in ("character", "byte") else Perplexity()
        optimizer = Adam(3e-3, global_clipnorm=1.0)
        return {"optimizer": optimizer, "loss": SubwordLoss(), "metrics": [TokenNLL(), usual]}

    def probe_batch(self, x: Any, y: Any = None):
        """Pieces of the texts as inputs of the network and targets of the loss, for `rnnkit.diagnose`."""
        steps, rows = PROBE_STEPS * self.bptt_steps, []
        for text in self._texts(self.read(x)):
            rows += [np.asarray(text[start : start + steps]) for start in range(0, len(text), steps)]
        [x, y] = Pieces(rows[:32], size=len(self.tokens), directions=len(self.stacks), steps=steps)[0]
        lengths = np.sum(np.asarray(y) >= 0, axis=1).astype("int32") // len(self.stacks)
        return {**{name: x[name] for name in self._names}, "lengths": lengths}, y

    def get_config(self):
        own = (
            "tokenization",
            "vocabulary_size",
            "lowercase",
            "direction",
            "embedding_dim",
            "tied_embeddings",
            "softmax",
            "bptt_steps",
        )
        config = {**super().get_config(), **{name: getattr(self, name) for name in own}}
        return {name: value for name, value in config.items() if name not in ("bidirectional", "gradient_penalty")}

    def _is_encoded(self, x) -> bool:
        return self.network is not None and isinstance(x, dict) and set(self._names) <= x.keys()
