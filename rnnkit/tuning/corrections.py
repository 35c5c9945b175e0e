"""What is set right in KerasTuner while a search runs; it rests on two of its modules that are private."""

import contextlib
import warnings
from collections.abc import Iterator

from keras_tuner.src import config, utils

from rnnkit.study.files import write_json


@contextlib.contextmanager
def whole_files() -> Iterator[None]:
    """While it lasts, KerasTuner writes its files as `write_json` does, and not in place."""
    before = utils.save_json
    utils.save_json = write_json
    try:
        yield
    finally:
        utils.save_json = before


@contextlib.contextmanager
def without_noise() -> Iterator[None]:
    """Leaves out the traceback of each failed trial, and warnings that no user can do anything about."""
    before = config.DEBUG
    config.DEBUG = False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"(currentThread|getName)\(\) is deprecated")
            warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)  # a log that was never a number
            warnings.filterwarnings("ignore", module="sklearn")
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # when Hyperband goes on
            yield
    finally:
        config.DEBUG = before
