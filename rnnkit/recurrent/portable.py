"""Recurrent layers in a form that every device can run and every converter can read."""

import contextlib
from contextvars import ContextVar

_PORTABLE = ContextVar("portable", default=False)


@contextlib.contextmanager
def portable_loops():
    """What is traced inside of it runs time through Keras' generic loop: no cuDNN, and no loop of rnnkit's own."""
    before = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(before)


def is_portable() -> bool:
    """Whether a `portable_loops` is open."""
    return _PORTABLE.get()
