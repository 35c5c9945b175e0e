"""The linear recurrent unit. Legend: `F` features, `H` units, `S` complex numbers of the state."""

import math
from typing import Any

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.recurrent.scan_blocks import times
from rnnkit.recurrent.scan_cells import ScanCell


class ComplexCell(ScanCell):
    """A complex diagonal recurrence that is the same at all steps, between two products.

        h_t = lambda * h_(t-1) + gain * (B x_t)
        y_t = scale Re(C h_t) + D x_t

    A cell says what `lambda` and `gain` are. States: the real and the imaginary part of h.
    Weights: kernel (F, 2 * S + H), columns in the order Re B, Im B, D; output_kernel (2 * S, H), rows in the order
    Re C, -Im C. All are normal at the start, of variance 1 / (2 F) and 1 / S, as the papers have B and C.
    """

    scale = 1.0

    def __init__(self, units: int, state_units: int | None = None, **kwargs: Any):
        super().__init__(units, **kwargs)
        half = max(self.units // 2, 1)
        self.state_units = half if state_units is None else whole("state_units", state_units, also=" or None")
        self.state_size = [self.state_units, self.state_units]

    def build(self, input_shape: Any):
        def normal(scale):
            return keras.initializers.VarianceScaling(scale, "fan_in", "untruncated_normal")

        width = 2 * self.state_units
        self.kernel = self.add_weight((input_shape[-1], width + self.units), normal(0.5), name="kernel")
        self.output_kernel = self.add_weight((width, self.units), normal(2.0), name="output_kernel")
        self.build_recurrence()
        self.built = True

    def build_recurrence(self) -> None:
        """Adds the weights of `lambda` and `gain`."""
        raise NotImplementedError

    def recurrence(self) -> tuple[tuple, tuple]:
        """`lambda`, a pair of tensors (S,), and `gain`, such a pair or one that is real, in float32."""
        raise NotImplementedError

    def terms(self, inputs: Any):
        factors, gain = self.recurrence()
        size = self.state_units
        kernel = self.wide(self.kernel[:, :size]), self.wide(self.kernel[:, size : 2 * size])
        scaled = (
            times(gain, kernel) if len(gain) == 2 else [gain[0] * part for part in kernel]
        )  # cheaper than Bx scaled
        return factors, tuple(self.wide(self.product(inputs, part)) for part in scaled)

    def readout(self, state: tuple, inputs: Any):
        pairs = zip(state, ops.split(self.output_kernel, 2, axis=0), strict=True)
        parts = [self.product(ops.cast(each, self.compute_dtype), kernel) for each, kernel in pairs]
        skipped = self.product(inputs, self.kernel[:, 2 * self.state_units :])
        return self.scale * (parts[0] + parts[1]) + skipped

    def get_config(self):
        return {**super().get_config(), "state_units": self.state_units}


@keras.saving.register_keras_serializable(package="rnnkit")
class LRUCell(ComplexCell):
    """One step of the linear recurrent unit of Orvieto et al., "Resurrecting recurrent neural networks for long
    sequences", 2023, sections 3.2 to 3.4.

        lambda = exp(-exp(nu) + i exp(theta))
        h_t = lambda * h_(t-1) + exp(gamma) * (B x_t)
        y_t = Re(C h_t) + D x_t

    |lambda| < 1 whatever the weights are, so no state and no gradient explodes. It starts uniformly distributed on the
    ring between two radii, and exp(gamma) at sqrt(1 - |lambda|^2), which gives all states the same size; then all three
    are learned. D is a matrix, for the widths may differ. The layer is linear in its inputs: what stands between two of
    them is not, see `block="glu"` of `RecurrentStack`.

    Args:
        units: int, H.
        state_units: int, S; None is half of H, and 1 at least: H real numbers.
        min_radius, max_radius: of the ring, from 0 to 1. Near 1 the unit remembers long: 0.999 for 1,000 steps.
        max_phase: the largest angle of `lambda` at the start, in radians; a small one starts with long periods only.
        kwargs: as for `keras.layers.Layer`.

    Raises:
        ArgumentError: the radii are no ring.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import LRUCell, ParallelRNN
        >>> layer = ParallelRNN(LRUCell(8, min_radius=0.9, max_radius=0.999), return_sequences=True)
        >>> tuple(layer(np.ones((2, 5, 3), "float32")).shape)
        (2, 5, 8)
    """

    def __init__(
        self,
        units: int,
        state_units: int | None = None,
        min_radius: float = 0.0,
        max_radius: float = 1.0,
        max_phase: float = 2 * math.pi,
        **kwargs: Any,
    ):
        super().__init__(units, state_units, **kwargs)
        if not 0 <= min_radius < max_radius <= 1:
            raise ArgumentError(
                f"min_radius, max_radius: expected 0 <= min_radius < max_radius <= 1, got {min_radius} and "
                f"{max_radius}."
            )
        self.min_radius, self.max_radius, self.max_phase = min_radius, max_radius, max_phase

    def build_recurrence(self) -> None:
        squared = keras.initializers.RandomUniform(self.min_radius**2, self.max_radius**2)

        def ring(shape, dtype):
            return ops.log(-ops.log(squared(shape, dtype) + 1e-7) / 2 + 1e-7)

        def angle(shape, dtype):
            return ops.log(self.max_phase * keras.initializers.RandomUniform(1e-6, 1.0)(shape, dtype))

        def normalised(shape, dtype):  # of the same numbers, drawn again: within `tf.function` nu has no value yet
            return ops.log(-ops.expm1(-2 * ops.exp(ring(shape, dtype)))) / 2

        shape = (self.state_units,)
        self.nu = self.add_weight(shape, ring, name="nu", autocast=False)
        self.theta = self.add_weight(shape, angle, name="theta", autocast=False)
        self.gamma = self.add_weight(shape, normalised, name="gamma", autocast=False)

    def recurrence(self):
        modulus, phase = ops.exp(-ops.exp(self.nu)), ops.exp(self.theta)
        return (modulus * ops.cos(phase), modulus * ops.sin(phase)), (ops.exp(self.gamma),)

    def get_config(self):
        rings = {"min_radius": self.min_radius, "max_radius": self.max_radius, "max_phase": self.max_phase}
        return {**super().get_config(), **rings}
