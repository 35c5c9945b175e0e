"""Keras: what a running `fit` keeps to itself.

A callback is given the model and three numbers; neither the other callbacks nor the data, nor a way to begin anywhere
but at the first batch. `keras.callbacks.BackupAndRestore` goes without and restarts epochs from their beginning.
"""

import weakref
from pathlib import Path

from rnnkit.compat.gradients import restore

_FITS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model -> weak references by name


def follow(model, iterator) -> None:
    """Keeps the iterator of a `fit` that begins, for `running_fit`; it is not kept alive by that."""
    if iterator is not None:
        _FITS.setdefault(model, {})["iterator"] = weakref.ref(iterator)


def follow_fits() -> None:
    """From now on `running_fit` knows what each `fit` iterates over and whom it calls (TensorFlow)."""
    import keras

    if _FOLLOWED in vars(keras.Model):
        return
    build, set_model = keras.Model._maybe_symbolic_build, keras.callbacks.CallbackList.set_model

    def followed_build(self, iterator=None, data_batch=None):
        follow(self, iterator)
        return build(self, iterator, data_batch)

    def followed_set_model(self, model):
        if model:
            _FITS.setdefault(model, {})["callbacks"] = weakref.ref(self)
        return set_model(self, model)

    keras.Model._maybe_symbolic_build = followed_build
    keras.callbacks.CallbackList.set_model = followed_set_model
    setattr(keras.Model, _FOLLOWED, True)


_FOLLOWED = "_followed_by_rnnkit"


def running_fit(model) -> tuple:
    """The `CallbackList` and the `EpochIterator` of the `fit` that a model is in; None for what is not there."""
    known = _FITS.get(model, {})
    return tuple(known[name]() if name in known else None for name in ("callbacks", "iterator"))


def wait_for_callbacks(callback_list) -> None:
    """Waits for the calls of callbacks that Keras has handed to other threads; nothing public does within an epoch."""
    callback_list._flush_futures()


def make_variables(model, iterator) -> None:
    """Makes the variables of a model, its metrics and its loss, for which `fit` waits until the first step.

    Under a strategy it does not wait.
    """
    if model._distribute_strategy is None:
        model._symbolic_build(iterator=iterator)
        iterator.reset()


def begin_at_epoch(model, epoch: int | None) -> None:
    """Lets the `fit` that is beginning begin at an epoch; its public `initial_epoch` is read before any callback."""
    model._initial_epoch = epoch


def begin_at_batch(iterator, batch: int) -> None:
    """Lets the epoch that is about to begin start at a batch; those before it are drawn, but nobody sees them."""
    every_batch = iterator._enumerate_iterator

    def from_there():
        restore(iterator, "_enumerate_iterator")
        for begin, end, source in every_batch():
            if begin >= batch:
                yield begin, end, source
                continue
            for _ in range(begin, end + 1):
                next(source)

    iterator._enumerate_iterator = from_there


def arrays_of(adapter) -> tuple | None:
    """What `fit` was given as arrays, and whether they are shuffled; None for data of another kind."""
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    return (adapter._inputs, bool(adapter._shuffle)) if isinstance(adapter, ArrayDataAdapter) else None


def is_generator(adapter) -> bool:
    """Whether `fit` was given a Python generator."""
    from keras.src.trainers.data_adapters.generator_data_adapter import GeneratorDataAdapter

    return isinstance(adapter, GeneratorDataAdapter)


def random_state_variable(make: bool = False):
    """The state behind `keras.random` where no seed is given, as a variable; None if nothing was drawn yet.

    Args:
        make: make it then.
    """
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

    found = global_seed_generator() if make else global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    return None if found is None else found.state


def state_names(callback) -> tuple[str, ...]:
    """The attributes of a callback of Keras that change after `on_train_begin`; empty for one that has none.

    Keras' callbacks have no public state.
    """
    import keras

    names = {
        keras.callbacks.History: ("epoch", "history"),
        keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_weights", "best_epoch"),
        keras.callbacks.ReduceLROnPlateau: ("best", "wait", "cooldown_counter"),
        keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
        keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
    }
    return next((found for kind, found in names.items() if isinstance(callback, kind)), ())


def without_model(callback) -> dict:
    """The attributes of a callback without the model that it was given, which cannot be taken away in a public way."""
    return {**vars(callback), "_model": None}


def rewrite_csv(logger, keys, text: str) -> None:
    """Sets a `CSVLogger` to where it had written this text with these columns.

    Its `on_train_begin` may have emptied the file, and a killed run may have written more rows than are wanted.
    """
    if logger.csv_file is None or logger.csv_file.closed:
        Path(logger.filename).write_text(text, encoding="utf-8", newline="")
        return
    logger.csv_file.seek(0)
    logger.csv_file.truncate()
    logger.csv_file.write(text)
    logger.csv_file.flush()
    logger.keys, logger.writer, logger.append_header = keys, None, not text
