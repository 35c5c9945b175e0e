"""The selective state space of Mamba. Legend: `B` batch, `F` features, `H` units, `D` inner width, `S` numbers."""

import math
from typing import Any

import keras
from keras import ops

from rnnkit.errors.checks import whole
from rnnkit.recurrent.scan_blocks import from_blocks, to_blocks
from rnnkit.recurrent.scan_cells import SequenceCell
from rnnkit.recurrent.selective_scan import after_step, read, selective_scan

WIDTH = 4  # of the convolution
STEPS = 0.001, 0.1  # delta at the start
UNITS_A_RANK = 16


@keras.saving.register_keras_serializable(package="rnnkit")
class MambaCell(SequenceCell):
    """One step of Mamba (Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023), the
    whole of figure 3: a linear recurrence whose step size, input and output are chosen by what is read.

        x_t = W_x i_t,   z_t = W_z i_t                              i the inputs, D = expansion * H wide
        u_t = silu(k_0 * x_(t-3) + ... + k_3 * x_t + b)             a short convolution of each feature
        [r_t, B_t, C_t] = W_s u_t
        delta_t = softplus(W_d r_t + b_d)
        h_t = exp(delta_t A) * h_(t-1) + delta_t B_t u_t            S numbers for each of D features
        y_t = W_o ((C_t h_t + d * u_t) * silu(z_t))

    A is held still over a step (zero-order hold), and B simplified to delta_t B_t, as in the authors' code. A =
    -exp(rates) starts at -1, ..., -S for each feature (S4D-real), d at 1, and b_d so that delta is log-uniform between
    0.001 and 0.1; W_d is uniform within R^(-1/2) for r of R = H / 16 numbers, and all other weights within the square
    root of 1 / fan-in. The paper's block has a norm in front of it and a residual connection around it: that is
    `block="residual"` of `RecurrentStack`.

    States: the last 3 x, shape (B, 3 * D), oldest first, and h, shape (B, S * D).

    Args:
        units: int, H.
        state_units: int, S.
        expansion: int, D / H.
        kwargs: as for `keras.layers.Layer`.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import MambaCell, ParallelRNN
        >>> tuple(ParallelRNN(MambaCell(8), return_sequences=True)(np.ones((2, 5, 3), "float32")).shape)
        (2, 5, 8)
    """

    def __init__(self, units: int, state_units: int = 16, expansion: int = 2, **kwargs: Any):
        super().__init__(units, **kwargs)
        self.state_units = whole("state_units", state_units)
        self.expansion = whole("expansion", expansion)
        self.inner = self.expansion * self.units
        self.state_size = [(WIDTH - 1) * self.inner, self.state_units * self.inner]

    def build(self, input_shape: Any):
        inner, size, rank = self.inner, self.state_units, math.ceil(self.units / UNITS_A_RANK)
        uniform = keras.initializers.RandomUniform

        def add(name, *shape, start=None, fan_in=None, **options):
            limit = (fan_in or shape[0]) ** -0.5
            return self.add_weight(shape, uniform(-limit, limit) if start is None else start, name=name, **options)

        def steps(shape, dtype):
            step = ops.exp(uniform(*map(math.log, STEPS))(shape, dtype))
            return step + ops.log(-ops.expm1(-step))  # softplus of it is the step

        def rates(shape, dtype):
            return ops.broadcast_to(ops.log(ops.arange(1, size + 1, dtype=dtype))[:, None], shape)

        self.kernel, self.gate_kernel = (add(name, input_shape[-1], inner) for name in ("kernel", "gate_kernel"))
        self.convolution = add("convolution", WIDTH, inner)
        self.convolution_bias = add("convolution_bias", inner, fan_in=WIDTH)
        self.selection_kernel = add("selection_kernel", inner, rank + 2 * size)
        self.step_kernel = add("step_kernel", rank, inner)
        self.step_bias = add("step_bias", inner, start=steps, autocast=False)
        self.rates = add("rates", size, inner, start=rates, autocast=False)
        self.skip = add("skip", inner, start="ones", autocast=False)
        self.output_kernel = add("output_kernel", inner, self.units)
        self.built = True

    def call(self, inputs: Any, states: Any):
        """One step: inputs (B, F) and the states -> outputs (B, H) and the states."""
        before, state = states
        window = self._window(inputs[:, None], before)
        u = self._convolved(window, 1)[:, 0]
        step, b, c = self._selected(u)
        state = after_step(self._shaped(state), step, self.wide(u), b, self._rates())
        outputs = self._gated(read(state, c), u, inputs)
        return outputs, [self._past(window, 1), ops.cast(self._flat(state), self.compute_dtype)]

    def sequence(self, inputs: Any, mask: Any, *states: Any) -> list:
        before, state = states
        steps, window = ops.shape(inputs)[1], self._window(inputs, before)
        u = self._convolved(window, steps)
        step, b, c = self._selected(u)
        step, written, b, c = (to_blocks(each) for each in (step, self.wide(u), b, c))
        y, state = selective_scan(step, written, b, c, self._rates(), self._shaped(state))
        return [self._gated(from_blocks(y, steps), u, inputs), self._past(window, steps), self._flat(state)]

    def factors(self, inputs: Any, states: Any):
        """As `ScanCell.factors`; here the geometric mean over all rows."""
        u = self._convolved(self._window(inputs[:, None], states[0]), 1)[:, 0]
        step, *_ = self._selected(u)
        return (ops.exp(self._flat((ops.mean(step, axis=0) * self._rates())[None])),)

    def _window(self, inputs, before):
        """x of the 3 steps before and of these, (B, 3 + T, D)."""
        x = self.product(inputs, self.kernel)
        return ops.concatenate([ops.reshape(ops.cast(before, x.dtype), (-1, WIDTH - 1, self.inner)), x], axis=1)

    def _convolved(self, window, steps):
        return ops.silu(convolved(window, self.convolution, self.convolution_bias, steps))

    def _past(self, window, steps):
        return ops.reshape(window[:, steps:], (-1, (WIDTH - 1) * self.inner))

    def _selected(self, u):
        """delta (..., D), B and C (..., S)."""
        size, rank = self.state_units, self.step_kernel.shape[0]
        chosen = self.product(u, self.selection_kernel)
        step = self.wide(self.product(chosen[..., :rank], self.step_kernel)) + ops.convert_to_tensor(self.step_bias)
        return ops.softplus(step), *map(self.wide, (chosen[..., rank : rank + size], chosen[..., rank + size :]))

    def _gated(self, y, u, inputs):
        y = ops.cast(y + ops.convert_to_tensor(self.skip) * self.wide(u), u.dtype)
        return self.product(y * ops.silu(self.product(inputs, self.gate_kernel)), self.output_kernel)

    def _rates(self):
        return -ops.exp(ops.convert_to_tensor(self.rates))

    def _shaped(self, state):
        return ops.reshape(self.wide(state), (-1, self.state_units, self.inner))

    def _flat(self, state):
        return ops.reshape(state, (-1, self.state_units * self.inner))

    def get_config(self):
        return {**super().get_config(), "state_units": self.state_units, "expansion": self.expansion}


def convolved(window: Any, kernel: Any, bias: Any, steps: Any):
    """The convolution (B, T, D) of each feature of a window (B, 3 + T, D), for a kernel (4, D) and a bias (D,)."""
    taps = ops.unstack(ops.cast(kernel, window.dtype), WIDTH)
    summed = sum(tap * window[:, place : place + steps] for place, tap in enumerate(taps))
    return summed + ops.cast(bias, window.dtype)
