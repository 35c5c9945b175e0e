"""The `fit` that a callback is in: its other callbacks, its data, and whether it is the saved one (TensorFlow)."""

import json
import zlib

import keras
import numpy as np

from rnnkit import compat
from rnnkit.errors import ArgumentError, ResumeError

SHOWN = 3  # differences that an error names
LOOKED_AT = 2  # batches of an epoch by which its order is known


class RunningFit:
    """The `fit` that is calling.

    Args:
        callback: the callback that is called.

    Attributes:
        callbacks: all callbacks of the fit, History among them.
        first_batches: checksums of the first batches of an epoch in two passes over the data; None for arrays, and for
            data that tell a `fingerprint`.

    Raises:
        ArgumentError: there is no such `fit`, or one whose data cannot be rewound to a place in an epoch.
    """

    def __init__(self, callback):
        self.model = callback.model
        self.list, self.iterator = compat.running_fit(self.model)
        if self.iterator is None or self.list is None or not any(each is callback for each in self.list.callbacks):
            raise ArgumentError("Resume works inside of `fit` only. Pass it to fit(callbacks=[...]).")
        self.callbacks: list = self.list.callbacks
        if self.iterator.steps_per_epoch:
            raise ArgumentError("steps_per_epoch: Resume needs epochs that end where the data ends. Leave it out.")
        if compat.is_generator(self.iterator.data_adapter):
            raise ArgumentError("x: a Python generator cannot be rewound for Resume. Give a keras.utils.PyDataset.")
        self.first_batches = self._first_batches()

    def end_first(self, callback) -> None:
        """Lets `on_train_end` of a callback come before those of the others."""
        self.list.callbacks = [callback, *(each for each in self.callbacks if each is not callback)]

    def settle(self) -> None:
        """Waits for what other threads still have to do for the callbacks."""
        compat.wait_for_callbacks(self.list)

    def build(self) -> None:
        """Makes the variables of model, optimizer and metrics, where Keras would wait for the first step."""
        compat.make_variables(self.model, self.iterator)
        if not self.model.optimizer.built:
            with self.model.distribute_strategy.scope():
                self.model.optimizer.build(self.model.trainable_variables)

    def skip(self, batches: int) -> None:
        """Lets the epoch that is about to begin start at a batch; those before it are drawn, but nobody sees them."""
        compat.begin_at_batch(self.iterator, batches)

    @property
    def is_unseeded(self) -> bool:
        """Whether the order of the examples is another one in every process."""
        arrays = compat.arrays_of(self.iterator.data_adapter)
        return bool(arrays and arrays[1]) and compat.global_seed() is None

    @property
    def is_reordered(self) -> bool:
        """Whether the data come in another order in every pass over them."""
        return self.first_batches is not None and self.first_batches[0] != self.first_batches[1]

    @property
    def data(self) -> dict:
        """What can be told of the training data, to compare them with those of another `fit`; plain values."""
        adapter = self.iterator.data_adapter
        told = {
            "batches an epoch": self.iterator.num_batches,
            "class_weight": str(getattr(adapter, "class_weight", None)),
        }
        if hasattr(self._dataset, "fingerprint"):
            return {**told, **self._dataset.fingerprint()}
        arrays = compat.arrays_of(adapter)
        if arrays is None:
            return told
        contents, shuffle = arrays
        seed = compat.global_seed() if shuffle else None
        return {**told, "shuffle": shuffle, "seed": seed, "contents": content_sum(keras.tree.flatten(contents))}

    @property
    def _dataset(self):
        """The user's `PyDataset`, or Keras' adapter of what else it was."""
        return getattr(self.iterator.data_adapter, "py_dataset", self.iterator.data_adapter)

    def _first_batches(self) -> list[int] | None:
        if hasattr(self._dataset, "fingerprint") or compat.arrays_of(self.iterator.data_adapter) is not None:
            return None
        return [_sum_of_first(self._dataset) for _ in range(2)]


def _sum_of_first(dataset) -> int:
    """A checksum of the first batches of a pass over a `PyDataset` or an adapter of Keras."""
    if isinstance(dataset, keras.utils.PyDataset):
        batches = [dataset[number] for number in range(min(LOOKED_AT, dataset.num_batches or LOOKED_AT))]
    else:
        batches = list(dataset.get_tf_dataset().take(LOOKED_AT))
    arrays = [each for each in keras.tree.flatten(batches) if each is not None]
    return content_sum([keras.ops.convert_to_numpy(each) for each in arrays])


def content_sum(columns) -> int:
    """A checksum (CRC-32) of arrays, or lists of arrays, and their shapes."""
    total = 0
    for column in columns:
        for array in column if isinstance(column, list) else [column]:
            values = np.ascontiguousarray(array)
            told = values.tobytes() if values.dtype.kind in "fiub" else repr(values.tolist()).encode()
            total = zlib.crc32(told, zlib.crc32(repr(values.shape).encode(), total))
    return total


SHOWN = 3  # differences that an error names


def described(model, data: dict, epochs: int, callbacks) -> dict:
    """What must be the same, as plain values; the learning rate is not among it, as it may move while training."""
    options = model.optimizer.get_config()
    moving = () if isinstance(options.get("learning_rate"), dict) else ("learning_rate",)
    kept = {name: str(options[name]) for name in sorted(options) if name not in ("name", *moving)}
    loss = model.loss
    learned = json.dumps(model.get_build_config(), default=str)  # with the vocabulary of a task
    return {
        "epochs": epochs,
        "data": data,
        "model": [f"{each.name} {tuple(each.shape)} {each.dtype}" for each in model.variables],
        "build config": zlib.crc32(learned.encode()),
        "optimizer": {"class": type(model.optimizer).__name__, **kept, "variables": len(model.optimizer.variables)},
        "loss": str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or loss),
        "callbacks": [type(each).__name__ for each in callbacks],
    }


def check_same(saved: dict, now: dict, folder) -> None:
    """Compares what `described` gave in two processes; the number of epochs may be another.

    Raises:
        ResumeError: they differ; the message says in what.
    """
    found = _differences({**saved, "epochs": now["epochs"]}, now)
    if found:
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise ResumeError(
            f"directory: {folder} holds another training: {'; '.join(found[:SHOWN])}{more}. Start it as it was, or "
            "name another folder."
        )


def check_alike(identities: list[dict]) -> None:
    """Compares what `described` gave in several workers.

    Raises:
        ResumeError: they differ; the message says in what.
    """
    for number, other in enumerate(identities):
        if found := _differences(identities[0], other):
            raise ResumeError(
                f"worker: worker {number} trains something else than worker 0: {'; '.join(found[:SHOWN])}. "
                "Start all of them alike."
            )


def _differences(saved, now, name: str = "") -> list[str]:
    """In words, where two trees of plain values are not the same."""
    if saved == now:
        return []
    if isinstance(saved, dict) and isinstance(now, dict):
        names = dict.fromkeys([*saved, *now])
        parts = (_differences(saved.get(each), now.get(each), f"{name} {each}".strip()) for each in names)
        return [line for part in parts for line in part]
    if isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        pairs = zip(saved, now, strict=True)
        return [line for pair in pairs for line in _differences(*pair, name)]
    return [f"{name} was {_short(saved)}, is {_short(now)}"]


def _short(value) -> str:
    text = f"{len(value)} of them" if isinstance(value, list) and len(value) > 8 else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
