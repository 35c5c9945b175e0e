"""Truncated backpropagation through time. Legend: `B` batch, `T` steps, `F` features, `H` units."""

import inspect
from typing import Any

import keras
from keras import ops, tree

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole


@keras.saving.register_keras_serializable(package="rnnkit")
class TruncatedRNN(compat.OpenRNN, keras.layers.RNN):
    """`keras.layers.RNN` whose gradient stays within chunks of `bptt_steps` steps.

    The sequence is read as chunks of `bptt_steps` steps, the last one possibly shorter. The state is carried from chunk
    to chunk, so outputs and loss are those of the plain layer; the gradient does not follow it back, so that of a step
    comes from 0 to `bptt_steps` - 1 steps ahead, depending on its place in the chunk. This is how language models are
    trained (Zaremba, Sutskever and Vinyals, "Recurrent neural network regularization", 2014), and BPTT(h; h') with h =
    h' of Williams and Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories", 1990. It shortens the gradient's way and not the memory that it needs, for the whole sequence is
    still one graph.

        layer = TruncatedRNN.around(keras.layers.LSTM(64, return_sequences=True), bptt_steps=20)

    Its weights are those of the plain layer in the same order: `set_weights(other.get_weights())` moves them from one
    to the other. (Weights files name layers by their class, so they do not.) Under a mask only the steps that count
    make a chunk long.

    Args:
        cell: a cell, as for `keras.layers.RNN`.
        bptt_steps: int, steps in a chunk.
        kwargs: as for `keras.layers.RNN`.

    Raises:
        ArgumentError: `bptt_steps` is not a positive integer.
    """

    def __init__(self, cell: Any, bptt_steps: int | None, **kwargs: Any):
        super().__init__(cell, **kwargs)
        self.bptt_steps = whole("bptt_steps", bptt_steps, also=" or None")

    @classmethod
    def around(cls, layer: Any, bptt_steps: int | None):
        """The same layer, truncated: with its cell, name and options.

        Raises:
            ArgumentError: the layer does not run its cell step by step in the loop of `keras.layers.RNN`.
        """
        return cls(layer.cell, bptt_steps, **loop_options(layer, "bptt_steps"))

    def through_time(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        def step(inputs, states):
            *states, count = states
            begins = ops.equal(count % self.bptt_steps, 0)
            states = tree.map_structure(lambda state: ops.where(begins, ops.stop_gradient(state), state), states)
            output, states = run_cell(self.cell, inputs, states, training)
            return output, [*states, count + 1]

        count = ops.zeros((ops.shape(sequences)[0], 1), dtype="int32")  # one per sequence, for under a mask they differ
        last, outputs, states = run_loop(self, step, sequences, [*initial_state, count], mask)
        return last, outputs, list(states)[:-1]

    def get_config(self):
        return {**super().get_config(), "bptt_steps": self.bptt_steps}


def check_stepwise(argument: str, layer, trusted=("keras.", "rnnkit.")) -> None:
    """Whether a recurrent layer runs its cell step by step in the loop of `keras.layers.RNN`, and does nothing else.

    Args:
        argument: what the user asked for, for the message.
        layer: the layer.
        trusted: packages whose own way through time is known to give what the cell does.

    Raises:
        ArgumentError: it does not.
    """
    own = [base for base in type(layer).__mro__ if not base.__module__.startswith(trusted)]
    if not hasattr(layer, "cell") or any({"call", *compat.LOOPS} & set(vars(base)) for base in own):
        raise ArgumentError(
            f"{argument}: {type(layer).__name__} runs through time in a way of its own. Leave {argument} out, or "
            "give a cell that keras.layers.RNN can run."
        )


def loop_options(layer, argument: str) -> dict:
    """The options of a recurrent layer that another loop around its cell has to take over.

    Raises:
        ArgumentError: as `check_stepwise`; `argument` is what the user asked for in vain.
    """
    loops = ("min_rnn", "parallel_rnn", "fused_rnn")
    check_stepwise(argument, layer, ("keras.", "rnnkit.compat", *[f"rnnkit.recurrent.{each}" for each in loops]))
    names = ("name", "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask")
    return {"dtype": layer.dtype_policy, **{name: getattr(layer, name) for name in names}}


def run_cell(cell, inputs, states, training):
    """One step of a cell: its output and its new states, always as a list."""
    options = {"training": training} if "training" in inspect.signature(cell.call).parameters else {}
    output, states = cell(inputs, states, **options)
    return output, list(states) if isinstance(states, (list, tuple)) else [states]


def run_loop(layer, step, sequences, initial_state, mask, *, all_outputs=False):
    """Runs `step` over time with a recurrent layer's options: last output, outputs, states."""
    return compat.recurrent_loop(
        step,
        sequences,
        initial_state,
        go_backwards=layer.go_backwards,
        mask=mask,
        unroll=layer.unroll,
        input_length=sequences.shape[1],
        zero_output_for_mask=layer.zero_output_for_mask,
        return_all_outputs=layer.return_sequences or all_outputs,
    )
