"""Which layer, variable and gate each column of a gradient record stands for."""

import math
from dataclasses import dataclass
from typing import Any

import keras

from rnnkit import compat
from rnnkit.recurrent.cells import gates_of


@dataclass(frozen=True)
class Unit:
    """One thing whose gradient is measured: a variable, or one gate's columns of a recurrent kernel.

    Attributes:
        layer: path of the layer that owns the variable; a recurrent cell counts as its layer.
        variable: the variable's path, made unique within the model.
        gate: the gate's letter (`i f c o`, `z r h`, `z h`, `f i h`), empty where the whole variable is meant.
        size: number of elements.
    """

    layer: str
    variable: str
    gate: str
    size: int


class Naming:
    """Names variables as units, each once and in the order in which they come.

    Args:
        model: the model whose layers own most of them.
        by_gate: whether the gates of recurrent kernels and biases are units of their own.
    """

    def __init__(self, model, by_gate: bool):
        self.model, self.by_gate = model, by_gate
        self.paths: dict[str, int] = {}
        self.known: dict[int, tuple[Any, list[Unit]]] = {}

    def units(self, variables) -> list[list[Unit]]:
        """For each variable its units: one, or one a gate."""
        layers = _recurrent_layers(self.model)
        letters = gate_letters(self.model) if self.by_gate else {}
        for variable in variables:
            if id(variable) not in self.known:  # the variable is kept, so that its id stays its own
                self.known[id(variable)] = variable, self._named(variable, layers, letters.get(id(variable)) or [""])
        return [self.known[id(variable)][1] for variable in variables]

    def _named(self, variable, layers: dict[int, str], gates) -> list[Unit]:
        name = variable.path if isinstance(variable, keras.Variable) else variable.name
        seen = self.paths[name] = self.paths.get(name, 0) + 1
        path = name if seen == 1 else f"{name}#{seen}"
        layer = layers.get(id(variable), name.rpartition("/")[0] or name)
        return [Unit(layer, path, gate, math.prod(variable.shape) // len(gates)) for gate in gates]


def gate_letters(model) -> dict[int, str]:
    """`id(variable)` -> one letter a gate in column order, for the kernels and biases of gated recurrent layers."""
    found = {}
    for layer in compat.layers_of(model):
        letters = gates_of(layer) if hasattr(layer, "units") else ""
        for variable in layer.weights if letters else ():
            if variable.shape and variable.shape[-1] == len(letters) * layer.units:
                found[id(variable)] = letters
    return found


def _recurrent_layers(model) -> dict[int, str]:
    """`id(variable)` -> path of the recurrent layer whose cell owns the variable."""
    return {
        id(variable): layer.cell.path.rpartition("/")[0] or layer.cell.path
        for layer in compat.layers_of(model)
        if getattr(getattr(layer, "cell", None), "path", None)
        for variable in layer.cell.variables
    }
