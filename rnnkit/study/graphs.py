"""The graphs that TensorFlow makes of a model."""

import contextlib
from collections.abc import Iterator

from rnnkit import compat

TRACED = "CustomGradient-"  # how TensorFlow names what it registers as it traces; operations' own gradients stay


@contextlib.contextmanager
def graphs_freed() -> Iterator[None]:
    """Lets the graphs of models that are made and dropped inside go, which else fill the memory of long searches.

    TensorFlow keeps the gradient of every traced `custom_gradient` in a registry of the process, and with it the whole
    graph, for good (tensorflow#27492, #97697); rnnkit's loops have such gradients, and so has Keras' dense Adam. What
    was traced inside leaves the registry here, so no model that was made inside can be traced again afterwards.
    """
    gradients = compat.gradient_registry()
    known = set(gradients)
    try:
        yield
    finally:
        for name in set(gradients) - known:
            if name.startswith(TRACED):
                del gradients[name]
