"""Starting values for recurrent weights. Legend: `H` units, `G` gates of the cell."""

import math

import keras
from keras import ops

from rnnkit.errors import ArgumentError


@keras.saving.register_keras_serializable(package="rnnkit")
class GateIdentity(keras.initializers.Initializer):
    """A scaled identity matrix for every gate of a recurrent kernel, shape (H, G * H).

    On a `simple_rnn` with `relu` and its zero biases this is the IRNN of Le, Jaitly and Hinton, "A simple way to
    initialize recurrent networks of rectified linear units", 2015. They start the input kernel at N(0, 0.001^2) as
    well, which is left to the cell's own initializer here.

    Args:
        gain: the factor of the identity; every eigenvalue of every gate's kernel equals it. The paper takes 1, and
            0.01 where short memories do.
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        return self.gain * ops.tile(ops.eye(shape[0], dtype=dtype), (1, _gates(shape, "identity")))

    def get_config(self):
        return {"gain": self.gain}


@keras.saving.register_keras_serializable(package="rnnkit")
class GateOrthogonal(keras.initializers.Initializer):
    """A random orthogonal matrix for every gate of a recurrent kernel, shape (H, G * H).

    Keras' `"orthogonal"` makes the rows of the whole kernel orthonormal, which leaves each gate of a gated cell with
    singular values below 1, about 1 / sqrt(G) (Saxe, McClelland and Ganguli, "Exact solutions to
    the nonlinear dynamics of learning in deep linear neural networks", 2014). With one gate both are the same.

    Args:
        gain: the factor of the matrices; every singular value equals it.
        seed: int, or None for the global seed.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        self.gain = gain
        self.seed = seed

    def __call__(self, shape, dtype=None):
        seeds = [None if self.seed is None else self.seed + gate for gate in range(_gates(shape, "gate_orthogonal"))]
        blocks = [keras.initializers.Orthogonal(self.gain, seed)((shape[0], shape[0]), dtype=dtype) for seed in seeds]
        return ops.concatenate(blocks, axis=1)

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed}


@keras.saving.register_keras_serializable(package="rnnkit")
class Chrono(keras.initializers.Initializer):
    """Gate biases that give each unit a memory of its own length, between 1 and `max_lag` steps.

    A unit that forgets at rate 1 / T keeps its content for about T steps, so the bias of the gate that keeps (the
    LSTM's forget gate, the GRU's update gate) starts at log(u), u uniform in [1, max_lag - 1], and the bias of the
    gate that writes starts at the opposite (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018).

    As `recurrent_initializer=Chrono(max_lag=500)` of a stack or task it sets the biases of the cell, whatever its
    gates are, and the recurrent kernel starts orthogonal.

    Args:
        gates: one letter a gate in the order of the bias, such as `"ifco"` or `"zrh"`; a stack fills it in.
        max_lag: the longest dependency to expect, in steps; T_max in the paper.
        seed: int, or None for the global seed.

    Raises:
        ArgumentError: `max_lag` is below 3; as a bias initializer, `gates` was not given.
    """

    keeps = "fz"
    writes = "i"

    def __init__(self, gates: str | None = None, max_lag: int = 100, seed: int | None = None):
        if max_lag < 3:
            raise ArgumentError(f"max_lag: expected at least 3 steps, got {max_lag}.")
        self.seed = seed
        self.gates = gates
        self.max_lag = max_lag

    def __call__(self, shape, dtype=None):
        """A bias of shape (G * H,), or (2, G * H) for a GRU with `reset_after`, whose second row stays zero."""
        if not self.gates:
            raise ArgumentError("gates: expected one letter per gate, such as 'ifco' for an LSTM, got none.")
        units = shape[-1] // len(self.gates)
        lag = keras.initializers.RandomUniform(1.0, self.max_lag - 1.0, seed=self.seed)((units,), dtype=dtype)
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


def find_initializer(initializer):
    """The initializer of a recurrent kernel: a name is left as it is, for the cell; a config is made an object."""
    return keras.initializers.deserialize(initializer) if isinstance(initializer, dict) else initializer


def _gates(shape, name: str) -> int:
    """How many gates a recurrent kernel of this shape has."""
    units, width = shape
    if width % units:
        raise ArgumentError(
            f"recurrent_initializer: '{name}' needs a kernel of shape (units, gates * units), got "
            f"{tuple(shape)}. Use 'orthogonal' for this cell."
        )
    return width // units
