"""Penalties on recurrent kernels, by name or as objects. Legend: `H` units, `G` gates of the cell.

What they do to the spectrum: L2 shrinks all singular values by one factor at every step, so it holds back explosion and
brings on vanishing; L1 sets single weights to zero and shrinks the spectrum too; soft orthogonality pulls every
singular value towards 1.
"""

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import strength


def gate_blocks(kernel):
    """The square block of each gate of a recurrent kernel: (H, G * H) -> (G, H, H).

    Raises:
        ArgumentError: the kernel does not have this shape.
    """
    shape = tuple(kernel.shape)
    if len(shape) != 2 or shape[1] % shape[0]:
        raise ArgumentError(
            f"recurrent kernel: expected the shape (units, gates * units), got {shape}. Give this regularizer or "
            "constraint to recurrent kernels only."
        )
    return ops.transpose(ops.reshape(kernel, (shape[0], -1, shape[0])), (1, 0, 2))


@keras.saving.register_keras_serializable(package="rnnkit")
class SoftOrthogonality(keras.regularizers.Regularizer):
    """`factor * sum over gates |W'W - I|^2`, in the Frobenius norm: every singular value of every gate towards 1.

    An orthogonal kernel neither shrinks nor stretches what passes through it (Vorontsov, Trabelsi, Kadoury and Pal,
    "On orthogonality and learning recurrent networks with long term dependencies", 2017; the name is that of Bansal,
    Chen and Wang, "Can we gain more from orthogonality regularizations in training deep networks?", 2018).

    Args:
        factor: float, the strength.
    """

    def __init__(self, factor=0.01):
        self.factor = strength("factor", factor)

    def __call__(self, kernel):
        blocks = gate_blocks(kernel)
        gram = ops.matmul(ops.transpose(blocks, (0, 2, 1)), blocks)
        return self.factor * ops.sum(ops.square(gram - ops.eye(kernel.shape[0], dtype=kernel.dtype)))

    def get_config(self):
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="rnnkit")
class GateOrthogonality(keras.regularizers.OrthogonalRegularizer):
    """`keras.regularizers.OrthogonalRegularizer` on each gate's block of a recurrent kernel, summed over the gates.

    It acts on the angles between rows and leaves their lengths alone: 0.1 times an orthogonal matrix costs nothing
    and lets gradients vanish all the same. `SoftOrthogonality` acts on both.

    Args:
        factor, mode: as in Keras.
    """

    def __call__(self, kernel):
        blocks = gate_blocks(kernel)
        return sum(super(GateOrthogonality, self).__call__(blocks[gate]) for gate in range(blocks.shape[0]))


_NAMES = {"orthogonal": GateOrthogonality, "soft_orthogonality": SoftOrthogonality}


def find_regularizer(regularizer):
    """The regularizer that a user means.

    Args:
        regularizer: `"orthogonal"`, `"soft_orthogonality"`, `"l1"` or `"l2"`, each with its class' default strength
            (0.01); a Keras regularizer, which has the strength that it was made with, such as
            `keras.regularizers.L2(1e-4)` or `SoftOrthogonality(0.1)`; its config; or None.

    Raises:
        ArgumentError: it is none of these.
    """
    if isinstance(regularizer, str) and regularizer in _NAMES:
        return _NAMES[regularizer]()
    try:
        return keras.regularizers.get(regularizer)
    except (ValueError, TypeError):
        raise ArgumentError(
            f"recurrent_regularizer: expected l1, l2, {', '.join(_NAMES)} or a Keras regularizer, got {regularizer!r}."
        ) from None
