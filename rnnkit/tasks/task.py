"""What every task shares: a `keras.Model` that takes raw data and carries its vocabulary.

A task is built in two steps. Its constructor holds what the user chose; `adapt`, called by the first `fit`, learns
from the training data what the network needs (vocabulary, labels) as its *build config*, and makes the network.
"""

import contextlib
import inspect
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import keras
import numpy as np
from keras import ops

from rnnkit import compat
from rnnkit.checks import whole
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.layers import RecurrentStack
from rnnkit.optimizers import with_scaler
from rnnkit.optimizers.replicas import run_on_share, share_gradient
from rnnkit.tasks.batches import Batches, Feed, FollowEpoch
from rnnkit.tasks.callbacks import averaging, halving, joined
from rnnkit.tasks.inputs import as_dataset, check_weights

OF_KERAS = ("name", "dtype", "trainable")
STACK_OPTIONS = [
    name
    for name in inspect.signature(RecurrentStack).parameters
    if name not in ("layers", "return_sequences", "kwargs")
]


class Task(compat.OpenTrainer, keras.Model):
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
        batch_size: examples a step of `fit`, where nobody says it.
        network: the functional model behind the task; None until `adapt` or `fit`.
    """

    columns: ClassVar[tuple[str, ...]]
    rank: ClassVar[int] = 0
    unclassed: ClassVar[str] = ""
    monitor: ClassVar[tuple[str, str]]
    max_epochs: ClassVar[int] = 30
    patience: ClassVar[int] = 3
    halve_after: ClassVar[int | None] = None
    batch_size: ClassVar[int] = 32

    def __init__(self, cell="lstm", units=64, layers=1, *, return_sequences=True, **options):
        _check_known(type(self), options)
        super().__init__(**{name: options.pop(name) for name in OF_KERAS if name in options})
        fixed = {"return_sequences": return_sequences, "dtype": self.dtype_policy, "name": "stack"}
        self.stack = RecurrentStack(cell, units, layers, **options, **fixed)
        self.network: Any = None
        self._learned: dict[str, Any] | None = None
        self._encodings: WeakKeyDictionary[Dataset, dict[str, Any]] = WeakKeyDictionary()

    def learn(self, data: Dataset) -> dict[str, Any]:
        """What the network needs to know about the training data, as a JSON-able dict."""
        raise NotImplementedError

    def make_network(self, learned: dict[str, Any]) -> keras.Model:
        """The functional model for what was learned."""
        raise NotImplementedError

    def encode(self, data, *, target: bool = True) -> dict[str, Any]:
        """Raw data as the arguments of `Batches`: `x`, `y` and `lengths`."""
        raise NotImplementedError

    def default_compile(self) -> dict[str, Any]:
        """The optimizer, loss and metrics that `compile` uses where the user names none."""
        raise NotImplementedError

    def class_weights(self, weights):
        """The `class_weight` of `fit` by class number; tasks with named classes translate names."""
        if self.unclassed and weights is not None:
            raise ArgumentError(f"class_weight: {self.unclassed} has no class. Leave it out, or give a sample_weight.")
        return weights

    def read(self, x, y=None, *, target: bool = True) -> Dataset:
        """Raw data in any form that `as_dataset` takes, with the task's columns; without the target, its inputs."""
        return as_dataset(x, y, columns=self.columns, target=target, rank=self.rank)

    def encoded(self, data: Dataset) -> dict[str, Any]:
        """What `encode` gives with the target, worked out once for as long as the data set, which never changes, is in
        use.
        """
        if data not in self._encodings:
            self._encodings[data] = self.encode(data)
        return self._encodings[data]

    def adapt(self, x, y=None) -> None:
        """Learns vocabulary and labels from raw training data and makes the network; the first `fit` does it too."""
        if self.network is not None:
            raise ArgumentError("adapt: this model has its vocabulary already. Make a new model for other data.")
        data = self.read(x, y)
        self.build_from_config(self.learn(data))

    def build_from_config(self, config):
        if not config:
            return
        with _scope(self):
            self.network = self.make_network(config)
        self._learned = config
        self.built = True

    def get_build_config(self):
        return self._learned

    def get_config(self):
        stack = self.stack.get_config()
        return {**super().get_config(), **{name: stack[name] for name in STACK_OPTIONS}}

    def call(self, inputs, training=False):
        self._need_network()
        return run_on_share(self.network, inputs, training=training)

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", jit_compile=False, **kwargs):
        """As `keras.Model.compile`; `"auto"` takes the task's own setting.

        XLA is off unless asked for: it compiles once for every batch length.
        """
        given = {"optimizer": optimizer, "loss": loss, "metrics": metrics}
        with _scope(self):
            chosen = {name: value for name, value in given.items() if not _is_auto(value)}
            defaults = self.default_compile() if len(chosen) < len(given) else {}
            settings = {**defaults, **chosen}
            if self.dtype_policy.name == "mixed_float16" and kwargs.get("auto_scale_loss", True):
                settings["optimizer"] = with_scaler(settings["optimizer"])
            super().compile(**settings, jit_compile=jit_compile, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return share_gradient(loss, ops.shape(keras.tree.flatten(x)[0])[0])

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs="auto",
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        validation_batch_size=128,
        **kwargs,
    ):
        """Trains on raw data; learns the vocabulary first if there is none yet, and compiles if nobody did.

        Args:
            x, y: raw data in any form that `as_dataset` takes.
            batch_size: examples a step; None takes the task's own.
            epochs: int, exactly as in Keras; or `"auto"`: train until the validation metric has not improved for
                `patience` epochs and keep the best epoch's weights. Without validation data that is 10 epochs.
            callbacks: of Keras; when training ends they find the weights of the best epoch, where those are kept.
            validation_split: share of the rows, drawn at random, to hold out. (Keras takes the last rows, which goes
                wrong on data that is sorted by label.)
            validation_data: raw data.
            sample_weight: a weight for each example's loss, shape (N,).
            kwargs: anything else that `keras.Model.fit` takes.

        Returns:
            The `keras.callbacks.History`.

        Raises:
            DataError: data that cannot be used; the message names what and where.
        """
        seed = int(np.random.randint(2**31))
        data = self.read(x, y)
        weights = check_weights(sample_weight, len(data))
        if not 0 <= validation_split < 1 or (validation_split and round(validation_split * len(data)) >= len(data)):
            raise ArgumentError(
                "validation_split: expected a share in [0, 1) that leaves rows to train on, "
                f"got {validation_split!r} of {len(data)} rows."
            )
        if validation_split and validation_data is None:
            rows = np.random.default_rng(seed).permutation(len(data))
            held_out = rows[: max(1, round(validation_split * len(data)))]
            rows = np.setdiff1d(rows, held_out)
            data, validation_data = data.take(rows), data.take(held_out)
            weights = None if weights is None else weights[rows]
        if self.network is None:
            self.adapt(data)
        if not self.compiled:
            self.compile()
        with _scope(self):
            self.optimizer.build(self.trainable_variables)  # here, as within a step TensorFlow would trace it again
        size = self.batch_size if batch_size is None else batch_size
        batches = Batches(**self.encoded(data), batch_size=size, shuffle=shuffle, seed=seed, weights=weights)
        if validation_data is not None:
            validation_data = self._batches(validation_data, None, validation_batch_size)
        epochs, stopping = self._epochs(epochs, validation_data is not None)
        return super().fit(
            Feed(batches, self.class_weights(class_weight)),
            epochs=epochs,
            verbose=verbose,
            shuffle=shuffle,
            callbacks=joined(self, [FollowEpoch(batches), *averaging(self.optimizer), *stopping], callbacks),
            validation_data=validation_data,
            **kwargs,
        )

    def evaluate(self, x=None, y=None, batch_size=128, verbose="auto", sample_weight=None, **kwargs):
        """As `keras.Model.evaluate`, on raw data."""
        self._need_network()
        if not self.compiled:
            self.compile()
        if not isinstance(x, Feed):  # Keras' own fit calls this method with what it was given
            x = self._batches(x, y, batch_size, sample_weight)
        return super().evaluate(x, verbose=verbose, **kwargs)

    def predict(self, x, batch_size=128, verbose="auto", **kwargs):
        """As `keras.Model.predict`, on raw data: one row an example, in the order of `x`."""
        self._need_network()
        data = self.read(x, target=False)
        batches = Batches(**self.encode(data, target=False), batch_size=batch_size)
        return super().predict(Feed(batches), verbose=verbose, **kwargs)[np.argsort(batches.order)]

    def auto_callbacks(self) -> list[keras.callbacks.Callback]:
        """What `epochs="auto"` trains with, where there is validation data."""
        rate = halving(getattr(self, "optimizer", None), self.monitor, self.halve_after)
        return [*rate, self.best_epoch(self.patience)]

    def best_epoch(self, patience: int) -> keras.callbacks.EarlyStopping:
        """A callback that ends training after `patience` epochs without a better one and keeps the best weights."""
        name, mode = self.monitor
        return keras.callbacks.EarlyStopping(name, mode=mode, patience=patience, restore_best_weights=True)

    def network_inputs(self, x) -> dict[str, np.ndarray]:
        """Raw inputs as the numbers that `network`, and a file that `export` wrote, take.

        Args:
            x: inputs in any form that `predict` takes.

        Returns:
            Arrays by the names of the network's inputs, their rows in the order of `x`, padded to the longest. For a
            `Translator` its input `target` is not among them: that is what was written so far.
        """
        self._need_network()
        data = self.read(x, target=False)
        encoded, rows = self.encode(data, target=False)["x"], len(data)
        arrays = Batches(encoded, lengths=np.zeros(rows), batch_size=rows)[0][0]
        return {name: array.astype(self.network.input[name].dtype) for name, array in arrays.items()}

    def probe_batch(self, x, y):
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

    def export(self, filepath, format="tf_saved_model", **options):  # noqa: A002  (Keras' name)
        """As `keras.Model.export`: writes the network, numbers in and scores out, as a file that needs no rnnkit.

        Its inputs are those of `network_inputs`; what makes numbers of raw data, and answers of scores, stays outside.

        Args:
            filepath: a folder, or for ONNX a file.
            format: `"tf_saved_model"`, `"onnx"`, which needs `rnnkit[export]`, or another that Keras has.
            options: anything else that `keras.Model.export` takes.

        Raises:
            ArgumentError: there is no network yet, or none that the format can hold.
        """
        from rnnkit.tasks.export import export_network

        self._need_network()
        export_network(self.network, filepath, format, **options)

    def preview(self, data: Dataset, rows: int = 6):
        """A few rows of `data`, seeded, beside the model's answers, as a DataFrame."""
        raise NotImplementedError

    def summary(self, **kwargs):
        """Prints the network's layers."""
        self._need_network()
        self.network.summary(**kwargs)

    def build_for(self, iterator=None, batch=None):
        # Under a strategy Keras takes the mean of the replicas' first shares for an example, and they may differ.
        if iterator is not None and self.distribute_strategy.num_replicas_in_sync > 1:
            iterator, batch = None, iterator.data_adapter.py_dataset[0]
        super().build_for(iterator, batch)

    def _batches(self, x, y, batch_size, sample_weight=None) -> Feed:
        if isinstance(x, tuple) and len(x) == 3:
            x, y, sample_weight = x
        data = self.read(x, y)
        weights = check_weights(sample_weight, len(data))
        return Feed(Batches(**self.encoded(data), batch_size=batch_size, weights=weights))

    def _epochs(self, epochs, validated: bool):
        if epochs != "auto":
            return whole("epochs", epochs, also=" or 'auto'"), []
        if not validated:
            return 10, []
        return self.max_epochs, self.auto_callbacks()

    def _need_network(self) -> None:
        if self.network is None:
            name = type(self).__name__
            raise ArgumentError(f"{name} has seen no data yet. Call fit or adapt first, or load a saved model.")


def _check_known(task: type, options: dict[str, Any]) -> None:
    for name in options:
        if name not in (*STACK_OPTIONS, *OF_KERAS):
            own = [each for each in inspect.signature(task).parameters if each != "options"]
            known = ", ".join(dict.fromkeys([*own, *STACK_OPTIONS, *OF_KERAS]))
            raise ArgumentError(f"{name}: {task.__name__} has no such argument. It takes {known}.")


def _is_auto(value) -> bool:
    return isinstance(value, str) and value == "auto"


def _scope(model):
    """Variables are made where the model's distribution strategy (TensorFlow only) wants them."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()
