"""What stands around the cell of each layer of a stack: norms, gates, convolutions and the residual connection.

Legend: `B` batch, `T` steps, `F` features, `H` units of a direction, `W` width, H times the number of directions.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from rnnkit.layers.sequence import last_step, reverse_by_length, zero_padding
from rnnkit.recurrent.mamba import WIDTH, convolved
from rnnkit.recurrent.truncated import run_cell

TAIL = WIDTH - 1  # steps before this one that a convolution reads


class Block:
    """`y = rnn(dropout(norm(x)))`, plus x where `residual` is on and the widths agree.

    A subclass says what is in front of the cells, around them and behind them: `before`, `through` and `after`.

    Args:
        index: of the layer in its stack, for the names of its Keras layers.
        units: int, H.
        recurrent: makes the recurrent layer of a direction, from a name and H.
        bidirectional, dropout, residual, layer_norm: as for `RecurrentStack`.
        dtype: of its Keras layers.
        last: whether no layer of the stack comes after it.

    Attributes:
        layers: its Keras layers by name, among them the recurrent ones, `"forward"` and `"backward"`.
    """

    residual = norm = False

    def __init__(
        self,
        index: int,
        units: int,
        *,
        recurrent: Callable[[str, int], keras.layers.RNN],
        bidirectional: bool,
        dropout: float,
        residual: bool,
        layer_norm: bool,
        dtype: Any,
        last: bool,
    ):
        self.index, self.units, self.dtype, self.last = index, units, dtype, last
        self.directions = ("forward", "backward") if bidirectional else ("forward",)
        self.width = units * len(self.directions)
        self.residual = self.residual or residual
        self.layers: dict[str, Any] = {each: recurrent(f"{each}_{index}", units) for each in self.directions}
        if layer_norm or self.norm:
            self.add("norm", keras.layers.LayerNormalization)
        if dropout:
            self.add("dropout", keras.layers.Dropout, dropout)
        self.add_layers()

    def add(self, name: str, layer: Callable, *args: Any) -> None:
        """Makes one of its Keras layers."""
        self.layers[name] = layer(*args, name=f"{name}_{self.index}", dtype=self.dtype)

    def add_layers(self) -> None:
        """Makes those that this kind of block has besides."""

    def reads(self, features: int) -> dict[str, int]:
        """How many features each of its layers with weights reads, for inputs (B, T, features)."""
        return dict.fromkeys(("norm", *self.directions), features)

    def build(self, features: int) -> None:
        """Makes all weights, for inputs (B, T, features)."""
        for name, width in self.reads(features).items():
            if name in self.layers:
                self.layers[name].build((None, None, width))

    def before(self, inputs: Any, training: bool) -> tuple:
        """What the cells read, and the gate that their outputs will meet, or None."""
        x = self.layers["norm"](inputs) if "norm" in self.layers else inputs
        return (self.layers["dropout"](x, training=training) if "dropout" in self.layers else x), None

    def through(self, direction: str, x: Any, states: list | None, run: Callable) -> tuple[Any, list]:
        """The outputs of a direction and its states after them, by `run(recurrent layer, inputs, states)`."""
        return run(self.layers[direction], x, states)

    def after(self, inputs: Any, gate: Any, outputs: Any) -> Any:
        """The block's outputs, from its inputs, the gate, and the outputs of all directions, (..., W)."""
        return self.plus(inputs, outputs)

    def plus(self, inputs: Any, outputs: Any) -> Any:
        """The residual connection."""
        return outputs + inputs if self.residual and inputs.shape[-1] == outputs.shape[-1] else outputs

    def initial_states(self, batch_size: Any) -> list:
        """Those before the first step, tensors (B, S)."""
        states = self.layers["forward"].get_initial_state(batch_size)
        return list(states) if isinstance(states, (list, tuple)) else [states]

    def sequence(self, inputs: Any, lengths: Any, states: list | None, training: bool, last_only: bool) -> Any:
        """Padded sequences (B, T, F) -> (B, T, W), zero in the padding, or (B, W), what stands at their last steps."""

        def run(layer, x, states):
            return layer(x, training=training, **({} if states is None else {"initial_state": states})), []

        def turned(direction, x):
            return reverse_by_length(x, lengths) if direction == "backward" else x

        x, gate = self.before(inputs, training)
        found = {each: self.through(each, turned(each, x), states, run)[0] for each in self.directions}
        if last_only:
            inputs, gate = (each if each is None else last_step(each, lengths) for each in (inputs, gate))
            return self.after(inputs, gate, ops.concatenate([last_step(y, lengths) for y in found.values()], axis=-1))
        joined = ops.concatenate([turned(each, y) for each, y in found.items()], axis=-1)
        return zero_padding(self.after(inputs, gate, joined), lengths)

    def step(self, inputs: Any, states: list, training: bool) -> tuple[Any, list]:
        """One step, (B, F) -> (B, W), and the states after it."""
        return self._carried(inputs, states, training, lambda layer, x, own: run_cell(layer.cell, x, own, training))

    def piece(self, inputs: Any, states: list, training: bool) -> tuple[Any, list]:
        """A piece without padding, (B, T, F) -> (B, T, W), and the states after it."""
        return self._carried(inputs, states, training, lambda layer, x, own: _with_states(layer, x, own, training))

    def _carried(self, inputs, states, training, run):
        x, gate = self.before(inputs, training)
        outputs, after = self.through("forward", x, states, run)
        return self.after(inputs, gate, outputs), after


