"""One step of each recurrent cell of `rnnkit.recurrent.fused_loops`, forward and back. For TensorFlow.

Legend: `B` batch, `H` units, `G` gates; `x` the inputs' part of a step, `U` the recurrent kernel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf


class Function(NamedTuple):
    """An activation: `forward(x)`, and `back(y, dy)` from its output and the gradient there."""

    forward: Callable
    back: Callable


FUNCTIONS = {
    "tanh": Function(tf.tanh, lambda y, dy: tf.raw_ops.TanhGrad(y=y, dy=dy)),
    "sigmoid": Function(tf.sigmoid, lambda y, dy: tf.raw_ops.SigmoidGrad(y=y, dy=dy)),
    "relu": Function(tf.nn.relu, lambda y, dy: tf.raw_ops.ReluGrad(gradients=dy, features=y)),
    "linear": Function(lambda x: x, lambda y, dy: dy),
}


@dataclass(frozen=True)
class SimpleRNNSteps:
    """h = activation(x + h U).

    Attributes:
        keeps: how many tensors a step keeps for the way back.
        gradients: 2, of x and of h U, or 1 where they are the same.
        steps_a_round: how many steps make a round of the loop; more where a step has small operations only.
    """

    activation: Function
    keeps: ClassVar[int] = 1
    gradients: ClassVar[int] = 1
    steps_a_round: ClassVar[int] = 2

    def forward(self, x, states, multiply):
        """One step.

        Args:
            x: the inputs' part with its bias, shape (B, G * H).
            states: those before the step, each (B, H).
            multiply: h -> h U plus its bias if it has one, (B, G * H).

        Returns:
            The states after the step, and what the way back needs of it.
        """
        h = self.activation.forward(x + multiply(states[0]))
        return [h], [h]

    def back(self, kept, before, dstates, multiply):
        """The way back through one step.

        Args:
            kept: as `forward` gave it.
            before: the states before the step.
            dstates: the gradients of the states after it.
            multiply: (B, G * H) -> its product with the transpose of U, (B, H).

        Returns:
            The gradients of x and of h U, each (B, G * H), or once where they are the same; and those of the states
            before the step.
        """
        d = self.activation.back(kept[0], dstates[0])
        return [d], [multiply(d)]


@dataclass(frozen=True)
class LSTMSteps:
    """c = f c + i g; h = o activation(c), with the columns in the order i, f, g, o."""

    activation: Function
    gate: Function
    keeps: ClassVar[int] = 5
    gradients: ClassVar[int] = 1
    steps_a_round: ClassVar[int] = 2

    def forward(self, x, states, multiply):
        """As `SimpleRNNSteps.forward`; the states are h and c."""
        h, c = states
        i, f, g, o = tf.split(x + multiply(h), 4, axis=1)
        i, f, g, o = self.gate.forward(i), self.gate.forward(f), self.activation.forward(g), self.gate.forward(o)
        c = f * c + i * g
        shown = self.activation.forward(c)
        return [o * shown, c], [i, f, g, o, shown]

    def back(self, kept, before, dstates, multiply):
        """As `SimpleRNNSteps.back`."""
        i, f, g, o, shown = kept
        dh, dc = dstates
        dc = dc + self.activation.back(shown, dh * o)
        di, df, do = self.gate.back(i, dc * g), self.gate.back(f, dc * before[1]), self.gate.back(o, dh * shown)
        d = tf.concat([di, df, self.activation.back(g, dc * i), do], axis=1)
        return [d], [multiply(d), dc * f]


@dataclass(frozen=True)
class GRUSteps:
    """h = z h + (1 - z) activation(x_h + r (h U)_h), with the columns in the order z, r, h."""

    activation: Function
    gate: Function
    keeps: ClassVar[int] = 4
    gradients: ClassVar[int] = 2
    steps_a_round: ClassVar[int] = 2

    def forward(self, x, states, multiply):
        """As `SimpleRNNSteps.forward`."""
        (h,) = states
        xz, xr, xh = tf.split(x, 3, axis=1)
        uz, ur, uh = tf.split(multiply(h), 3, axis=1)
        z, r = self.gate.forward(xz + uz), self.gate.forward(xr + ur)
        new = self.activation.forward(xh + r * uh)
        return [new + z * (h - new)], [z, r, new, uh]

    def back(self, kept, before, dstates, multiply):
        """As `SimpleRNNSteps.back`."""
        z, r, new, uh = kept
        (dh,) = dstates
        passed = dh * z
        dx = self.activation.back(new, dh - passed)
        gates = [self.gate.back(z, dh * (before[0] - new)), self.gate.back(r, dx * uh)]
        du = tf.concat([*gates, dx * r], axis=1)
        return [tf.concat([*gates, dx], axis=1), du], [passed + multiply(du)]


class IndRNNSteps(SimpleRNNSteps):
    """h = activation(x + u h)."""

    steps_a_round = 16


@dataclass(frozen=True)
class SLSTMSteps:
    """The step of `rnnkit.recurrent.slstm`, with the columns in the order i, f, z, o.

    Of a first step, m before it is minus infinity, so that the forget gate is closed.
    """

    activation: Function
    keeps: ClassVar[int] = 7
    gradients: ClassVar[int] = 1
    steps_a_round: ClassVar[int] = 4

    def forward(self, x, states, multiply):
        """As `SimpleRNNSteps.forward`; the states are h, c, n and m."""
        h, c, n, m = states
        i, f, z, o = tf.split(x + multiply(h), 4, axis=1)
        carried = m - tf.nn.softplus(-f)
        m = tf.maximum(carried, i)
        i, kept, z, o = tf.exp(i - m), tf.exp(carried - m), self.activation.forward(z), tf.sigmoid(o)
        c, n = kept * c + i * z, kept * n + i
        shown = c / n
        return [o * shown, c, n, m], [i, kept, z, o, shown, n, f]

    def back(self, kept, before, dstates, multiply):
        """As `SimpleRNNSteps.back`; m is the larger of two, of which one of `i` and `kept` is 1."""
        i, kept, z, o, shown, n, f = kept
        dh, dc, dn, dm = dstates
        do, dshown = tf.raw_ops.SigmoidGrad(y=o, dy=dh * shown), dh * o / n
        dc, dn = dc + dshown, dn - dshown * shown
        di, dkept = i * (dc * z + dn), kept * (dc * before[1] + dn * before[2])
        is_carried = kept >= i
        dcarried, di = tf.where(is_carried, dm - di, dkept), tf.where(is_carried, di, dm - dkept)
        d = tf.concat([di, dcarried * tf.sigmoid(-f), self.activation.back(z, dc * i), do], axis=1)
        return [d], [multiply(d), dc * kept, dn * kept, dcarried]
