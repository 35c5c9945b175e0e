"""What a running `fit` keeps to itself: the list of its callbacks, and where it stands in its data (TensorFlow).

Keras hands neither to a callback, so both are looked up among the local variables of `keras.Model.fit` on the call
stack.
"""

import sys

import keras
from tensorflow.python.eager import context

from rnnkit.errors import ArgumentError
from rnnkit.tasks.batches import content_sum


class RunningFit:
    """The `fit` that is calling.

    Args:
        model: the model that is trained.

    Attributes:
        callbacks: all callbacks of the fit, History among them.
        iterator: the `EpochIterator` of the training data.

    Raises:
        ArgumentError: there is no such `fit`, or one whose data cannot be set back to a place in an epoch.
    """

    def __init__(self, model):
        found = _variables_of_fit(model)
        self.model = model
        self.list = found["callbacks"]
        self.callbacks: list = self.list.callbacks
        self.iterator = found["epoch_iterator"]
        if self.iterator.steps_per_epoch:
            raise ArgumentError("steps_per_epoch: Resume needs epochs that end where the data ends. Leave it out.")
        if "Generator" in type(self.iterator.data_adapter).__name__:
            raise ArgumentError("x: a Python generator cannot be set back for Resume. Give a keras.utils.PyDataset.")

    def settle(self) -> None:
        """Waits for what other threads still have to do for the callbacks."""
        self.list._flush_futures()

    def build(self) -> None:
        """Makes the variables of model, optimizer and metrics, where Keras would wait for the first step."""
        self.model._symbolic_build(iterator=self.iterator)
        self.iterator.reset()
        if not self.model.optimizer.built:
            with self.model.distribute_strategy.scope():
                self.model.optimizer.build(self.model.trainable_variables)

    def skip(self, batches: int) -> None:
        """Lets the epoch that is about to begin start at a batch; those before it are drawn, but nobody sees them."""
        iterator, every_batch = self.iterator, self.iterator._enumerate_iterator

        def from_there():
            vars(iterator).pop("_enumerate_iterator")
            for begin, end, source in every_batch():
                if begin >= batches:
                    yield begin, end, source
                    continue
                for _ in range(begin, end + 1):
                    next(source)

        iterator._enumerate_iterator = from_there

    @property
    def unseeded(self) -> bool:
        """Whether the order of the examples is another one in every process."""
        return getattr(self.iterator.data_adapter, "_shuffle", False) and context.global_seed() is None

    @property
    def data(self) -> dict:
        """What can be told of the training data, to compare them with those of another `fit`; plain values."""
        adapter = self.iterator.data_adapter
        told = {
            "batches an epoch": self.iterator.num_batches,
            "class_weight": str(getattr(adapter, "class_weight", None)),
        }
        dataset = getattr(adapter, "py_dataset", adapter)
        if hasattr(dataset, "fingerprint"):
            return {**told, **dataset.fingerprint()}
        if hasattr(dataset, "_inputs"):
            seed = context.global_seed() if dataset._shuffle else None
            contents = content_sum(keras.tree.flatten(dataset._inputs))
            return {**told, "shuffle": bool(dataset._shuffle), "seed": seed, "contents": contents}
        return told


def _variables_of_fit(model) -> dict:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and "epoch_iterator" in (found := frame.f_locals) and found["self"] is model:
            return found
        frame = frame.f_back  # type: ignore[assignment]
    raise ArgumentError("Resume works inside of `fit` only. Pass it to fit(callbacks=[...]).")
