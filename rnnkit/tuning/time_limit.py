"""The time of a search."""

import time
from collections.abc import Iterable

import keras

RECORD = "record.json"  # of a trial: what was measured, when it began, how long it took, why it failed


class OutOfTime(Exception):  # noqa: N818  (no error: a budget is used up)
    """The time of a search is over."""


class TimeLimit(keras.callbacks.Callback):
    """Ends a training at the end of the epoch in which it has lasted longer than so many seconds."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() - self._start > self.seconds:
            self.model.stop_training = True


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """How long at least one of some spans lasted.

    Args:
        spans: beginning and length of each.
    """
    total, until = 0.0, float("-inf")
    for start, length in sorted(spans):
        total += max(0.0, start + length - max(start, until))
        until = max(until, start + length)
    return total
