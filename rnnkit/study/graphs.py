"""The graphs that TensorFlow makes of a model."""

import contextlib
from collections.abc import Collection, Iterator

from rnnkit import compat

TRACED = "CustomGradient-"  # how TensorFlow names what it registers as it traces; operations' own gradients stay


@contextlib.contextmanager
def graphs_freed() -> Iterator[None]:
    """Lets the graphs of models that are made and dropped inside go, which else fill the memory of long searches.

    TensorFlow keeps the gradient of every traced `custom_gradient` in a registry of the process, and with it the whole
    graph, for good (tensorflow#27492, #97697); rnnkit's loops have such gradients, and so has Keras' dense Adam. What
    was traced inside leaves the registry here, so no model that was made inside can be traced again afterwards.
    """
    known = set(compat.gradient_registry())
    try:
        yield
    finally:
        free_graphs(known)


def free_graphs(known: Collection[str] = ()) -> None:
    """Drops the gradients of all that was traced, and with them its graphs; those with `known` names stay."""
    gradients = compat.gradient_registry()
    for name in set(gradients) - set(known):
        if name.startswith(TRACED):
            del gradients[name]
