"""What layers share that make their own cell."""

from typing import Any

import keras


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
