"""Which layer, variable and gate each column of a gradient record stands for."""

import math
from dataclasses import dataclass

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


def gate_letters(model) -> dict[int, str]:
    """`id(variable)` -> one letter a gate in column order, for the kernels and biases of gated recurrent layers."""
    found = {}
    for layer in compat.layers_of(model):
        letters = gates_of(layer) if hasattr(layer, "units") else ""
        for variable in layer.weights if letters else ():
            if variable.shape and variable.shape[-1] == len(letters) * layer.units:
                found[id(variable)] = letters
    return found


def units_of(model, variables, letters: dict[int, str]) -> list[list[Unit]]:
    """For each variable its units: one, or one a gate for the variables in `letters`."""
    layers = _recurrent_layers(model)
    names: dict[str, int] = {}
    table = []
    for variable in variables:
        seen = names[variable.path] = names.get(variable.path, 0) + 1
        path = variable.path if seen == 1 else f"{variable.path}#{seen}"
        layer = layers.get(id(variable), variable.path.rpartition("/")[0] or variable.path)
        gates = letters.get(id(variable)) or [""]
        size = math.prod(variable.shape) // len(gates)
        table.append([Unit(layer, path, gate, size) for gate in gates])
    return table


def _recurrent_layers(model) -> dict[int, str]:
    """`id(variable)` -> path of the recurrent layer whose cell owns the variable."""
    return {
        id(variable): layer.cell.path.rpartition("/")[0] or layer.cell.path
        for layer in compat.layers_of(model)
        if getattr(getattr(layer, "cell", None), "path", None)
        for variable in layer.cell.variables
    }
