"""Blocks with gates, MLPs and convolutions around the cell, as the papers of the cells have them.

Legend: `B` batch, `T` steps, `F` features, `H` units of a direction, `W` width, H times the number of directions.
"""

import math
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from rnnkit.layers.blocks import Block, ResidualBlock
from rnnkit.recurrent.cell_arguments import heads_of
from rnnkit.recurrent.mamba import WIDTH, convolved

TAIL = WIDTH - 1  # steps before this one that a convolution reads
FEWEST = 4  # units of a head that a norm leaves something of


class GLUBlock(ResidualBlock):
    """`x + a * sigmoid(g)` with `[a, g] = dense(gelu(rnn(dropout(norm(x)))))`."""

    def add_layers(self):
        self.add("gate", keras.layers.Dense, 2 * self.width)

    def reads(self, features):
        return {**super().reads(features), "gate": self.width}

    def after(self, inputs, gate, outputs):
        values, gates = ops.split(self.layers["gate"](ops.gelu(outputs)), 2, axis=-1)
        return self.plus(inputs, values * ops.sigmoid(gates))


class DeepBlock(ResidualBlock):
    """One that is followed by a gated MLP, `z + dense(gelu(a) * b)` with `[a, b] = dense(norm(z))`, and behind the last
    block of a stack, what all have added to is normalized.

    Attributes:
        mlp: how many times as wide as z a and b are; 0 stands for no MLP.
    """

    mlp: int | Fraction = 0

    def add_layers(self):
        if self.mlp:
            self.add("mlp", keras.layers.Dense, 2 * self._hidden)
            self.add("mlp_output", keras.layers.Dense, self.width)
            self.add("mlp_norm", keras.layers.LayerNormalization)
        if self.last:
            self.add("last_norm", keras.layers.LayerNormalization)

    def reads(self, features):
        behind = dict.fromkeys(("mlp_norm", "mlp", "last_norm"), self.width)
        return {**super().reads(features), **behind, "mlp_output": self._hidden}

    @property
    def _hidden(self):
        return math.ceil(self.mlp * self.width)

    def behind(self, x: Any) -> Any:
        """The MLP and the last norm."""
        if self.mlp:
            gates, values = ops.split(self.layers["mlp"](self.layers["mlp_norm"](x)), 2, axis=-1)
            x = x + self.layers["mlp_output"](ops.gelu(gates) * values)
        return self.layers["last_norm"](x) if self.last else x


class GriffinBlock(DeepBlock):
    """`z = x + dense(gelu(dense(u)) * rnn(conv(dense(u))))` with `u = dropout(norm(x))`, and behind it an MLP of
    factor 3 (De et al., "Griffin: Mixing gated linear recurrences with local attention for efficient language models",
    2024, figure 2). The inputs that the convolution has to remember are the last of the states.
    """

    mlp = 3

    def add_layers(self):
        for direction in self.directions:
            self.add(f"convolution_{direction}", CausalConvolution, self.inner)
        widths = {"read": self.inner, "gate": self.expansion * self.width, "output": self.width}
        for name, width in widths.items():
            self.add(name, keras.layers.Dense, width)
        super().add_layers()

    def reads(self, features):
        inner = (*self.directions, *(f"convolution_{each}" for each in self.directions))
        own = {"read": features, "gate": features, "output": self.expansion * self.width}
        return {**super().reads(features), **dict.fromkeys(inner, self.inner), **own}

    def initial_states(self, batch_size):
        tail = ops.zeros((batch_size, TAIL * self.inner), self.layers["forward"].compute_dtype)
        return [*super().initial_states(batch_size), tail]

    def before(self, inputs, training):
        x, _ = super().before(inputs, training)
        return self.layers["read"](x), self.activation(self.layers["gate"](x))

    def activation(self, x: Any) -> Any:
        """That of the gate."""
        return ops.gelu(x)

    def through(self, direction, x, states, run):
        own, tail = (None, None) if states is None else (states[:-1], states[-1])
        found, tail = self.layers[f"convolution_{direction}"](x, tail)
        outputs, after = self.cells(direction, x, found, lambda read: run(self.layers[direction], read, own))
        return outputs, [*after, tail]

    def cells(self, direction: str, x: Any, found: Any, run: Any) -> tuple[Any, list]:
        """As `through`, of x and its convolution, by `run(inputs)`."""
        return run(found)

    def after(self, inputs, gate, outputs):
        return self.behind(self.plus(inputs, self.layers["output"](gate * outputs)))


class PreUpBlock(GriffinBlock):
    """`x + dense(silu(dense(u)) * (norm(rnn([q, k, v])) + s * c))` with `u = dropout(norm(x))`, `r = dense(u)`,
    `c = silu(conv(r))`, queries q and keys k of c, and values v of r, all but x, u and the outputs twice as wide as H
    (Beck et al., "xLSTM: extended long short-term memory", 2024, figure 10). The norm is that of each head, s a
    learnable skip; a cell without queries, keys and values of its own reads all three.
    """

    mlp, expansion, projects = 0, 2, True

    def add_layers(self):
        for direction in self.directions:
            self.add(f"queries_{direction}", QueriesKeysValues)
            self.add(f"heads_norm_{direction}", HeadNormalization, self.inner)
        super().add_layers()

    def reads(self, features):
        own = [f"{name}_{each}" for name in ("queries", "heads_norm") for each in self.directions]
        return {
            **super().reads(features),
            **dict.fromkeys(own, self.inner),
            **dict.fromkeys(self.directions, 3 * self.inner),
        }

    def activation(self, x):
        return ops.silu(x)

    def cells(self, direction, x, found, run):
        read, skipped = self.layers[f"queries_{direction}"](ops.silu(found), x)
        outputs, after = run(read)
        return self.layers[f"heads_norm_{direction}"](outputs) + skipped, after


