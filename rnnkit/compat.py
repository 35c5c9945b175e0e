"""Names of other libraries that their makers keep private or do not document, all in one place.

Each says why it is needed and which public way is missing. `tests/rnnkit/test_compat.py` has a canary for each, which
fails when the name is gone or means something else; `tests/canaries.sh` runs them against Keras' next version. Nothing
here has a default for a name that is missing: an error that names it is better than a wrong result.

Libraries are imported inside the functions, so that importing this module costs nothing.
"""

import contextlib
import functools
import os
import re
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# ---- Keras ----


def layers_of(model) -> list:
    """All layers of a model, itself and those inside of others and of cells included, each once.

    `Model.layers` stops at the first level, and a layer has no public list of the layers inside of it.
    """
    return list(dict.fromkeys(model._flatten_layers()))


def run_graph(network, inputs, call: Callable):
    """A functional model on tensors, each operation by `call(operation, *arguments, **options)`.

    `keras.models.clone_model` has such a function too, but for symbolic inputs only, and adds them to shared layers.
    """
    return network._run_through_graph(inputs, operation_fn=lambda operation: operation, call_fn=call)


def last_history(model):
    """The `keras.callbacks.History` of a model's last `fit`; None before the first.

    `fit` leaves it on the model, which its documentation does not say, and returns it to its caller only.
    """
    return vars(model).get("history")


def recurrent_loop(step, inputs, initial_states, **options):
    """The loop through time that all recurrent layers of Keras run: last output, outputs, states.

    `keras.layers.RNN` runs it with its own step only, and Keras exports it under no public name.
    """
    from keras.src.backend import rnn

    loop = rnn if callable(rnn) else rnn.rnn  # from Keras 3.16 on it is in a module of that name
    return loop(step, inputs, initial_states, **options)


LOOPS = {"inner_loop", "through_time"}  # the methods of a recurrent layer that run time, of Keras and of `OpenRNN`


class OpenRNN:
    """Mixin before `keras.layers.RNN` or a layer made from it: its way through time, under a name to be overridden.

    `call`, the public method, also has to do with `initial_state`, dropout masks, `stateful` and what is returned.
    """

    def through_time(self, sequences, initial_state, mask, training=False):
        """The last output, all outputs and the last states, as the layer finds them: in a loop or by cuDNN."""
        return super().inner_loop(sequences, initial_state, mask, training)  # type: ignore[misc]

    def generic_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        """The same by the loop of `keras.layers.RNN`, whatever the layer is."""
        import keras

        return keras.layers.RNN.inner_loop(self, sequences, initial_state, mask, training)

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        return self.through_time(sequences, initial_state, mask, training)


def py_dataset_adapter() -> type:
    """The class that reads a `keras.utils.PyDataset` for `fit`; `fit` takes an adapter in place of data.

    The options of the `tf.data.Dataset` that Keras makes of a `PyDataset` cannot be set in a public way.
    """
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    return PyDatasetAdapter


class OpenTrainer:
    """Mixin before `keras.Model`: what `fit` calls in between, under names that may be overridden.

    Keras has no public method for the variables that it makes before training, nor for the logs of an epoch.
    """

    def build_for(self, iterator=None, batch=None) -> None:
        """Makes what variables are missing before training, by an example from the data.

        Args:
            iterator: Keras' iterator over the data, or None.
            batch: an example in its place.
        """
        super()._maybe_symbolic_build(iterator, batch)  # type: ignore[misc]

    def epoch_logs(self, logs: dict) -> dict:
        """The logs of an epoch, from those of its last step."""
        return super()._get_metrics_result_or_logs(logs)  # type: ignore[misc]

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        _follow(self, iterator)  # before `build_for`, which may put an example in its place
        self.build_for(iterator, data_batch)

    def _get_metrics_result_or_logs(self, logs):
        return self.epoch_logs(logs)


