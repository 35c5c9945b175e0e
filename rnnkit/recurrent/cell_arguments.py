"""What cells share in their arguments, and layers that make their own cell."""

import math
from typing import Any

import keras

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole

HEADS = 4  # of an xLSTM, in its paper


def heads_of(units: int, heads: int | None) -> int:
    """The number of heads; None takes the greatest common divisor of the units and 4.

    Raises:
        ArgumentError: it does not divide the units.
    """
    heads = math.gcd(units, HEADS) if heads is None else whole("heads", heads)
    if units % heads:
        raise ArgumentError(f"heads: expected a divisor of {units} units, got {heads}. Change one of them.")
    return heads


class CellArguments(keras.layers.RNN):
    """A layer over one cell whose arguments stand among its own, as in `keras.layers.LSTM`."""

    @property
    def units(self):
        """H."""
        return self.cell.units

    @property
    def activation(self):
        """The cell's activation function."""
        return self.cell.activation

    def get_config(self):
        config = {**self.cell.get_config(), **super().get_config()}
        return {key: value for key, value in config.items() if key != "cell"}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        return cls(**config)