class ResidualBlock(Block):
    """`x + rnn(dropout(norm(x)))`."""

    residual = norm = True


class GLUBlock(ResidualBlock):
    """`x + a * sigmoid(g)` with `[a, g] = dense(gelu(rnn(dropout(norm(x)))))`."""

    def add_layers(self):
        self.add("gate", keras.layers.Dense, 2 * self.width)

    def reads(self, features):
        return {**super().reads(features), "gate": self.width}

    def after(self, inputs, gate, outputs):
        values, gates = ops.split(self.layers["gate"](ops.gelu(outputs)), 2, axis=-1)
        return self.plus(inputs, values * ops.sigmoid(gates))


class ConvolvedBlock(ResidualBlock):
    """One whose cells read a short convolution; the inputs that it has to remember are the last of the states."""

    def add_layers(self):
        for direction in self.directions:
            self.add(f"convolution_{direction}", CausalConvolution, self.units)

    def reads(self, features):
        inner = (*self.directions, *(f"convolution_{each}" for each in self.directions))
        return {"norm": features, **dict.fromkeys(inner, self.units)}

    def initial_states(self, batch_size):
        tail = ops.zeros((batch_size, TAIL * self.units), self.layers["forward"].compute_dtype)
        return [*super().initial_states(batch_size), tail]

    def through(self, direction, x, states, run):
        own, tail = (None, None) if states is None else (states[:-1], states[-1])
        x, tail = self.layers[f"convolution_{direction}"](x, tail)
        outputs, after = super().through(direction, x, own, run)
        return outputs, [*after, tail]


class GriffinBlock(ConvolvedBlock):
    """`z = x + dense(gelu(dense(u)) * rnn(conv(dense(u))))` with `u = dropout(norm(x))`, and behind it a gated MLP,
    `z + dense(gelu(a) * b)` with `[a, b] = dense(norm(z))`, a and b 3 times as wide as z (De et al., "Griffin: Mixing
    gated linear recurrences with local attention for efficient language models", 2024, figure 2). Behind the last
    block of a stack, what all have added to is normalized.
    """

    def add_layers(self):
        super().add_layers()
        widths = {"read": self.units, "gate": self.width, "output": self.width}
        for name, width in {**widths, "mlp": 6 * self.width, "mlp_output": self.width}.items():
            self.add(name, keras.layers.Dense, width)
        self.add("mlp_norm", keras.layers.LayerNormalization)
        if self.last:
            self.add("last_norm", keras.layers.LayerNormalization)

    def reads(self, features):
        own = {
            "read": features,
            "gate": features,
            **dict.fromkeys(("output", "mlp_norm", "mlp", "last_norm"), self.width),
        }
        return {**super().reads(features), **own, "mlp_output": 3 * self.width}

    def before(self, inputs, training):
        x, _ = super().before(inputs, training)
        return self.layers["read"](x), ops.gelu(self.layers["gate"](x))

    def after(self, inputs, gate, outputs):
        x = self.plus(inputs, self.layers["output"](gate * outputs))
        gates, values = ops.split(self.layers["mlp"](self.layers["mlp_norm"](x)), 2, axis=-1)
        x = x + self.layers["mlp_output"](ops.gelu(gates) * values)
        return self.layers["last_norm"](x) if self.last else x


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


def _with_states(layer: keras.layers.RNN, inputs, states, training) -> tuple:
    """Outputs (B, T, H) and the states after the last step of a layer that returns outputs alone."""
    layer.return_state = True
    try:
        outputs, *after = layer(inputs, initial_state=states, training=training)
    finally:
        layer.return_state = False
    return outputs, after


BLOCKS = {"plain": Block, "residual": ResidualBlock, "glu": GLUBlock, "griffin": GriffinBlock}
