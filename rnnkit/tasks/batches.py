"""Length-bucketed, right-padded batches. Legend: `B` batch, `T` steps, `N` examples."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from rnnkit import compat, workers
from rnnkit.callbacks.resuming.running_fit import content_sum
from rnnkit.datasets import Dataset
from rnnkit.errors.checks import whole

POOL = 64
AHEAD = 2  # batches that a worker keeps ready
WHOLE = "rows_of_batch"  # the input that says how many rows a batch has that several workers share
MAX_STEPS = 2**17


class Batches(keras.utils.PyDataset):
    """Encoded examples as right-padded NumPy batches of about equal length.

    Every epoch the examples are shuffled and cut into pools of 64 batches; inside a pool they are sorted by length,
    cut into batches, and the order of the batches is shuffled. A batch is a pure function of (seed, epoch, index).
    Examples that are so long that a full batch of them would pass `max_steps` get smaller batches of their own.

    Keras learns the shape of a data set from its first two batches, so the first is always the longest and the
    second the shortest one.

    Args:
        x: dict of columns. A list of arrays (T_i, ...) is padded with zeros to the longest of the batch; an array of
            N rows, or what gives rows for an array of their numbers, is taken by row.
        y: the target column, or None; a list of arrays is padded with -1, which no loss or metric counts.
        lengths: int array, shape (N,): what to sort by.
        batch_size: examples a batch.
        shuffle: False keeps one order, sorted by length.
        seed: of the shuffle.
        weights: float array, shape (N,): a weight for each example's loss, or None.
        steps: batches per epoch; the next epoch continues where this one ended, and starts over at the end of the data.
            None serves all of them.
        max_steps: B * T of the largest batch; an example that is longer by itself is a batch alone.
        unlabelled: examples without a target, of which each batch gets as many more, in an order by the same seed.
            Their inputs are named `unlabelled_NAME`.
        shares: examples of each of several workers, where each has its own only (see `encoded_by_all`).
    """

    def __init__(
        self,
        x,
        y=None,
        *,
        lengths,
        batch_size=32,
        shuffle=False,
        seed=0,
        weights=None,
        steps=None,
        max_steps=MAX_STEPS,
        unlabelled: "Batches | None" = None,
        shares: Sequence[int] | None = None,
    ):
        super().__init__()
        self.unlabelled = unlabelled
        self.x, self.y, self.weights = x, y, weights
        self.batch_size = whole("batch_size", batch_size)
        self.shuffle, self.seed, self.steps, self.shares = shuffle, seed, steps, shares
        self._lengths = np.asarray(lengths)
        by_length = np.argsort(self._lengths, kind="stable")
        self._long = _packed(by_length, self._lengths, batch_size, max_steps)
        self._usual = by_length[: len(by_length) - sum(map(len, self._long))]
        self.epoch = 0

    @property
    def epoch(self) -> int:
        """The epoch whose order is served; set it before the epoch begins."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._plan = self._pass(epoch) if self.steps is None else self._part(epoch)
        if self.unlabelled is not None:
            self.unlabelled.seed, self.unlabelled.steps = self.seed, self.num_batches
            self.unlabelled.epoch = epoch

    @property
    def num_batches(self) -> int:
        return len(self._plan)

    @property
    def order(self) -> np.ndarray:
        """The example behind each row, in the order in which this epoch serves them: shape (N,)."""
        return np.concatenate(self._plan) if self._plan else np.zeros(0, dtype=int)

    def fingerprint(self) -> dict:
        """What tells these examples from others, by name; the seed is not among it."""
        parts = [*self.x.values(), *(each for each in (self.y, self.weights) if each is not None)]
        options: dict[str, Any] = {"batch_size": self.batch_size, "shuffle": bool(self.shuffle)}
        options |= {} if self.steps is None else {"steps": self.steps}
        options |= {} if self.unlabelled is None else {"unlabelled": self.unlabelled.fingerprint()}
        return {"examples": len(self._lengths), **options, "contents": content_sum(parts)}

    def rows(self, index: int) -> np.ndarray:
        """The examples of one batch."""
        return self._plan[index]

    def __getitem__(self, index):
        return self.part(index, 0, 1)

    def part(self, index: int, number: int, count: int) -> tuple:
        """One of `count` parts of a batch, padded to the longest of the whole batch; it may have no rows."""
        every = self._plan[index]
        rows = part_of(every, number, count, self.shares)
        if self.steps == 1:  # of epochs of one batch Keras would take the first one's length for that of all
            every = np.arange(len(self._lengths))
        x = {name: _take(column, rows, every) for name, column in self.x.items()}
        if self.unlabelled is not None:
            x |= {
                f"unlabelled_{name}": column for name, column in self.unlabelled.part(index, number, count)[0].items()
            }
        if self.y is None:
            return (x,)
        y = _take(self.y, rows, every, padding=-1)
        return (x, y) if self.weights is None else (x, y, self.weights[rows])

    def _part(self, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch of `steps`, cut from passes over the data."""
        per_pass = len(self._pass(0))
        first, begin = divmod(epoch * self.steps, per_pass)
        passes = -(-(begin + self.steps) // per_pass)
        batches = [rows for number in range(first, first + passes) for rows in self._pass(number)]
        return batches[begin : begin + self.steps]

    def _pass(self, number: int) -> list[np.ndarray]:
        """The batches of one pass over the data."""
        rng = np.random.default_rng((self.seed, number)) if self.shuffle else None
        batches = self._cut(rng) + self._long
        if not batches:
            return []
        if rng is not None:
            batches = [batches[index] for index in rng.permutation(len(batches))]
        longest = [self._lengths[rows].max() for rows in batches]
        first = int(np.argmax(longest))
        batches[0], batches[first] = batches[first], batches[0]
        longest[0], longest[first] = longest[first], longest[0]
        if len(batches) > 2:
            second = 1 + int(np.argmin(longest[1:]))
            batches[1], batches[second] = batches[second], batches[1]
        return batches

    def _cut(self, rng) -> list[np.ndarray]:
        if rng is None:
            pools = [self._usual]
        else:
            pools = _chunks(rng.permutation(self._usual), POOL * self.batch_size)
            pools = [pool[np.argsort(self._lengths[pool], kind="stable")] for pool in pools]
        return [rows for pool in pools for rows in _chunks(pool, self.batch_size)]


class BatchAdapter(compat.py_dataset_adapter()):  # type: ignore[misc]
    """How Keras reads `Batches`: as any `PyDataset`, but TensorFlow does not tune how many are kept ready.

    With that it often waits at the end of an epoch, an evaluation or a prediction, doing nothing, for up to as long as
    that took. Of several workers each pads its own rows only.

    Args:
        batches: the `Batches`.
        data: the raw data behind them, for `evaluate` of a task that needs them.
        strategy: that of the model, where it has one.
    """

    def __init__(self, batches: Batches, data: Dataset | None = None, strategy: Any = None):
        super().__init__(batches)
        self.data: Any = data
        self.strategy = strategy

    def get_tf_dataset(self):
        import tensorflow as tf

        options = tf.data.Options()
        options.autotune.enabled = False
        whole = super().get_tf_dataset().with_options(options)
        if not workers.are_sharing(self.strategy):
            return whole

        x, *others = whole.element_spec
        signature = ({**x, WHOLE: tf.TensorSpec((None,), "int32")}, *others)

        def own(context):
            parts = tf.data.Dataset.from_generator(lambda: self._parts(context), output_signature=signature)
            return parts.prefetch(AHEAD).with_options(options)

        return self.strategy.distribute_datasets_from_function(own)

    def _parts(self, context) -> Iterator[tuple]:
        """What the replicas of this worker see of each batch, in turn; Keras joins what they predict in this order."""
        count, step = context.num_replicas_in_sync, context.num_input_pipelines
        for index in range(self.py_dataset.num_batches):
            rows = len(self.py_dataset.rows(index))
            for number in range(context.input_pipeline_id, count, step):
                x, *others = self.py_dataset.part(index, number, count)
                own = len(next(iter(x.values())))
                yield {**x, WHOLE: np.full(own, rows, "int32")}, *others


class FollowEpoch(keras.callbacks.Callback):
    """Tells the batches which epoch begins; Keras itself does not."""

    def __init__(self, batches: Batches):
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch

    def get_state(self) -> dict:
        """The seed of the order."""
        return {"seed": self.batches.seed}

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave."""
        self.batches.seed = int(state["seed"])
        self.batches.epoch = self.batches.epoch


def by_example(answer: Callable[[Any], Any], encoded: dict[str, Any], batch_size: int) -> list:
    """What a compiled model answers to each example, in their order; sequences are as long as those of its batch.

    Args:
        answer: takes a batch of inputs to an array (B, ...), or to a dict of them.
        encoded: the arguments of `Batches`.
    """
    batches = Batches(**encoded, batch_size=batch_size)
    found: list = [None] * len(encoded["lengths"])
    for index in range(batches.num_batches):
        outputs = answer(batches[index][0])
        for place, row in enumerate(batches.rows(index)):
            found[row] = keras.tree.map_structure(lambda each, place=place: each[place], outputs)
    return found


def part_of(rows: np.ndarray, number: int, count: int, shares: Sequence[int] | None) -> np.ndarray:
    """One of `count` parts of a batch's rows: contiguous ones or, where each worker has its own examples, these."""
    if shares is None:
        return np.array_split(rows, count)[number]
    owners = np.searchsorted(np.cumsum(shares), rows, side="right")
    device, worker = divmod(number, len(shares))
    return np.array_split(rows[owners == worker], count // len(shares))[device] if count > 1 else rows


def _chunks(rows, size: int) -> list[np.ndarray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _packed(by_length, lengths, batch_size: int, max_steps: int) -> list[np.ndarray]:
    """Batches of the examples that are too long for a full one, from the longest down."""
    long = by_length[lengths[by_length] * batch_size > max_steps][::-1]
    batches = []
    while len(long):
        size = max(1, max_steps // int(lengths[long[0]]))
        batches.append(long[:size])
        long = long[size:]
    return batches


def _take(column, rows, every, padding=0):
    """Rows of a column, sequences padded to the longest of `every` row."""
    if not isinstance(column, list):
        return column[rows]
    longest, like = max(len(column[row]) for row in every), column[every[0]]
    padded = np.full((len(rows), longest, *like.shape[1:]), padding, dtype=like.dtype)
    for place, row in enumerate(rows):
        padded[place, : len(column[row])] = column[row]
    return padded
