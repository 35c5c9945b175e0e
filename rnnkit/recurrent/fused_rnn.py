"""Keras' recurrent layers, with a loop over time that is faster on a CPU; `own_rnn` has rnnkit's own.

`LSTM`, `GRU` and `SimpleRNN` are the layers of `keras.layers` in all they take, hold, save and return. Where nothing is
in the way (see `fused_obstacles`), time runs through `fused_loops`; otherwise, and under a mask, through Keras: cuDNN
on a GPU, its own loop elsewhere and in `portable_loops`. They keep the names of Keras' classes, by which weights files
find layers.

Legend: `B` batch, `T` steps, `F` features, `H` units, `G` gates.
"""

from typing import Any

import keras
from keras import ops, tree

from rnnkit import compat
from rnnkit.recurrent.devices import gpu_in_use, is_deterministic
from rnnkit.recurrent.execution import in_parallel_halves, is_portable

ACTIVATIONS = {getattr(keras.activations, name): name for name in ("tanh", "sigmoid", "relu", "linear")}


class FusedRNN(compat.OpenRNN, keras.layers.RNN):
    """What lets a recurrent layer of Keras run through `fused_loops`; stands before it among the bases."""

    steps: str  # the class in `fused_steps`, by name, for that module imports TensorFlow
    directions = 1  # layers that run at the same time as this one, itself among them
    dtypes: tuple[str, ...] = ("float32",)  # of computation, with which the loop runs; it computes in float32

    def through_time(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False):
        if is_portable() or (gpu_in_use() and is_deterministic()):  # Keras would take cuDNN
            return self.generic_loop(sequences, initial_state, mask, training)
        masked = any(each is not None for each in tree.flatten(mask))
        if masked or gpu_in_use() or fused_obstacles(self):
            return super().through_time(sequences, initial_state, mask, training)
        from rnnkit.recurrent import fused_loops, fused_steps

        functions = [fused_steps.FUNCTIONS[ACTIVATIONS[each]] for each in _activations(self.cell)]
        steps = getattr(fused_steps, self.steps)(*functions)
        inputs = ops.flip(sequences, axis=1) if self.go_backwards else sequences
        weights = [ops.cast(each, "float32") for each in self.loop_weights()]
        given = [ops.cast(each, "float32") for each in (inputs, *self.first_states(initial_state))]

        def run(inputs, *states):
            return fused_loops.run(steps, inputs, states, weights, training=training)

        found = in_parallel_halves(run, self.directions, *given)
        outputs, *states = (ops.cast(each, self.compute_dtype) for each in found)
        return states[0], outputs, states

    def first_states(self, states: Any):
        """The states before the first step, as the loop takes them."""
        return states

    def loop_weights(self):
        """Kernel (F, G * H), recurrent kernel (H, G * H), and up to two biases (G * H,), as the loop takes them."""
        kernels, bias = [self.cell.kernel, self.cell.recurrent_kernel], self.cell.bias
        if bias is None:
            return kernels
        return [*kernels, *(ops.unstack(bias) if len(bias.shape) == 2 else [bias])]

    def obstacles(self) -> dict[str, bool]:
        """What keeps this layer from the loop, beside what keeps all -> whether that is not so."""
        cell = self.cell
        return {
            "dropout is on": not (cell.dropout or cell.recurrent_dropout),
            "reset_after is off": not isinstance(cell, keras.layers.GRUCell) or cell.reset_after,
            "use_cudnn is on": isinstance(self, keras.layers.SimpleRNN) or self.use_cudnn is not True,
        }


@keras.saving.register_keras_serializable(package="rnnkit")
class LSTM(FusedRNN, keras.layers.LSTM):
    """`keras.layers.LSTM` (Hochreiter and Schmidhuber, "Long short-term memory", 1997), faster on a CPU.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import LSTM
        >>> tuple(LSTM(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    steps = "LSTMSteps"


@keras.saving.register_keras_serializable(package="rnnkit")
class GRU(FusedRNN, keras.layers.GRU):
    """`keras.layers.GRU` (Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014), faster on a
    CPU.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import GRU
        >>> tuple(GRU(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    steps = "GRUSteps"


@keras.saving.register_keras_serializable(package="rnnkit")
class SimpleRNN(FusedRNN, keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` (Elman, "Finding structure in time", 1990), faster on a CPU.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import SimpleRNN
        >>> tuple(SimpleRNN(8, return_sequences=True)(np.ones((2, 5, 3))).shape)
        (2, 5, 8)
    """

    steps = "SimpleRNNSteps"


def fused_obstacles(layer) -> list[str]:
    """What keeps a layer, on a CPU and without a mask, from the loop of `fused_loops`; empty if nothing does."""
    if not isinstance(layer, FusedRNN):
        return ["only the recurrent layers of rnnkit.layers have another loop"]
    cell = layer.cell
    conditions = {
        f"the backend is {keras.backend.backend()}": keras.backend.backend() == "tensorflow",
        f"the compute dtype is {cell.compute_dtype}": cell.compute_dtype in layer.dtypes,
        f"no activation of {', '.join(ACTIVATIONS.values())}": all(each in ACTIVATIONS for each in _activations(cell)),
        "unroll is on": not layer.unroll,
        **layer.obstacles(),
    }
    return [obstacle for obstacle, holds in conditions.items() if not holds]


def _activations(cell) -> list:
    return [cell.activation, cell.recurrent_activation] if hasattr(cell, "recurrent_activation") else [cell.activation]
