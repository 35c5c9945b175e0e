"""What stands around the cell of each layer of a stack; `gated_blocks` has those with gates and convolutions.

Legend: `B` batch, `T` steps, `F` features, `H` units of a direction, `W` width, H times the number of directions.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from rnnkit.layers.sequence import last_step, reverse_by_length, zero_padding
from rnnkit.recurrent.truncated import run_cell


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
    expansion = 1  # how many times as wide as H the cells are
    projects = False  # whether it makes the queries, keys and values of a cell that has any

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
        self.width, self.inner = units * len(self.directions), units * self.expansion
        self.residual = self.residual or residual
        self.layers: dict[str, Any] = {each: recurrent(f"{each}_{index}", self.inner) for each in self.directions}
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


def _with_states(layer: keras.layers.RNN, inputs, states, training) -> tuple:
    """Outputs (B, T, H) and the states after the last step of a layer that returns outputs alone."""
    layer.return_state = True
    try:
        outputs, *after = layer(inputs, initial_state=states, training=training)
    finally:
        layer.return_state = False
    return outputs, after
