"""What has to be known of a running training to go on with it exactly, besides the data (TensorFlow).

A callback with a state of its own has `get_state()`, plain values and arrays in lists and dicts, and
`set_state(state)`. The callbacks of Keras have neither; `compat.state_names` knows theirs.
"""

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnkit import compat, workers
from rnnkit.errors import ResumeError


def state_of(model, callbacks) -> dict[str, Any]:
    """Everything; plain values and arrays."""
    return {
        "variables": [variable.numpy() for variable in variables(model)],
        "metrics": [variable.numpy() for variable in _own_metrics(model)],
        "stop_training": bool(model.stop_training),
        "random": random_state(),
        "callbacks": [callback_state(callback) for callback in callbacks],
    }


def restore(model, callbacks, state: dict[str, Any]) -> None:
    """Takes everything back to where `state_of` saw it.

    Raises:
        ResumeError: the model's variables are not those that `state_of` saw.
    """
    assign(variables(model), state["variables"], "weights and optimizer")
    assign(_own_metrics(model), state["metrics"], "metrics")
    model.stop_training = state["stop_training"]
    for callback, own in zip(callbacks, state["callbacks"], strict=True):
        set_callback_state(callback, own)
    set_random_state(state["random"])


def variables(model) -> list:
    """Weights, seeds and the optimizer's variables, each once."""
    found = {id(variable): variable for variable in [*model.variables, *model.optimizer.variables]}
    return list(found.values())


def _own_metrics(model) -> list:
    """What this process has counted so far; the metrics of several workers are the sums of what each has counted."""
    strategy = model.distribute_strategy
    if not workers.are_sharing(strategy):
        return model.metrics_variables
    return [
        each for variable in model.metrics_variables for each in strategy.experimental_local_results(variable.value)
    ]


def random_state() -> dict[str, Any]:
    """Where the generators of Python, NumPy and Keras that all share stand."""
    version, words, gauss = random.getstate()
    shared = compat.random_state_variable()
    return {
        "python": [version, np.array(words, "uint32"), gauss],
        "numpy": np.random.get_state(legacy=False),
        "keras": None if shared is None else shared.numpy(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Sets them there."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(map(int, words)), gauss))
    np.random.set_state(state["numpy"])
    if state["keras"] is not None:
        compat.random_state_variable(make=True).assign(state["keras"])


def has_state(callback) -> bool:
    """Whether a callback's state is known."""
    return (
        hasattr(callback, "set_state")
        or isinstance(callback, keras.callbacks.CSVLogger)
        or bool(compat.state_names(callback))
    )


def callback_state(callback):
    """What a callback that `has_state` needs to go on."""
    if hasattr(callback, "get_state"):
        return callback.get_state()
    if isinstance(callback, keras.callbacks.CSVLogger):
        return {"keys": callback.keys, "text": _read(callback.filename)}
    return {name: getattr(callback, name) for name in compat.state_names(callback)}


def set_callback_state(callback, state) -> None:
    """Gives a callback what `callback_state` gave."""
    if hasattr(callback, "set_state"):
        callback.set_state(state)
    elif isinstance(callback, keras.callbacks.CSVLogger):
        compat.rewrite_csv(callback, **state)
    else:
        vars(callback).update({name: state[name] for name in compat.state_names(callback)})


def assign(targets, values, what: str) -> None:
    """Gives variables their values back, as they are or as they came from a file.

    Raises:
        ResumeError: there are more or fewer of them; `what` says of what.
    """
    if len(targets) != len(values):
        raise ResumeError(f"model: {len(values)} variables of {what} were saved, this model has {len(targets)}.")
    for variable, value in zip(targets, values, strict=True):
        dtype = variable.numpy().dtype
        variable.assign(value.view(dtype) if value.dtype.kind == "V" else value)  # NumPy does not know bfloat16


class Snapshot:
    """The values of a model's weights and of its optimizer's variables at one moment, in host memory.

    Args:
        model: a built model; its optimizer is built if it is not yet.
        optimizers: those that update it, where they are not the model's own.
        values: those of an earlier snapshot; None takes the present ones.
    """

    def __init__(self, model, optimizers=(), values=None):
        if model.optimizer is not None and not model.optimizer.built:
            with model.distribute_strategy.scope():
                model.optimizer.build(model.trainable_variables)
        own = [] if model.optimizer is None else [model.optimizer]
        variables = [*model.weights, *(variable for each in [*own, *optimizers] for variable in each.variables)]
        self.variables = list({id(variable): variable for variable in variables}.values())
        self.values = [variable.numpy() for variable in self.variables] if values is None else values

    @property
    def finite(self) -> bool:
        """Whether every value is a finite number."""
        return all(np.all(np.isfinite(value)) for value in self.values)

    def restore(self) -> None:
        """Assigns the values."""
        assign(self.variables, self.values, "weights and optimizer")


def _read(path: str) -> str:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return file.read()
