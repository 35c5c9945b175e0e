"""A recurrent stack that writes one sequence while it looks at another.

Legend: `B` batch, `U` steps written, `T` steps read, `K` hypotheses of one sentence, `E` features of an input, `M` of
the memory (what the encoder put out), `R` of a readout.
"""

from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of
from rnnkit.layers.attention import SCORINGS, Attention
from rnnkit.layers.recurrent_stack import RecurrentStack
from rnnkit.layers.state_bridge import StateBridge


@keras.saving.register_keras_serializable(package="rnnkit")
class AttentionDecoder(keras.layers.Layer):
    """Writes a sequence over the memory of another: the readout of step t is tanh(W [c_t; h_t]).

    h_t is the stack's output and c_t what attention gives for it (Luong, Pham and Manning, "Effective approaches to
    attention-based neural machine translation", 2015). The stack runs over the whole target at once and attention
    over all its steps in parallel. With `input_feeding`, the readout of each step is also an input of the next one,
    so that the decoder knows what it has looked at; it then runs step by step.

    Args:
        stack: a `RecurrentStack` in one direction.
        width: R, the width of a readout.
        attention: `"general"`, `"dot"`, `"additive"` (see `Attention`), or None: the readout is then tanh(W h_t), and
            all that is known of the memory is the first state.
        input_feeding: feed each readout to the next step.
        bidirectional: whether the memory was read in both directions (see `StateBridge`).
        dropout: fraction of the readouts' features dropped in training, in [0, 1).

    Raises:
        ArgumentError: an unknown attention, or input feeding without attention.
    """

    def __init__(
        self,
        stack: Any,
        width: int,
        attention: Any = "general",
        input_feeding: bool = False,
        bidirectional: bool = True,
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if attention is not None:
            one_of("attention", attention, SCORINGS, also=" or None")
        if input_feeding and attention is None:
            raise ArgumentError("input_feeding: there is no attention to feed. Choose one, or leave input_feeding out.")
        policy = self.dtype_policy
        self.stack = stack
        self.width = width
        self.attention = attention
        self.input_feeding = input_feeding
        self.bidirectional = bidirectional
        self.dropout = dropout
        sizes = [[int(state.shape[-1]) for state in layer] for layer in stack.initial_states(1)]
        self.bridge = StateBridge(sizes, bidirectional, name="bridge", dtype=policy)
        self.look = Attention(attention, name="attention", dtype=policy) if attention else None
        self.readout = keras.layers.Dense(width, "tanh", name="readout", dtype=policy)
        self.drop_inputs = keras.layers.Dropout(stack.dropout, name="drop_inputs", dtype=policy)
        self.drop_readouts = keras.layers.Dropout(dropout, name="drop_readouts", dtype=policy)

    def build(self, inputs_shape: Any, memory_shape: Any, lengths_shape: Any = None):
        hidden = (*inputs_shape[:-1], self.stack.width)
        context = memory_shape[-1] if self.look else 0
        self.stack.build((*inputs_shape[:-1], inputs_shape[-1] + self.width * self.input_feeding))
        self.bridge.build(memory_shape)
        if self.look:
            self.look.build(hidden, memory_shape)
        self.readout.build((*inputs_shape[:-1], self.stack.width + context))
        self.built = True

    def call(self, inputs: Any, memory: Any, lengths: Any, training: bool = False):
        """Reads the whole target at once.

        Args:
            inputs: shape (B, U, E), the input of each step: the target, one step late.
            memory: shape (B, T, M), padded on the right.
            lengths: int32, shape (B,): the valid steps of the memory.
            training: whether dropout is on.

        Returns:
            Readouts of shape (B, U, R) and attention weights of shape (B, U, T), which without attention are zeros.
        """
        keys, states = self.start(memory, lengths)
        if self.input_feeding:
            readouts, weights = self._fed(self.drop_inputs(inputs, training=training), memory, keys, lengths, states)
        else:
            hidden = self.stack(inputs, initial_states=states, training=training)
            readouts, weights = self._read(hidden, memory, keys, lengths)
        return self.drop_readouts(readouts, training=training), weights

    def start(self, memory: Any, lengths: Any):
        """What stays the same for all steps, the attention's keys (B, T, ...), and the states before the first one."""
        states = self.bridge(memory, lengths)
        if self.input_feeding:
            states = [ops.zeros((ops.shape(memory)[0], self.width), dtype=self.compute_dtype), *states]
        return (self.look.keys(memory) if self.look else memory), states

    def step(self, inputs: Any, memory: Any, keys: Any, lengths: Any, states: Any):
        """One step of each of K hypotheses of B sentences, without dropout.

        Args:
            inputs: shape (B * K, E).
            memory, keys, lengths: of the B sentences.
            states: as from `start` or the last step, with B * K rows.

        Returns:
            Readouts (B * K, R), attention weights (B, K, T), and the states after the step.
        """
        if self.input_feeding:
            fed, *states = states
            inputs = ops.concatenate([inputs, fed], axis=-1)
        hidden, states = self.stack.step(inputs, states)
        hidden = ops.reshape(hidden, (ops.shape(memory)[0], -1, self.stack.width))
        readouts, weights = self._read(hidden, memory, keys, lengths)
        readouts = ops.reshape(readouts, (-1, self.width))
        return readouts, weights, [readouts, *states] if self.input_feeding else states

    def _read(self, hidden, memory, keys, lengths):
        if not self.look:
            return self.readout(hidden), ops.zeros((*ops.shape(hidden)[:2], ops.shape(memory)[1]), hidden.dtype)
        context, weights = self.look(hidden, memory, keys, lengths)
        return self.readout(ops.concatenate([context, hidden], axis=-1)), weights

    def _fed(self, inputs, memory, keys, lengths, states):
        def step(inputs, states):
            readouts, weights, states = self.step(inputs, memory, keys, lengths, states)
            return (readouts, weights[:, 0]), states

        _, outputs, _ = compat.recurrent_loop(step, inputs, states)
        return outputs

    def get_config(self):
        own = ("width", "attention", "input_feeding", "bidirectional", "dropout")
        stack = keras.saving.serialize_keras_object(self.stack)
        return {**super().get_config(), "stack": stack, **{name: getattr(self, name) for name in own}}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        return cls(RecurrentStack.from_config(config.pop("stack")["config"]), **config)