class OpenOptimizer:
    """Mixin before a Keras optimizer: what it does with gradients before its update, under names to be overridden.

    Its public methods are the whole `apply`, and the update of one variable, for which clipping comes too early.
    """

    def clip(self, gradients: list) -> list:
        """The optimizer's own `clipnorm`, `clipvalue` or `global_clipnorm`; each replica clips by itself."""
        return super()._clip_gradients(gradients)  # type: ignore[misc]

    def sum_gradients(self, pairs: list) -> list:
        """(gradient, variable) pairs, summed over replicas, just before the update (TensorFlow)."""
        return super()._all_reduce_sum_gradients(pairs)  # type: ignore[misc]

    def _clip_gradients(self, grads):
        return self.clip(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return self.sum_gradients(grads_and_vars)


def moments(adam, variable) -> tuple:
    """Adam's first and second moment of one variable; an optimizer's `variables` do not say whose they are."""
    index = index_of(adam, variable)
    return adam._momentums[index], adam._velocities[index]


def index_of(optimizer, variable) -> int:
    """The place of a variable, as `update_step` gets it, in `variables_of`; TensorFlow's own variables pass there."""
    return optimizer._get_variable_index(variable)


# ---- Keras: where the gradients of a compiled `fit` pass ----
# `Callback` sees no gradients, and an optimizer's public methods are its whole `apply` and the update of one variable.

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


# ---- Keras: what a running `fit` keeps to itself ----
# A callback is given the model and three numbers; neither the other callbacks nor the data, nor a way to begin anywhere
# but at the first batch. `keras.callbacks.BackupAndRestore` goes without and restarts epochs from their beginning.

_FITS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # model -> weak references by name


def _follow(model, iterator) -> None:
    if iterator is not None:
        _FITS.setdefault(model, {})["iterator"] = weakref.ref(iterator)


def follow_fits() -> None:
    """From now on `running_fit` knows what each `fit` iterates over and whom it calls (TensorFlow)."""
    import keras

    if _FOLLOWED in vars(keras.Model):
        return
    build, set_model = keras.Model._maybe_symbolic_build, keras.callbacks.CallbackList.set_model

    def followed_build(self, iterator=None, data_batch=None):
        _follow(self, iterator)
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


# ---- Keras: training by several workers ----


def mend_trainer() -> None:
    """From now on `fit`, `evaluate` and `predict` of every model run under a `MultiWorkerMirroredStrategy`.

    Keras fails there in two places (keras#20585), and has no argument for either: it reduces a whole batch to have an
    example, and it asks the strategy for a mean over the first axis of logs, which are scalars.
    """
    import keras
    from keras.src.backend.tensorflow import trainer

    if hasattr(trainer.reduce_per_replica, _MENDED):
        return
    reduce, build = trainer.reduce_per_replica, keras.Model._maybe_symbolic_build

    def reduce_logs(values, strategy, reduction):
        """The logs of this worker's replicas; those of an epoch are read from the metrics, which the strategy sums."""
        if reduction not in ("auto", "mean") or not is_shared(strategy):
            return reduce(values, strategy, reduction)
        local = strategy.experimental_local_results
        mean = lambda value: keras.ops.mean(keras.ops.stack(local(value)), axis=0)  # noqa: E731
        return keras.tree.map_structure(mean, values)

    def build_by_own_rows(self, iterator=None, data_batch=None):
        """By what the first replica of this worker sees of the first batch."""
        _follow(self, iterator)
        if iterator is not None and is_shared(self.distribute_strategy):
            first = lambda value: self.distribute_strategy.experimental_local_results(value)[0]  # noqa: E731
            data_batch = keras.tree.map_structure(first, next(next(iter(iterator))[2]))
            iterator = None
        return build(self, iterator, data_batch)

    setattr(reduce_logs, _MENDED, True)
    trainer.reduce_per_replica, keras.Model._maybe_symbolic_build = reduce_logs, build_by_own_rows
    keras.random.SeedGenerator.next = _own_seeds(keras.random.SeedGenerator.next)


def _own_seeds(following: Callable) -> Callable:
    """`SeedGenerator.next` with seeds of its own for each replica of several workers.

    The state of a generator is the same on all, so that they would drop the same units of their different rows.
    """
    import tensorflow as tf

    def next_of_replica(self, ordered=True):
        seed, context = following(self, ordered), tf.distribute.get_replica_context()
        if context is None or not is_shared(context.strategy):
            return seed
        replica = tf.cast(context.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([replica * tf.constant(_GOLDEN, seed.dtype), tf.zeros_like(replica)])

    return next_of_replica


_MENDED = "_mended_by_rnnkit"
_GOLDEN = 0x1E3779B9  # far from the seeds of other layers, which are below 1e9, and of other replicas


def is_shared(strategy) -> bool:
    """Whether a strategy trains with other processes."""
    from keras.src.backend.tensorflow import trainer

    return trainer._collective_all_reduce_multi_worker(strategy)


# ---- TensorFlow ----

START_UP = re.compile(  # lines that its libraries write as they are loaded, before anybody can set a level of logging
    rb"WARNING: All log messages before absl|[IWE]\d{4} |\d{4}-\d\d-\d\d \S+ [IWE] |To enable the following instruc"
)


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Within, TensorFlow is imported without its start-up lines; all else on standard error is written afterwards.

    They come from native code, some before `TF_CPP_MIN_LOG_LEVEL` is read; set that variable yourself to see the later
    ones. Where TensorFlow is loaded already, nothing is held back.
    """
    if "tensorflow" in sys.modules or sys.stderr is None:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            held.seek(0)
            os.write(saved, b"".join(line for line in held if not START_UP.match(line)))
            os.close(saved)


def global_seed() -> int | None:
    """The seed that `tf.random.set_seed` set; None before that. TensorFlow can set it and not tell it."""
    from tensorflow.python.eager import context

    return context.global_seed()


def is_op_determinism_enabled() -> bool:
    """Whether `tf.config.experimental.enable_op_determinism` was called, which has no public counterpart."""
    from tensorflow.python.framework.config import is_op_determinism_enabled

    return is_op_determinism_enabled()


def has_started() -> bool:
    """Whether TensorFlow has initialised its devices, after which it takes no workers; nothing public tells."""
    from tensorflow.python.eager import context

    return context.context()._initialized


@contextlib.contextmanager
def own_sigterm() -> Iterator[None]:
    """Within, a strategy of several workers is made, for which TensorFlow catches SIGTERM and does nothing with it.

    Afterwards the handler of before has it again, so that the process can be ended; no option leaves it alone.
    """
    yield
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def has_lost_worker(error: Exception) -> bool:
    """Whether an error says that another worker is gone; TensorFlow has one type for it and raises several."""
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    if errors is None or not isinstance(error, errors.OpError):
        return False
    gone = (errors.UnavailableError, errors.AbortedError, errors.DeadlineExceededError)
    return isinstance(error, gone) or "ollective" in str(error)


def gather_from_workers(context, values):
    """Tensors that are as long on each worker, joined along their first axis; within a condition, too.

    The public `ReplicaContext.all_gather` asks all workers for their lengths first, and fails within a condition.
    """
    return _launcher(context)._all_gather(values, None)


def sum_from_workers(context, values):
    """The sum of a tensor over all workers; within a condition, too, where the public `all_reduce` fails."""
    return _launcher(context).all_reduce(values)


def _launcher(context):
    return context.strategy.extended._cross_device_ops._launchers[context._replica_id]


def gradient_registry() -> dict:
    """The gradients of all traced operations by name, which TensorFlow keeps for good and nothing public empties."""
    from tensorflow.python.framework.ops import gradient_registry

    return gradient_registry._registry


def merges_replicas() -> bool:
    """Whether the optimizer leaves the replicas' own context for its update under the strategy in scope.

    A condition around such an update must be made outside of it too, and no public function tells when.
    """
    import tensorflow as tf

    return not tf.__internal__.distribute.strategy_supports_no_merge_call()


# ---- KerasTuner ----
#
# Oracles, trials and tuners are also used by names without an underscore that KerasTuner does not document, where they
# are needed: `Oracle.trials`, `start_order`, `end_order`, `ongoing_trials`, `tuner_ids`, `verbose`, `max_trials`,
# `max_consecutive_failed_trials` and `reload`; `Trial.load` and `Trial.from_proto`; `MetricsTracker.metrics` and
# `get_history`; `Tuner.pre_create_trial` and `get_trial_dir`; and the names of the files in a search's folder.


def chief_service() -> type:
    """The gRPC service of a search's chief, to be derived from.

    KerasTuner runs it in a loop of its own, which knows no time budget and not what became of a worker.
    """
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    return OracleServicer


def chief_messages():
    """The messages of that service, `get_service()`, and what adds it to a server, `get_service_grpc()`."""
    from keras_tuner.src import protos

    return protos


def own_oracle(client):
    """The oracle of a worker itself, behind the client that asks the chief; it can read what the chief has written."""
    return client._oracle


def forget_retry(oracle, trial_id: str) -> None:
    """Takes a trial from those that are to be repeated; KerasTuner fills that queue and never empties it otherwise."""
    if trial_id in oracle._retry_queue:
        oracle._retry_queue.remove(trial_id)


def resume_grid(oracle) -> None:
    """Puts together again what the oracle of a grid search does not save: the order of its trials, where to go on."""

    def compare(first: str, second: str) -> int:
        return oracle._compare(*(oracle.trials[trial_id].hyperparameters.values for trial_id in (first, second)))

    for trial_id in sorted(oracle.trials, key=functools.cmp_to_key(compare)):
        oracle._ordered_ids.insert(trial_id)
    oracle._populate_next = list(oracle.start_order)


@contextlib.contextmanager
def search_files_by(write) -> Iterator[None]:
    """While it lasts, KerasTuner writes its files by `write(path, value)`; its own way writes in place, and no argument
    changes that.
    """
    from keras_tuner.src import utils

    before = utils.save_json
    utils.save_json = write
    try:
        yield
    finally:
        utils.save_json = before


@contextlib.contextmanager
def without_trial_tracebacks() -> Iterator[None]:
    """While it lasts, KerasTuner prints no traceback for a trial that has failed; no argument says so."""
    from keras_tuner.src import config

    before = config.DEBUG
    config.DEBUG = False
    try:
        yield
    finally:
        config.DEBUG = before
