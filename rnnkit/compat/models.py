"""Keras: layers, models, optimizers and the data adapter."""

from collections.abc import Callable
from typing import Any

from rnnkit.compat.fits import follow


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
        follow(self, iterator)  # before `build_for`, which may put an example in its place
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
