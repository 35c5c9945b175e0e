"""The state of a recurrent stack between two batches of a stream."""

import keras
from keras import ops

from rnnkit.errors import ArgumentError


class CarriedState:
    """The states (B, H) after the last batch, for any B, outside of a model's weights (TensorFlow)."""

    def __init__(self):
        self._variables: list = []

    def begin(self, zero, fresh):
        """The states to begin a batch with: those that were kept, or `zero` where the batch is a fresh start.

        Args:
            zero: nested lists of states (B, H), as `RecurrentStack.initial_states` gives them.
            fresh: (B,), 1 where the state is zero; the same for the whole batch.
        """
        import tensorflow as tf

        flat = keras.tree.flatten(zero)
        if not self._variables:
            with tf.init_scope():
                self._variables = [_variable(state) for state in flat]
        kept = tf.cond(
            tf.reduce_any(ops.cast(fresh, "bool")),
            lambda: flat,
            lambda: [variable.value() for variable in self._variables],
        )
        for state, like in zip(kept, flat, strict=True):
            state.set_shape(like.shape)
        return keras.tree.pack_sequence_as(zero, kept)

    def keep(self, states) -> None:
        """Remembers the states after a batch."""
        for variable, state in zip(self._variables, keras.tree.flatten(states), strict=True):
            variable.assign(ops.stop_gradient(state))

    def get(self) -> list:
        """The states as arrays."""
        return [variable.numpy() for variable in self._variables]

    def set(self, states: list) -> None:
        """Takes over what `get` gave."""
        import tensorflow as tf

        if not self._variables:
            self._variables = [_variable(tf.constant(state)) for state in states]
        for variable, state in zip(self._variables, states, strict=True):
            variable.assign(state)


class ResumedState(keras.callbacks.Callback):
    """Has `Resume` save and restore the state of the stream in the middle of a pass."""

    def __init__(self, carried: list[CarriedState]):
        super().__init__()
        self.carried = carried

    def get_state(self) -> dict:
        """The states of each direction."""
        return {"states": [each.get() for each in self.carried]}

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave."""
        for each, states in zip(self.carried, state["states"], strict=True):
            each.set(states)


def check_one_device(model) -> None:
    """Raises `ArgumentError` where a state cannot be carried: on another backend, or on several devices."""
    if keras.backend.backend() != "tensorflow":
        raise ArgumentError(f"backend: a language model trains on TensorFlow, got {keras.backend.backend()}.")
    count = model.distribute_strategy.num_replicas_in_sync if model.distribute_strategy is not None else 1
    if count > 1:
        raise ArgumentError(f"devices: a language model carries its state on one device, got {count}. Use one.")


def _variable(state):
    import tensorflow as tf

    shape = tf.TensorShape([None, *state.shape[1:]])
    return tf.Variable(tf.zeros([0, *state.shape[1:]], state.dtype), trainable=False, shape=shape)
