"""Keras: where the gradients of a compiled `fit` pass.

`Callback` sees no gradients, and an optimizer's public methods are its whole `apply` and the update of one variable.
"""

import contextlib
from collections.abc import Callable, Iterator

CLIP = "_clip_gradients"  # of an optimizer: its own `clipnorm`, `clipvalue` or `global_clipnorm`; (gradients) -> same
SUM_GRADIENTS = "_all_reduce_sum_gradients"  # sums over replicas, just before the update; (pairs) -> pairs (TensorFlow)


def gradient_methods(optimizer) -> tuple:
    """An optimizer's own clipping and its sum over replicas."""
    return getattr(optimizer, CLIP), getattr(optimizer, SUM_GRADIENTS)


def variables_of(optimizer) -> list:
    """The variables that an optimizer was built to update; its public `variables` are its own state."""
    return list(optimizer._trainable_variables)


def loss_tracker(model):
    """The metric `loss` of a compiled model, None before; among its public `metrics` it has no mark."""
    return model._loss_tracker


def replace(owner, name: str, function) -> None:
    """Puts a function in the place of a method of one Keras object, past its tracking of attributes.

    What Keras or TensorFlow see being assigned may end up in a saved file, and for that there is no public way out.
    """
    object.__setattr__(owner, name, function)


def restore(owner, name: str) -> None:
    """Takes away what `replace` put there."""
    vars(owner).pop(name, None)


_MEETING: list[Callable] = []


@contextlib.contextmanager
def every_apply(meet: Callable) -> Iterator[None]:
    """Calls `meet(optimizer, gradients, variables)` at each `apply` of an optimizer; True says that it has done it.

    An optimizer that stands anywhere (in a closure, in a list of a subclass) is found in no public way.
    """
    import keras

    classes = (keras.optimizers.Optimizer, keras.optimizers.LossScaleOptimizer)
    own = [vars(each).get("apply") for each in classes]
    if not _MEETING:
        for each in classes:
            each.apply = _met_first(each.apply)
    _MEETING.append(meet)
    try:
        yield
    finally:
        _MEETING.remove(meet)
        for each, method in zip(classes, own, strict=True) if not _MEETING else ():
            if method is None:
                del each.apply
            else:
                each.apply = method


def _met_first(apply: Callable) -> Callable:
    def meet_first(self, grads, trainable_variables=None):
        if not any(meet(self, grads, trainable_variables) for meet in tuple(_MEETING)):
            apply(self, grads, trainable_variables)

    return meet_first
