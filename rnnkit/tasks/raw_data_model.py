"""A `keras.Model` whose methods take raw data where Keras takes numbers."""

import contextlib
import math
import warnings
from typing import Any

import keras
import numpy as np

from rnnkit import compat, workers
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.optimizers.replicas import run_on_share
from rnnkit.tasks.batches import BatchAdapter, Batches, FollowEpoch
from rnnkit.tasks.callbacks import averaging, check_checkpoints, joined
from rnnkit.tasks.examples import check_weights, held_out, weighted
from rnnkit.tasks.fine_tuning import find_fine_tuning
from rnnkit.tasks.inputs import take_apart
from rnnkit.tasks.shares import answered_by_all

WITHOUT_VALIDATION = 10  # epochs of `epochs="auto"`


class RawDataModel(compat.OpenTrainer, keras.Model):
    """`fit`, `evaluate` and `predict`, whole or by batch, on raw data; `Task` says what the data are."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int | str = "auto",
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        validation_batch_size: int = 128,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        unlabelled: Any = None,
        fine_tuning: Any = False,
        **kwargs: Any,
    ):
        """Trains on raw data; learns the vocabulary first if there is none yet, and compiles if nobody did.

        All data are read before training begins. A `tf.data.Dataset`, `PyDataset` or generator has elements (x, y) or
        (x, y, weight), in batches or not. Of one that is endless, or whose length is unknown, `steps_per_epoch`
        batches are read, once: every epoch trains on them. Without `steps_per_epoch` endless data are refused, and of
        unknown length at most a million rows (or 2 GB) are read.

        Args:
            x, y: raw data in any form that `as_dataset` takes; a source of elements brings its own y.
            batch_size: examples per step; None takes that of a source of batches, else the task's own.
            epochs: int, exactly as in Keras; or `"auto"`: train until the validation score has not improved for
                `patience` epochs since it first left its floor, and keep the best epoch's weights (see `BestEpoch`).
                Without validation data that is 10 epochs.
            callbacks: of Keras; when training ends they find the weights of the best epoch, where those are kept.
            validation_split: fraction of the rows, drawn at random, to hold out. (Keras takes the last rows, which
                goes wrong on data that is sorted by label.)
            validation_data: raw data, with weights or without: (x, y), (x, y, weights), or one of the other forms.
            class_weight: dict of weights by class; or `"balanced"`: each class weighs as much as any other in sum.
            sample_weight: a weight for each example's loss, shape (N,).
            steps_per_epoch: batches per epoch; the next epoch continues where this one ended.
            validation_steps: batches of the validation data to evaluate on, the first ones.
            unlabelled: more inputs, without targets, in any form that `predict` takes, or the path of a file or folder
                of text files with one on each line; for a `SentimentClassifier` with `virtual_adversarial` or
                `entropy`. Each step reads as many of them as examples.
            fine_tuning: a `FineTuning`, or True for one with its defaults: layers that start from a language model are
                trained more slowly than those above them, and later.
            kwargs: anything else that `keras.Model.fit` takes.

        Returns:
            The `keras.callbacks.History`.

        Raises:
            ArgumentError: an argument out of its range, or a `ModelCheckpoint` that would write an HDF5 file.
            DataError: data that cannot be used; the message names what and where.
        """
        seed = workers.from_first(self._strategy, int(np.random.randint(2**31)))
        for name, value in {"steps_per_epoch": steps_per_epoch, "validation_steps": validation_steps}.items():
            if value is not None:
                whole(name, value)
        check_checkpoints(callbacks)
        size = batch_size or self.batch_size
        data, weights, own_size = self._taken(x, y, sample_weight, "steps_per_epoch", steps_per_epoch, size)
        if validation_split and validation_data is None:
            data, weights, validation_data = held_out(data, weights, validation_split, seed)
        more = {} if unlabelled is None else {"unlabelled": self.read_unlabelled(unlabelled)}
        if self.network is None:
            self.adapt(data, **more)
        self._prepare()
        encoded = self.encoded(data)
        weights = self.example_weights(weights, encoded)
        weights = weighted(weights, self.class_weights(class_weight, encoded["y"]), encoded["y"])
        order: dict[str, Any] = {"batch_size": batch_size or own_size or size, "shuffle": shuffle, "seed": seed}
        if unlabelled is not None:
            encoded = {**encoded, "unlabelled": Batches(**self.encode(more["unlabelled"], target=False), **order)}
        batches = self.make_batches(**encoded, **order, weights=weights, steps=steps_per_epoch, training=True)
        valid = None
        if validation_data is not None:
            limit = ("validation_steps", validation_steps)
            valid = self._served(validation_data, None, None, validation_batch_size, *limit)
            self.floor = self.score_floor(valid.data)
        tuning = find_fine_tuning(fine_tuning)
        length = WITHOUT_VALIDATION if isinstance(epochs, str) else epochs
        epochs, stopping = self._epochs(epochs, valid is not None)
        own = [*self.callbacks_of_fit(batches), *stopping, *([] if tuning is None else [tuning])]
        with contextlib.nullcontext() if tuning is None else tuning.installed(self, length):
            history = super().fit(
                BatchAdapter(batches, strategy=self._strategy),
                epochs=epochs,
                verbose=verbose,
                shuffle=shuffle,
                callbacks=joined(self, own, callbacks),
                validation_data=valid,
                **kwargs,
            )
        if stopping and self.ended_at_floor:
            warnings.warn(
                f"{self.monitor[0]} did not leave {self.floor:.3g}, the value of a model that has learned nothing, in "
                f"{len(history.epoch)} epochs. Train longer with epochs=..., or ask rnnkit.diagnose for the reason.",
                stacklevel=2,
            )
        return history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int = 128,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        **kwargs: Any,
    ):
        """As `keras.Model.evaluate`, on raw data in any form that `fit` takes; `steps` batches of them at most."""
        self._need_network()
        self._prepare()
        if not isinstance(x, BatchAdapter):  # Keras' own fit calls this method with what it was given
            x = self._served(x, y, sample_weight, batch_size, "steps", steps)
        return super().evaluate(x, verbose=verbose, **kwargs)

    def predict(
        self, x: Any, batch_size: int = 128, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """As `keras.Model.predict`, on raw data: one row per example, in the order of `x`.

        With `verbose=0` and nothing else, on one device, it does without Keras' loop, which takes 40 ms to set up. Of
        several workers each predicts its own part of the rows, without that loop; all of them have to call it.
        """
        self._need_network()

        def answer(own):
            batches = Batches(**self.encode(own, target=False), batch_size=batch_size)
            return self.answers_to(batches, verbose, **kwargs)

        return answered_by_all(self._strategy, self.inputs(x, batch_size, steps), answer)

    def answers_to(self, batches: Batches, verbose: int | str = 0, **kwargs: Any) -> np.ndarray:
        """What the network says to each example of batches, in the order of the data; arguments as of `predict`."""
        shared = workers.are_sharing(self._strategy)
        if shared and kwargs:
            raise ArgumentError(f"{', '.join(kwargs)}: workers predict without Keras' loop, which alone takes it.")
        if shared or (verbose == 0 and not kwargs and not self._several_devices()):
            found = np.concatenate([self._answer(batches[index][0]) for index in range(batches.num_batches)])
        else:
            found = super().predict(BatchAdapter(batches, strategy=self._strategy), verbose=verbose, **kwargs)
        return found[np.argsort(batches.order)]

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ):
        """As `keras.Model.train_on_batch`, on raw data; `adapt` must have learned the vocabulary."""
        batch = self._one_batch(x, y, sample_weight, class_weight)
        return super().train_on_batch(*batch, return_dict=return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False):
        """As `keras.Model.test_on_batch`, on raw data."""
        return super().test_on_batch(*self._one_batch(x, y, sample_weight), return_dict=return_dict)

    def predict_on_batch(self, x: Any):
        """As `predict`, for one batch of raw data."""
        if not self._is_encoded(x):
            return self.predict(x, verbose=0)
        return self._answer(x) if self._several_devices() else super().predict_on_batch(x)  # else once for each device

    def __call__(self, inputs, *args, **kwargs):
        self._need_network()
        if not self._is_encoded(inputs):
            names, name = ", ".join(self.network.input), type(self).__name__
            raise ArgumentError(
                f"{name}: expected a dict with the numbers {names}, got {type(inputs).__name__}. Give raw data to "
                "predict, or call the model with model.network_inputs(x)."
            )
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Any, training: bool = False):
        inputs = {name: inputs[name] for name in self.network.input}  # `fit` may add unlabelled texts
        return run_on_share(self.network, inputs, training=training)

    def network_inputs(self, x: Any) -> dict[str, np.ndarray]:
        """Raw inputs as the numbers that `network`, and a file that `export` wrote, take.

        Args:
            x: inputs in any form that `predict` takes.

        Returns:
            Arrays by the names of the network's inputs, their rows in the order of `x`, padded to the longest. For a
            `Translator` its input `target` is not among them: that is what was written so far.
        """
        self._need_network()
        data = self.read(x, target=False)
        encoded = self.encode(data, target=False)
        rows = len(encoded["lengths"])
        arrays = Batches(encoded["x"], lengths=np.zeros(rows), batch_size=rows)[0][0]
        return {name: array.astype(self.network.input[name].dtype) for name, array in arrays.items()}

    def _taken(self, x, y=None, weights=None, argument="steps", steps=None, batch_size=1, target=True):
        """The data, their weights or None, and the batch size of a source of batches or None."""
        advice = f"Give {argument} to read that number of batches. " if argument else ""
        options = {"steps": steps, "rows_per_step": batch_size, "advice": advice}
        given = take_apart(x, y, weights, columns=self.columns, rank=self.rank, target=target, **options)
        data = self.read(given.x, given.y, target=target)
        return data, check_weights(given.weights, len(data)), given.batch_size

    def _served(self, x, y, weights, batch_size, argument, steps) -> BatchAdapter:
        """Data to evaluate on, as Keras takes them."""
        data, weights, own_size = self._taken(x, y, weights, argument, steps, batch_size)
        if steps is not None:
            rows = range(min(len(data), steps * (own_size or batch_size)))
            data, weights = data.take(rows), None if weights is None else weights[: len(rows)]
        encoded = self.encoded_to_measure(data)
        weights = self.example_weights(weights, encoded)
        batches = self.make_batches(**encoded, batch_size=batch_size, weights=weights)
        return BatchAdapter(batches, data, self._strategy)

    def callbacks_of_fit(self, batches: Any) -> list[keras.callbacks.Callback]:
        """What every `fit` needs."""
        return [FollowEpoch(batches), *averaging(self.optimizer)]

    def make_batches(self, *, training: bool = False, **encoded: Any) -> keras.utils.PyDataset:
        """What `fit` trains on, or `evaluate` measures, from what `encode` gave and the options of `Batches`."""
        return Batches(**encoded)

    def inputs(self, x: Any, batch_size: int, steps: int | None) -> Dataset:
        """What to predict: all inputs of `x`, or those of the first `steps` batches."""
        data, _, own_size = self._taken(x, steps=steps, batch_size=batch_size, target=False)
        return data if steps is None else data.take(range(min(len(data), steps * (own_size or batch_size))))

    def _one_batch(self, x, y, weights, class_weight=None) -> tuple:
        """Raw data as one batch (x, y, weights) of numbers; numbers stay as they are."""
        self._need_network()
        self._prepare()
        if self._is_encoded(x):
            return x, y, weighted(weights, self.class_weights(class_weight, y), y)
        data, weights, _ = self._taken(x, y, weights, argument="")
        encoded = {**self.encode(data), "max_steps": math.inf}
        weights = self.example_weights(weights, encoded)
        weights = weighted(weights, self.class_weights(class_weight, encoded["y"]), encoded["y"])
        x, y, *weights = Batches(**encoded, batch_size=len(encoded["lengths"]), weights=weights)[0]
        return x, y, *(weights or [None])

    def _prepare(self) -> None:
        """Compiles if nobody did, and makes the optimizer's variables."""
        if not self.compiled:
            self.compile()
        with strategy_scope(self):
            self.optimizer.build(self.trainable_variables)  # here, as within a step TensorFlow would trace it again

    def _is_encoded(self, x) -> bool:
        return isinstance(x, dict) and self.network is not None and x.keys() >= self.network.input.keys()

    @property
    def _strategy(self) -> Any:
        """TensorFlow's strategy; None on other backends."""
        return getattr(self, "distribute_strategy", None)

    def _several_devices(self) -> bool:
        return self._strategy is not None and self._strategy.num_replicas_in_sync > 1

    def build_for(self, iterator: Any = None, batch: Any = None):
        # Under a strategy Keras takes the mean of the replicas' first shares for an example, and they may differ.
        if iterator is not None and self._several_devices():
            iterator, batch = None, iterator.data_adapter.py_dataset[0]
        super().build_for(iterator, batch)


def strategy_scope(model):
    """Variables are made where the model's distribution strategy (TensorFlow only) wants them."""
    strategy = getattr(model, "distribute_strategy", None)
    return strategy.scope() if strategy is not None else contextlib.nullcontext()
