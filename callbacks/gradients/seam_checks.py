"""Which models and optimizers the seam can be put on, and what is said of them."""

import warnings
import weakref

import keras

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.optimizers import without_scaler

REQUIRED = ("apply", compat.CLIP, compat.SUM_GRADIENTS)
TRAINED: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model -> loss tracker and variables of its last fit


def missing(model) -> str:
    """Why gradients cannot be seen in this model's `fit`, in words; empty where they can."""
    if keras.backend.backend() != "tensorflow":
        return f"gradients inside `fit` are seen on the TensorFlow backend only, not on {keras.backend.backend()}"
    optimizer = without_scaler(model.optimizer)
    absent = [name for name in REQUIRED if optimizer is not None and not callable(getattr(optimizer, name, None))]
    if absent:
        return f"the optimizer of Keras {keras.__version__} has no method {', '.join(absent)}"
    return ""


def check_model(model) -> None:
    """Raises an `ArgumentError` where a model has nothing to see, or accumulates over several devices."""
    if model.built and not model.trainable_variables and not has_own_step(model):
        raise ArgumentError("model: it has no trainable weights, so there are no gradients. Unfreeze a layer first.")
    accumulates = model.optimizer is not None and without_scaler(model.optimizer).gradient_accumulation_steps
    if model.distribute_strategy.num_replicas_in_sync > 1 and accumulates:
        raise ArgumentError(
            "optimizer: Keras cannot combine `gradient_accumulation_steps` with a strategy of several replicas. "
            "Leave out one of the two."
        )


def has_own_step(model) -> bool:
    """Whether a train step of the user's may train what is not the model's."""
    return type(model).train_step is not keras.Model.train_step


def warn_of_pending(client) -> None:
    """Says what was frozen or unfrozen since the model was compiled: it is so now, where Keras alone would wait."""
    model = client.model
    tracker, traced = TRAINED.get(model, (None, None))
    if tracker is None or tracker() is not compat.loss_tracker(model):  # compiled since then
        done = model.optimizer is not None and int(model.optimizer.iterations.numpy())
        if not client.meets_train_function or not done:
            return
        traced = _ids(compat.variables_of(without_scaler(model.optimizer)))
    changed = [
        variable.path for variable in model.variables if id(variable) in traced ^ _ids(model.trainable_variables)
    ]
    if changed:
        warnings.warn(
            f"{type(client).__name__}: `trainable` of {changed[0]} has changed since the last fit. With this callback "
            "that holds from now on; Keras alone continues as before until compile(). Call compile() after the change.",
            stacklevel=2,
        )


def _ids(variables) -> frozenset:
    return frozenset(map(id, variables))
