"""The diagonal state space layer S5. Legend: `H` units, `S` complex numbers of the state."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.recurrent.lru import ComplexCell


@keras.saving.register_keras_serializable(package="rnnkit")
class S5Cell(ComplexCell):
    """One step of S5 (Smith, Warrington and Linderman, "Simplified state space layers for sequence modeling", 2023,
    section 3), a linear system in continuous time, held still between steps (zero-order hold).

        lambda = exp(Lambda delta)
        h_t = lambda * h_(t-1) + (lambda - 1) / Lambda * (B x_t)
        y_t = 2 Re(C h_t) + D x_t

    Lambda is complex with a negative real part, -exp(log_decay) + i frequency, and starts as the upper half of the
    eigenvalues of HiPPO-N, the normal part of the matrix that keeps a sequence as Legendre polynomials; the lower half
    are their conjugates, which the 2 stands for. Each has a step size delta of its own, log-uniform at the start. A
    layer needs what `LRUCell` needs around it. B and C are normal at the start, where the paper turns such into the
    basis of the eigenvectors, which leaves them normal; D is a matrix, for the widths may differ.

    Args:
        units: int, H.
        state_units: int, S, the half that is kept; None is half of H, and 1 at least: H real numbers.
        min_step, max_step: of delta at the start: memories are from 2 / max_step to 2 / min_step steps long.
        kwargs: as for `keras.layers.Layer`.

    Raises:
        ArgumentError: the steps are not 0 < min_step <= max_step.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import ParallelRNN, S5Cell
        >>> tuple(ParallelRNN(S5Cell(8), return_sequences=True)(np.ones((2, 5, 3), "float32")).shape)
        (2, 5, 8)
    """

    scale = 2.0

    def __init__(
        self,
        units: int,
        state_units: int | None = None,
        min_step: float = 0.001,
        max_step: float = 0.1,
        **kwargs: Any,
    ):
        super().__init__(units, state_units, **kwargs)
        if not 0 < min_step <= max_step:
            raise ArgumentError(
                f"min_step, max_step: expected 0 < min_step <= max_step, got {min_step} and {max_step}."
            )
        self.min_step, self.max_step = min_step, max_step

    def build_recurrence(self) -> None:
        def log_uniform(shape, dtype):
            return keras.initializers.RandomUniform(math.log(self.min_step), math.log(self.max_step))(shape, dtype)

        def constant(values):
            return lambda shape, dtype: ops.convert_to_tensor(values, dtype)

        start = hippo_eigenvalues(self.state_units)
        shape = (self.state_units,)
        self.log_decay = self.add_weight(shape, constant(np.log(-start.real)), name="log_decay", autocast=False)
        self.frequency = self.add_weight(shape, constant(start.imag), name="frequency", autocast=False)
        self.log_step = self.add_weight(shape, log_uniform, name="log_step", autocast=False)

    def recurrence(self):
        real, imaginary, step = -ops.exp(self.log_decay), ops.convert_to_tensor(self.frequency), ops.exp(self.log_step)
        modulus, phase = ops.exp(real * step), imaginary * step
        # lambda - 1 without the difference of numbers that are nearly equal
        less = ops.tanh(real * step / 2) * (1 + modulus) - 2 * modulus * ops.sin(phase / 2) ** 2
        turned, size = modulus * ops.sin(phase), real**2 + imaginary**2
        gain = (less * real + turned * imaginary) / size, (turned * real - less * imaginary) / size
        return (modulus * ops.cos(phase), turned), gain

    def get_config(self):
        return {**super().get_config(), "min_step": self.min_step, "max_step": self.max_step}


def hippo_eigenvalues(count: int) -> np.ndarray:
    """Those of HiPPO-N, 2 * count by 2 * count, with a positive imaginary part: complex128, shape (count,)."""
    roots = np.sqrt(np.arange(2 * count) + 0.5)
    skew = np.tril(np.outer(roots, roots), -1)
    return -0.5 - 1j * np.linalg.eigvalsh(1j * (skew.T - skew))[:count]