class PostUpBlock(DeepBlock):
    """`z = x + norm(rnn(dropout(norm(x))))`, the outer norm that of each head, and behind it an MLP of factor 4 / 3
    (Beck et al., "xLSTM: extended long short-term memory", 2024, figure 9, without its optional convolution).
    """

    mlp = Fraction(4, 3)

    def add_layers(self):
        for direction in self.directions:
            self.add(f"heads_norm_{direction}", HeadNormalization, self.units)
        super().add_layers()

    def reads(self, features):
        own = [f"heads_norm_{each}" for each in self.directions]
        return {**super().reads(features), **dict.fromkeys(own, self.units)}

    def through(self, direction, x, states, run):
        outputs, after = super().through(direction, x, states, run)
        return self.layers[f"heads_norm_{direction}"](outputs), after

    def after(self, inputs, gate, outputs):
        return self.behind(self.plus(inputs, outputs))


class HeadNormalization(keras.layers.GroupNormalization):
    """Normalizes the units of each head by themselves, at each step; where heads have very few, all units together."""

    def __init__(self, units: int, **kwargs: Any):
        heads = heads_of(units, None)
        super().__init__(groups=heads if units >= FEWEST * heads else 1, **kwargs)

    def build(self, inputs_shape: Any):
        super().build(inputs_shape)
        self.input_spec = None  # sequences, or one step of them

    def call(self, inputs: Any):
        """The same shape, (B, T, H) or (B, H)."""
        rows = super().call(ops.reshape(inputs, (-1, inputs.shape[-1])))
        return ops.reshape(rows, ops.shape(inputs))


class QueriesKeysValues(keras.layers.Layer):
    """What an mLSTM reads: every 4 features of a query, a key or a value are 4 features times a kernel of their own.

    Weights: kernel (3, F / 4, 4, 4) and skip (F,). Where 4 does not divide F, it is their greatest common divisor.
    """

    def build(self, inputs_shape: Any):
        features, size = inputs_shape[-1], math.gcd(inputs_shape[-1], 4)
        limit = math.sqrt(3 / size)
        uniform = keras.initializers.RandomUniform(-limit, limit)  # Glorot's, of one kernel
        self.kernel = self.add_weight((3, features // size, size, size), uniform, name="kernel")
        self.skip = self.add_weight((features,), "ones", name="skip")
        self.built = True

    def call(self, convolved: Any, inputs: Any) -> tuple:
        """Queries and keys of the convolution and values of the inputs, (..., F) each, side by side; and `skip` times
        the convolution.
        """
        parts, size, _ = self.kernel.shape[1:]
        rows = ops.reshape(ops.stack([convolved, convolved, inputs]), (3, -1, parts, size))
        products = ops.matmul(ops.transpose(rows, (0, 2, 1, 3)), self.kernel)
        joined = ops.transpose(products, (2, 0, 1, 3))
        return ops.reshape(joined, (*ops.shape(inputs)[:-1], 3 * parts * size)), self.skip * convolved


class CausalConvolution(keras.layers.Layer):
    """Each feature's convolution with its 3 steps before: `y_t = k_0 * x_(t-3) + ... + k_3 * x_t + b`.

    Weights: kernel (4, F) and bias (F,), uniform within the square root of 1 / 4.
    """

    def __init__(self, features: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.features = features

    def build(self, inputs_shape: Any):
        uniform = keras.initializers.RandomUniform
        limit = WIDTH**-0.5
        self.kernel = self.add_weight((WIDTH, self.features), uniform(-limit, limit), name="kernel")
        self.bias = self.add_weight((self.features,), uniform(-limit, limit), name="bias")
        self.built = True

    def call(self, inputs: Any, before: Any = None) -> tuple:
        """The outputs for (B, T, F), or for one step, (B, F), and the last 3 inputs, (B, 3 * F), oldest first; `before`
        are those before the first step, None stands for zeros.
        """
        x = inputs if len(inputs.shape) == 3 else inputs[:, None]
        if before is None:
            window = ops.pad(x, ((0, 0), (TAIL, 0), (0, 0)))
        else:
            window = ops.concatenate([ops.reshape(ops.cast(before, x.dtype), (-1, TAIL, self.features)), x], axis=1)
        steps = ops.shape(x)[1]
        outputs = convolved(window, self.kernel, self.bias, steps)
        last = ops.reshape(window[:, steps:], (-1, TAIL * self.features))
        return (outputs if len(inputs.shape) == 3 else outputs[:, 0]), last


BLOCKS = {
    "plain": Block,
    "residual": ResidualBlock,
    "glu": GLUBlock,
    "griffin": GriffinBlock,
    "pre_up": PreUpBlock,
    "post_up": PostUpBlock,
}
