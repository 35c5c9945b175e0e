"""Names of other libraries that their makers keep private or do not document, all in one place.

Each says why it is needed and which public way is missing. `tests/rnnkit/test_compat.py` has a canary for each, which
fails when the name is gone or means something else; `tests/canaries.sh` runs them against Keras' next version. Nothing
here has a default for a name that is missing: an error that names it is better than a wrong result.

Libraries are imported inside the functions, so that importing this module costs nothing.
"""

import contextlib
import functools
from collections.abc import Iterator

# ---- Keras ----


def layers_of(model) -> list:
    """All layers of a model, itself and those inside of others and of cells included, each once.

    `Model.layers` stops at the first level, and a layer has no public list of the layers inside of it.
    """
    return list(dict.fromkeys(model._flatten_layers()))


def recurrent_loop(step, inputs, initial_states, **options):
    """The loop through time that all recurrent layers of Keras run: last output, outputs, states.

    `keras.layers.RNN` runs it with its own step only, and Keras exports it under no public name.
    """
    from keras.src.backend import rnn

    return rnn(step, inputs, initial_states, **options)


LOOPS = {"inner_loop", "through_time"}  # the methods of a recurrent layer that run time, of Keras and of `OpenRNN`


class OpenRNN:
    """Mixin before `keras.layers.RNN` or a layer made from it: its way through time, under a name to be overridden.

    `call`, the public method, also has to do with `initial_state`, dropout masks, `stateful` and what is returned.
    """

    def through_time(self, sequences, initial_state, mask, training=False):
        """The last output, all outputs and the last states, as the layer finds them: in a loop or by cuDNN."""
        return super().inner_loop(sequences, initial_state, mask, training)  # type: ignore[misc]

    def generic_loop(self, sequences, initial_state, mask, training=False):
        """The same by the loop of `keras.layers.RNN`, whatever the layer is."""
        import keras

        return keras.layers.RNN.inner_loop(self, sequences, initial_state, mask, training)

    def inner_loop(self, sequences, initial_state, mask, training=False):
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
    index = adam._get_variable_index(variable)
    return adam._momentums[index], adam._velocities[index]


# ---- TensorFlow ----


def global_seed() -> int | None:
    """The seed that `tf.random.set_seed` set; None before that. TensorFlow can set it and not tell it."""
    from tensorflow.python.eager import context

    return context.global_seed()


def is_op_determinism_enabled() -> bool:
    """Whether `tf.config.experimental.enable_op_determinism` was called, which has no public counterpart."""
    from tensorflow.python.framework.config import is_op_determinism_enabled

    return is_op_determinism_enabled()


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
