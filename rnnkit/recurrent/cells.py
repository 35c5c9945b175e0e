"""Cells by name, by class and by instance, and cells of one's own. `rnnkit.recurrent.table` has the table.

A cell is named (`"lstm"`, a Keras class name in any case), or given as a class: a Keras recurrent layer
(`keras.layers.GRU`), or a cell that `keras.layers.RNN` can run over time.
"""

import inspect
from typing import Any

import keras

from rnnkit.errors import ArgumentError
from rnnkit.initializers import Chrono
from rnnkit.recurrent.table import CELLS, Cell, find_named, key, known_cells


def register_cell(name: str, factory: type, *, gates: str = "", **defaults: Any) -> Cell:
    """Adds a cell to the table, so that `cell=name` works in every task and after loading a saved model.

    Args:
        name: the name to use as `cell=`; letters are compared without case.
        factory: a subclass of `keras.layers.RNN`, or a cell class with `call(inputs, states)` and `state_size`. Its
            first argument is the number of units; any other argument that a stack passes must be named in its
            constructor.
        gates: one letter per gate in the order of the kernel columns, if the cell has gates. `f` (forget gate) and `z`
            (update gate) stand for a gate that holds the fraction of the state that is kept, `i` for an input gate.
        defaults: further arguments that the factory gets by default.

    Raises:
        ArgumentError: `name` is taken by a class that is defined elsewhere, or `factory` is not a recurrent class.

    Examples:
        >>> import keras
        >>> import rnnkit
        >>> cell = rnnkit.register_cell("slow_gru", keras.layers.GRUCell, gates="zrh")
        >>> "slow_gru" in rnnkit.cell_names()
        True
    """
    if not (inspect.isclass(factory) and (issubclass(factory, keras.layers.RNN) or _is_cell(factory))):
        raise ArgumentError(
            f"factory: expected a keras.layers.RNN subclass or a cell class with `call(inputs, states)`, got "
            f"{factory!r}. See keras.layers.SimpleRNNCell for the form of a cell."
        )
    if key(name) in CELLS and not _same_place(CELLS[key(name)].factory, factory):
        raise ArgumentError(f"name: the cell '{name}' is registered already. Use register_cell with another name.")
    keep_gate = next((letter for letter in gates if letter in Chrono.keeps), "")
    cell = CELLS[key(name)] = Cell(name, factory, title=name, gates=gates, keep_gate=keep_gate, defaults=defaults)
    return cell


def find_cell(cell) -> Cell:
    """The table's entry for a name or class.

    Raises:
        ArgumentError: the name is unknown (the message lists the known ones), or `cell` is no recurrent class.
    """
    if isinstance(cell, str):
        return find_named(cell)
    if not inspect.isclass(cell):
        raise ArgumentError(f"cell: expected a name or a class, got {cell!r}. {known_cells()}")
    for entry in CELLS.values():
        if entry.factory is cell:
            return entry
    if cell.__module__.startswith(("keras.", "rnnkit.")) and key(cell.__name__) in CELLS:
        return CELLS[key(cell.__name__)]
    return register_cell(cell.__name__, cell)


def cell_of(layer) -> Cell | None:
    """The table's entry for a recurrent layer or a cell, as an instance; None if its class is not in the table."""
    classes = {type(layer), type(layer.cell) if hasattr(layer, "cell") else None}
    return next((cell for cell in CELLS.values() if classes & {cell.factory, cell.cell_class}), None)


def gates_of(layer) -> str:
    """One letter per gate of a recurrent layer or cell, as an instance; empty if its class is not in the table."""
    cell = cell_of(layer)
    return "" if cell is None else cell.gates


def _same_place(one, other) -> bool:
    """Whether they are one definition, run again: a notebook's cell makes a new class each time."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _is_cell(factory) -> bool:
    return issubclass(factory, keras.Layer) and "states" in inspect.signature(factory.call).parameters
