"""Starting values for recurrent weights. Legend: `H` units, `G` gates of the cell."""

import math

import keras
from keras import ops

from rnnkit.errors import ArgumentError


@keras.saving.register_keras_serializable(package="rnnkit")
class GateIdentity(keras.initializers.Initializer):
    """A scaled identity matrix for every gate of a recurrent kernel, shape (H, G * H).

    On a `simple_rnn` with `relu` this is the IRNN of Le, Jaitly and Hinton, "A simple way to initialize recurrent
    networks of rectified linear units", 2015.

    Args:
        gain: the factor of the identity; every eigenvalue of every gate's kernel equals it.
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        units, width = shape
        if width % units:
            raise ArgumentError(
                f"recurrent_initializer: 'identity' needs a kernel of shape (units, gates * units), got "
                f"{tuple(shape)}. Use 'orthogonal' for this cell."
            )
        return self.gain * ops.tile(ops.eye(units, dtype=dtype), (1, width // units))

    def get_config(self):
        return {"gain": self.gain}


@keras.saving.register_keras_serializable(package="rnnkit")
class Chrono(keras.initializers.Initializer):
    """Gate biases that give each unit a memory of its own length, between 1 and `max_lag` steps.

    A unit that forgets at rate 1 / T keeps its content for about T steps, so the bias of the gate that keeps (the
    LSTM's forget gate, the GRU's update gate) starts at log(u), u uniform in [1, max_lag - 1], and the bias of the
    gate that writes starts at the opposite (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018).

    Args:
        gates: one letter a gate in the order of the bias, such as `"ifco"` or `"zrh"`.
        max_lag: the longest dependency to expect, in steps.
        seed: int, or None for the global seed.
    """

    keeps = "fz"
    writes = "i"

    def __init__(self, gates: str, max_lag: int = 100, seed: int | None = None):
        if max_lag < 3:
            raise ArgumentError(f"max_lag: expected at least 3 steps, got {max_lag}.")
        self.seed = seed
        self.gates = gates
        self.max_lag = max_lag

    def __call__(self, shape, dtype=None):
        """A bias of shape (G * H,), or (2, G * H) for a GRU with `reset_after`, whose second row stays zero."""
        units = shape[-1] // len(self.gates)
        lag = keras.random.uniform((units,), 1.0, self.max_lag - 1.0, dtype=dtype, seed=self.seed)
        keep = ops.log(lag)
        zero = ops.zeros_like(keep)
        parts = [keep if gate in self.keeps else -keep if gate in self.writes else zero for gate in self.gates]
        bias = ops.concatenate(parts)
        rows = math.prod(shape[:-1])
        if rows == 1:
            return ops.reshape(bias, shape)
        return ops.concatenate([bias[None], ops.zeros((rows - 1, shape[-1]), dtype=dtype)])

    def get_config(self):
        return {"gates": self.gates, "max_lag": self.max_lag, "seed": self.seed}
