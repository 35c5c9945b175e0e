"""The vanishing-gradient regularizer, for TensorFlow. Legend: `B` batch, `T` steps, `F` features, `H` units.

Omega needs the gradient that reaches every state, which exists only while the gradient is being computed. So a zero is
added to each state, and the gradient of that zero, which is that of the state, is met by a function of ours: it adds
the gradient of Omega to the recurrent kernel's. The zero added to the losses carries their scale there and back: loss
scaling, replicas and loss weights apply to Omega as to every other penalty.
"""

from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import positive
from rnnkit.recurrent.truncated import loop_options, run_cell, run_loop


@keras.saving.register_keras_serializable(package="rnnkit")
class OmegaRNN(compat.OpenRNN, keras.layers.RNN):
    """`keras.layers.RNN` with a penalty on gradients that shrink or grow as they are backpropagated through time.

    Omega of Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, equations 9
    and 10: with g_k the gradient of the loss at state h_k,

        Omega = sum over k of (|g_(k+1) dh_(k+1)/dh_k| / |g_(k+1)| - 1)^2, the mean over the sequences,

    of which only the immediate partial derivative for the recurrent kernel is used: g, the states and the inputs are
    constants. The sum goes over neighbouring states of a sequence; steps that no gradient reaches do not count. Where
    the paper differentiates at constant x_k with h = phi(x), this is at constant h_k, so that it is defined for
    gated cells too. Dropout inside the cell is left out of Omega.

        layer = OmegaRNN.around(keras.layers.GRU(64), omega=1.0)

    It acts in training only. Its value does not show in the reported loss, which stays comparable, and what stops
    `model.losses` from counting stops Omega. A step takes about twice as long; the kernel is never that of cuDNN.

    Args:
        cell: a cell whose only state is its output, with a `recurrent_kernel`: `SimpleRNNCell`, `GRUCell`, or your own.
        omega: float, the strength.
        kwargs: as for `keras.layers.RNN`.

    Raises:
        ArgumentError: `omega` is not positive, the cell is of another kind, or the backend is not TensorFlow.
    """

    def __init__(self, cell: Any, omega: float = 1.0, **kwargs: Any):
        positive("omega", omega, also=", or 0 in a stack")
        if keras.backend.backend() != "tensorflow":
            raise ArgumentError(f"omega: needs the TensorFlow backend, got {keras.backend.backend()}. Leave it out.")
        super().__init__(cell, **kwargs)
        if len(self.state_size) != 1:
            raise _unfit(cell, f"has {len(self.state_size)} states")
        self.omega = float(omega)

    @classmethod
    def around(cls, layer: Any, omega: float):
        """The same layer with the penalty: with its cell, name and options.

        Raises:
            ArgumentError: the layer or its cell is of another kind.
        """
        return cls(layer.cell, omega, **loop_options(layer, "omega"))

    def build(self, sequences_shape: Any, initial_state_shape: Any = None):
        super().build(sequences_shape, initial_state_shape)
        if getattr(self.cell, "recurrent_kernel", None) is None:
            raise _unfit(self.cell, "has no recurrent_kernel")

    def through_time(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        if not training or not self.cell.recurrent_kernel.trainable:
            return super().through_time(sequences, initial_state, mask, training)

        units = self.state_size[0]

        def step(inputs, states):
            inputs, zero = inputs[:, :-units], inputs[:, -units:]
            output, (state,) = run_cell(self.cell, inputs, states, training)
            if output is not state:
                raise _unfit(self.cell, "has another output than its state")
            return output + zero, [state + zero]

        met: dict = {}  # what the gradient function needs of the loop that has not run yet
        zeros = ops.zeros((*ops.shape(sequences)[:2], units), dtype=sequences.dtype)
        zeros, cost = self._meet_gradient(zeros, sequences, met)
        self.add_loss(cost)
        joined = ops.concatenate([sequences, zeros], axis=-1)
        last, outputs, states = run_loop(self, step, joined, initial_state, mask, all_outputs=True)
        met["states"] = outputs
        return last, outputs, states

    def _meet_gradient(self, zeros, sequences, met):
        """`zeros` and a cost of zero; where their gradients arrive, that of Omega goes to the recurrent kernel."""
        from rnnkit.recurrent.gradient_penalties import omega_gradient

        steps = slice(None, None, -1) if self.go_backwards else slice(None)

        @ops.custom_gradient
        def meet(zeros, kernel):
            def gradient(reached, scale):
                found = omega_gradient(self.cell, sequences[:, steps], met["states"], reached[:, steps])
                return ops.zeros_like(zeros), ops.cast(self.omega * scale * found, kernel.dtype)

            return (zeros, ops.zeros((), dtype="float32")), gradient

        return meet(zeros, ops.convert_to_tensor(self.cell.recurrent_kernel))

    def get_config(self):
        return {**super().get_config(), "omega": self.omega}


def _unfit(cell, what: str) -> ArgumentError:
    return ArgumentError(
        f"omega: is offered for cells whose only state is their output, such as 'simple_rnn' and 'gru'; "
        f"{type(cell).__name__} {what}. Leave omega out, or change the cell."
    )
