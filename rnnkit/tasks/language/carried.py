"""The state of a recurrent stack between two batches of a stream."""

import keras
from keras import ops

from rnnkit.errors import ArgumentError


class CarriedState:
    """The states (B, H) after the last batch, for any B, outside of a model's weights (TensorFlow).

    Each device of several has those of its own strips or texts.
    """

    def __init__(self):
        self._variables: list = []

    def make(self, zero) -> None:
        """Makes its variables, in the scope of the model's strategy.

        Args:
            zero: nested lists of states (1, H), as `RecurrentStack.initial_states` gives them.
        """
        import tensorflow as tf

        if not self._variables:
            self._strategy = tf.distribute.get_strategy()
            self._variables = [_variable(state) for state in keras.tree.flatten(zero)]

    def begin(self, zero, fresh):
        """The states to begin a batch with: those that were kept, or `zero` where the batch is a fresh start.

        Args:
            zero: nested lists of states (B, H), as `RecurrentStack.initial_states` gives them.
            fresh: (B,), 1 where the state is zero; the same for the whole batch.
        """
        import tensorflow as tf

        flat = keras.tree.flatten(zero)
        states = [tf.convert_to_tensor(variable) for variable in self._variables]
        others = tf.not_equal(tf.shape(states[0])[0], tf.shape(flat[0])[0])  # a device without rows of its own
        kept = tf.cond(tf.reduce_any(ops.cast(fresh, "bool")) | others, lambda: flat, lambda: states)
        for state, like in zip(kept, flat, strict=True):
            state.set_shape(like.shape)
        return keras.tree.pack_sequence_as(zero, kept)

    def keep(self, states) -> None:
        """Remembers the states after a batch."""
        for variable, state in zip(self._variables, keras.tree.flatten(states), strict=True):
            variable.assign(ops.stop_gradient(state))

    def get(self) -> list:
        """The states as arrays, of each device of this process."""
        return [variable.numpy() for variable in self._local()]

    def set(self, states: list) -> None:
        """Takes over what `get` gave."""
        for variable, state in zip(self._local(), states, strict=True):
            variable.assign(state)

    def _local(self) -> list:
        return [each for one in self._variables for each in self._strategy.experimental_local_results(one)]


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


def check_backend() -> None:
    """Raises `ArgumentError` where a state cannot be carried."""
    if keras.backend.backend() != "tensorflow":
        raise ArgumentError(f"backend: a language model trains on TensorFlow, got {keras.backend.backend()}.")


def _variable(state):
    import tensorflow as tf

    return tf.Variable(
        tf.zeros([1, *state.shape[1:]], state.dtype),
        trainable=False,
        shape=tf.TensorShape([None, *state.shape[1:]]),
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
