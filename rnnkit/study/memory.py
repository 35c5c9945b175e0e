"""The most memory that a training takes."""

import ctypes
import gc
import math
import re
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # of Linux
MIB = 2**20


def peak_memory() -> Callable[[], float]:
    """Begins to measure; the function it returns says, in MiB, how much more was in use since then, at most, than now.

    That is memory of the first GPU where there is one, else of the process, with TensorFlow's graphs; NaN where the
    system does not tell.
    """
    if gpus := tf.config.list_logical_devices("GPU"):
        return _gpu_peak(gpus[0].name)
    try:
        return _process_peak()
    except OSError:
        return lambda: math.nan


def _gpu_peak(name: str) -> Callable[[], float]:
    tf.config.experimental.reset_memory_stats(name)
    start = tf.config.experimental.get_memory_info(name)["current"]
    return lambda: (tf.config.experimental.get_memory_info(name)["peak"] - start) / MIB


def _process_peak() -> Callable[[], float]:
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):  # glibc keeps freed memory for itself, which the work would reuse
        ctypes.CDLL(None).malloc_trim(0)
    CLEAR.write_text("5", encoding="ascii")  # the peak is counted from here
    start = _status("VmRSS")
    return lambda: _status("VmHWM") - start


def _status(name: str) -> float:
    """A line of the process's status, in MiB."""
    [kib] = re.findall(rf"{name}:\s*(\d+) kB", STATUS.read_text(encoding="ascii"))
    return int(kib) / 2**10
