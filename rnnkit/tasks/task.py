"""What every task shares: a `keras.Model` that takes raw data and carries its vocabulary.

A task is built in two steps. Its constructor holds what the user chose; `adapt`, called by the first `fit`, learns
from the training data what the network needs (vocabulary, labels) as its *build config*, and makes the network.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import keras
from keras import ops

from rnnkit import workers
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import whole
from rnnkit.layers import RecurrentStack
from rnnkit.optimizers import with_scaler
from rnnkit.optimizers.replicas import share_gradient
from rnnkit.recurrent.compiled import compiled
from rnnkit.tasks.arguments import OF_STACK, check_known, full_signature
from rnnkit.tasks.batches import WHOLE, Batches
from rnnkit.tasks.callbacks import BestEpoch, Halving, follows_schedule
from rnnkit.tasks.examples import balanced
from rnnkit.tasks.inputs import as_dataset
from rnnkit.tasks.portable_model import PortableModel
from rnnkit.tasks.raw_data_model import WITHOUT_VALIDATION, RawDataModel, strategy_scope
from rnnkit.tasks.settings import OF_KERAS
from rnnkit.tasks.shares import encoded_by_all
from rnnkit.text.vocabulary import SPECIAL


class Task(RawDataModel, PortableModel):
    """Base of the tasks. A subclass names its columns and fills in the four methods that raise here.

    Args:
        cell, units, layers: of the recurrent stack (see `RecurrentStack`).
        options: any other argument of `RecurrentStack`, and `name` and `dtype` as for a `keras.Model`.

    Raises:
        ArgumentError: an unknown argument.

    Attributes:
        stack: the `RecurrentStack`.
        columns: the raw data's columns, inputs first, the target last.
        rank: axes of one raw input: 0 for a text, 1 for a list of words.
        unclassed: what an example is called, where it has no class that could be weighted; else empty.
        monitor: the epoch log that says which epoch is best, and its direction, `"max"` or `"min"`.
        max_epochs: where `epochs="auto"` stops at the latest.
        patience: epochs without a better one after which `epochs="auto"` stops.
        halve_after: epochs without a better one after which `epochs="auto"` halves the learning rate, unless that
            follows a schedule; None never does.
        batch_size: examples per step of `fit`, where nobody says it.
        embedding_name: the layer of `network` that gives token vectors, where there is one.
        reserved: token numbers that stand before those of tokens.
        source: where the first weights come from, with a method `start(task)` that sets them; None for new ones.
        floor: `score_floor` of the validation data of the last `fit`.
        ended_at_floor: whether the score never left it in the last training with `best_epoch`; None before that.
        kept_epoch: the epoch, from 0, whose weights that training kept.
        network: the functional model behind the task; None until `adapt` or `fit`.
    """

    columns: ClassVar[tuple[str, ...]]
    rank: ClassVar[int] = 0
    unclassed: str = ""
    monitor: tuple[str, str]
    max_epochs: ClassVar[int] = 30
    patience: ClassVar[int] = 3
    halve_after: ClassVar[int | None] = None
    batch_size: ClassVar[int] = 32
    embedding_name: ClassVar[str] = "embedding"
    reserved: ClassVar[int] = len(SPECIAL)
    source: Any = None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__signature__ = full_signature(cls)

    def __init__(
        self,
        cell: Any = "lstm",
        units: int | Sequence[int] = 64,
        layers: int = 1,
        *,
        return_sequences: bool = True,
        **options: Any,
    ):
        check_known(type(self), options)
        super().__init__(**{name: options.pop(name) for name in OF_KERAS if name in options})
        fixed = {"return_sequences": return_sequences, "dtype": self.dtype_policy, "name": "stack"}
        self.stack = RecurrentStack(cell, units, layers, **options, **fixed)
        self.network: Any = None
        self.floor: float | None = None
        self.ended_at_floor: bool | None = None
        self.kept_epoch: int | None = None
        self._learned: dict[str, Any] | None = None
        self._encodings: WeakKeyDictionary[Dataset, dict[str, Any]] = WeakKeyDictionary()
        self._shares: WeakKeyDictionary[Dataset, dict[str, Any]] = WeakKeyDictionary()

    def learn(self, data: Dataset) -> dict[str, Any]:
        """What the network needs to know about the training data, as a JSON-able dict."""
        raise NotImplementedError

    def make_network(self, learned: dict[str, Any]) -> keras.Model:
        """The functional model for what was learned."""
        raise NotImplementedError

    def encode(self, data: Any, *, target: bool = True) -> dict[str, Any]:
        """Raw data as the arguments of `Batches`: `x`, `y` and `lengths`."""
        raise NotImplementedError

    def encode_to_serve(self, data: Any) -> dict[str, Any]:
        """Raw data with targets as the arguments of `make_batches`: what `encode` gives, unless batches are others."""
        return self.encode(data)

    def default_compile(self) -> dict[str, Any]:
        """The optimizer, loss and metrics that `compile` uses where the user names none."""
        raise NotImplementedError

    def class_weights(self, weights: Any, y: Any):
        """The `class_weight` of `fit` by class number, for encoded targets y; tasks with class names translate them."""
        if self.unclassed and weights is not None:
            raise ArgumentError(f"class_weight: {self.unclassed} has no class. Leave it out, or give a sample_weight.")
        return balanced(y) if weights == "balanced" else weights

    def example_weights(self, weights: Any, encoded: dict[str, Any]):
        """Weights of rows (N,), or None, as those of the examples that `encode` made from them."""
        return weights

    def read(self, x: Any, y: Any = None, *, target: bool = True) -> Dataset:
        """Raw data in any form that `as_dataset` takes, with the task's columns; without the target, its inputs."""
        return as_dataset(x, y, columns=self.columns, target=target, rank=self.rank)

    def read_unlabelled(self, given: Any) -> Dataset:
        """What `fit` was given as `unlabelled`, as a `Dataset` of inputs.

        Raises:
            ArgumentError: the task has no loss that could use it.
        """
        raise ArgumentError(f"unlabelled: {type(self).__name__} has no loss that could use it. Leave it out.")

    def encoded(self, data: Dataset) -> dict[str, Any]:
        """What `make_batches` takes, worked out once for as long as the data set, which never changes, is in use."""
        if data not in self._encodings:
            self._encodings[data] = self.encode_to_serve(data)
        return self._encodings[data]

    def encoded_to_measure(self, data: Dataset) -> dict[str, Any]:
        """The same for `evaluate`: of several workers each encodes its own rows only (see `encoded_by_all`)."""
        if not (workers.are_sharing(self._strategy) and isinstance(data, Dataset)):
            return self.encoded(data)
        if data not in self._shares:
            self._shares[data] = encoded_by_all(self._strategy, data, self.encode_to_serve)
        return self._shares[data]

    def adapt(self, x: Any, y: Any = None) -> None:
        """Learns vocabulary and labels from raw training data and makes the network; the first `fit` does it too."""
        if self.network is not None:
            raise ArgumentError("adapt: this model has its vocabulary already. Make a new model for other data.")
        data = self.read(x, y)
        self.build_from_config(self.learn(data))
        if self.source is not None:
            self.source.start(self)

    def layer_groups(self) -> list[list]:
        """Variables by the depth of their layers, for fine-tuning: the output layers and all else that is new,
        each recurrent layer, from the last to the first, and the token vectors.
        """
        blocks = zip(*(reversed(stack.blocks) for stack in self.recurrent_stacks), strict=True)
        layers: list[list] = [[layer for block in each for layer in block.values()] for each in blocks]
        layers.append([each for each in self.network.layers if each.name == self.embedding_name])
        groups = [[each for layer in group for each in layer.trainable_variables] for group in layers]
        lower = {id(each) for group in groups for each in group}
        top = [each for each in self.trainable_variables if id(each) not in lower]
        return [group for group in (top, *groups) if group]

    @property
    def recurrent_stacks(self) -> Sequence[RecurrentStack]:
        """The stacks that read the inputs, all of the same depth."""
        return [self.stack]

    def build_from_config(self, config: dict[str, Any]):
        if not config:
            return
        with strategy_scope(self):
            self.network = self.make_network(config)
        self._answer = compiled(self, self.network.input)
        self._learned = config
        self.built = True

    def get_build_config(self):
        return self._learned

    def get_config(self):
        stack = self.stack.get_config()
        return {**super().get_config(), **{name: stack[name] for name in OF_STACK}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None):
        return super().from_config({"project_inputs": False, **config}, custom_objects)  # as in `RecurrentStack`

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        metrics: Any = "auto",
        jit_compile: bool | str = False,
        **kwargs: Any,
    ):
        """As `keras.Model.compile`; `"auto"` takes the task's own setting.

        XLA is off unless asked for: it compiles once for every batch length.
        """
        given = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        with strategy_scope(self):
            chosen = {name: value for name, value in given.items() if not _is_auto(value)}
            defaults = self.default_compile() if len(chosen) < len(given) else {}
            settings = {**defaults, **chosen}
            if self.dtype_policy.name == "mixed_float16" and kwargs.get("auto_scale_loss", True):
                settings["optimizer"] = with_scaler(settings["optimizer"])
            super().compile(**settings, jit_compile=jit_compile, **kwargs)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return share_gradient(loss, ops.shape(keras.tree.flatten(x)[0])[0], x.get(WHOLE))

    def compile_from_config(self, config: dict[str, Any]):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def score_floor(self, valid: Dataset) -> float | None:
        """What the monitored score is on validation data for a model that has learned nothing; None if it varies."""
        return None

    def auto_callbacks(self, patience: int | None = None) -> list[keras.callbacks.Callback]:
        """What `epochs="auto"` trains with, where there is validation data.

        Args:
            patience: epochs without a better one after which to stop, and to halve the learning rate; None takes the
                task's own.
        """
        best = self.best_epoch(patience or self.patience)
        if self.halve_after is None or follows_schedule(getattr(self, "optimizer", None)):
            return [best]
        return [best, Halving(best, patience or self.halve_after)]

    def best_epoch(self, patience: int) -> BestEpoch:
        """A callback that ends training after `patience` epochs without a better one and keeps the best weights."""
        return BestEpoch(*self.monitor, patience)

    def probe_batch(self, x: Any, y: Any):
        """Raw data as one batch of `network`'s inputs and the targets of the loss, for `rnnkit.diagnose`.

        Raises:
            DataError: it is too much for one batch.
        """
        data = self.read(x, y)
        batches = Batches(**self.encode(data), batch_size=len(data))
        if batches.num_batches > 1:
            raise DataError(f"x: {len(data)} sequences of this length are too much for one probe. Give fewer.")
        return batches[0]

    def known_lag(self, median_length: float) -> tuple[float, str] | None:
        """The steps back that the task needs, and what that is taken from, in words; None where it is not known."""
        return None

    def predicts_each_step_of(self, layer: keras.Layer) -> bool:
        """Whether a recurrent layer's steps are those of the predictions, wherever their numbers agree."""
        return True

    def preview(self, data: Dataset, rows: int = 6):
        """A few rows of `data`, seeded, with the model's answers, as a DataFrame."""
        raise NotImplementedError

    def _epochs(self, epochs, validated: bool):
        if epochs != "auto":
            return whole("epochs", epochs, also=" or 'auto'"), []
        if not validated:
            return WITHOUT_VALIDATION, []
        return self.max_epochs, self.auto_callbacks()


def _is_auto(value) -> bool:
    return isinstance(value, str) and value == "auto"
