"""What has to be known of a running training to go on with it exactly, besides the data (TensorFlow).

A callback with a state of its own has `get_state()`, plain values and arrays in lists and dicts, and
`set_state(state)`. The stock callbacks of Keras have neither and are in the table here.
"""

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np

from rnnkit.errors import ResumeError

# What changes in them after `on_train_begin`.
STOCK: dict[type, tuple[str, ...]] = {
    keras.callbacks.History: ("epoch", "history"),
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_weights", "best_epoch"),
    keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


def state_of(model, callbacks) -> dict[str, Any]:
    """Everything; plain values and arrays."""
    return {
        "variables": [variable.numpy() for variable in variables(model)],
        "metrics": [variable.numpy() for variable in model.metrics_variables],
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
    assign(model.metrics_variables, state["metrics"], "metrics")
    model.stop_training = state["stop_training"]
    for callback, own in zip(callbacks, state["callbacks"], strict=True):
        set_callback_state(callback, own)
    set_random_state(state["random"])


def variables(model) -> list:
    """Weights, seeds and the optimizer's variables, each once."""
    found = {id(variable): variable for variable in [*model.variables, *model.optimizer.variables]}
    return list(found.values())


def random_state() -> dict[str, Any]:
    """Where the generators of Python, NumPy and Keras that all share stand."""
    version, words, gauss = random.getstate()
    shared = _keras_generator()
    return {
        "python": [version, np.array(words, "uint32"), gauss],
        "numpy": np.random.get_state(legacy=False),
        "keras": None if shared is None else shared.state.numpy(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Sets them there."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(map(int, words)), gauss))
    np.random.set_state(state["numpy"])
    if state["keras"] is not None:
        _keras_generator(make=True).state.assign(state["keras"])


def has_state(callback) -> bool:
    """Whether a callback's state is known."""
    return hasattr(callback, "set_state") or isinstance(callback, (keras.callbacks.CSVLogger, *STOCK))


def callback_state(callback):
    """What a callback that `has_state` needs to go on."""
    if hasattr(callback, "get_state"):
        return callback.get_state()
    if isinstance(callback, keras.callbacks.CSVLogger):
        return {"keys": callback.keys, "text": _read(callback.filename)}
    return {name: getattr(callback, name) for name in _stock(callback)}


def set_callback_state(callback, state) -> None:
    """Gives a callback what `callback_state` gave."""
    if hasattr(callback, "set_state"):
        callback.set_state(state)
    elif isinstance(callback, keras.callbacks.CSVLogger):
        _set_csv_state(callback, **state)
    else:
        vars(callback).update({name: state[name] for name in _stock(callback)})


def _stock(callback) -> tuple[str, ...]:
    return next(names for kind, names in STOCK.items() if isinstance(callback, kind))


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


def _keras_generator(make: bool = False):
    """The generator behind `keras.random` where no seed is given; None if nothing was drawn yet."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

    return global_seed_generator() if make else global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)


def _read(path: str) -> str:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return file.read()


def _set_csv_state(logger, keys, text: str) -> None:
    """`on_train_begin` may have emptied the file, and a killed run may have written more rows than are wanted."""
    if logger.csv_file is None or logger.csv_file.closed:
        Path(logger.filename).write_text(text, encoding="utf-8", newline="")
        return
    logger.csv_file.seek(0)
    logger.csv_file.truncate()
    logger.csv_file.write(text)
    logger.csv_file.flush()
    logger.keys, logger.writer, logger.append_header = keys, None, not text
