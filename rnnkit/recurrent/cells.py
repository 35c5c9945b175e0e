"""The cell table: what `cell=` means everywhere in rnnkit.

A cell is named (`"lstm"`, a Keras class name in any case), or given as a class: a Keras recurrent layer
(`keras.layers.GRU`), or a cell that `keras.layers.RNN` can run over time.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from rnnkit.errors import ArgumentError
from rnnkit.initializers import Chrono, GateIdentity, GateOrthogonal
from rnnkit.recurrent.fused_rnn import GRU, LSTM, SimpleRNN
from rnnkit.recurrent.min_rnn import MinGRU, MinLSTM


@dataclass(frozen=True)
class Cell:
    """One entry of the table.

    Attributes:
        name: the name it is found by, and saved under.
        factory: a Keras recurrent layer class, or a cell class for `keras.layers.RNN`.
        gates: one letter a gate, in the order of the kernels' columns; empty where there are none.
        defaults: arguments that the factory gets unless the user gives them.
    """

    name: str
    factory: Callable[..., keras.Layer]
    gates: str = ""
    defaults: dict = field(default_factory=dict)

    def layer(self, units: int, *, recurrent_initializer=None, **options) -> keras.layers.RNN:
        """A recurrent layer that returns its whole output sequence; options that are None keep the cell's default."""
        given = {key: value for key, value in options.items() if value is not None}
        name = given.pop("name", None)
        arguments = {**self.defaults, **given, **self._start(recurrent_initializer)}
        self._check(arguments)
        if _is_layer(self.factory):
            return self.factory(units, return_sequences=True, name=name, **arguments)
        cell = self.factory(units, **arguments)
        return keras.layers.RNN(cell, return_sequences=True, name=name, dtype=arguments.get("dtype"))

    def _start(self, initializer) -> dict:
        if initializer is None:
            return {}
        if initializer == "identity":
            return {"recurrent_initializer": GateIdentity()}
        if initializer == "gate_orthogonal":
            return {"recurrent_initializer": GateOrthogonal()}
        if initializer == "chrono":
            initializer = Chrono()
        if not isinstance(initializer, Chrono):
            return {"recurrent_initializer": initializer}
        if not set(self.gates) & set(Chrono.keeps):
            raise ArgumentError(
                f"recurrent_initializer: 'chrono' sets gate biases, and cell '{self.name}' has no forget or update "
                "gate. Use it with 'lstm' or 'gru', or take 'orthogonal' or 'identity' here."
            )
        chrono = Chrono(self.gates, initializer.max_lag, initializer.seed)
        beside = {"recurrent_initializer": "orthogonal", "unit_forget_bias": False}
        known = _parameters(self.factory)
        return {"bias_initializer": chrono, **{key: value for key, value in beside.items() if key in known}}

    def _check(self, arguments: dict) -> None:
        unknown = sorted(set(arguments) - _parameters(self.factory))
        if unknown:
            raise ArgumentError(
                f"cell: '{self.name}' does not take the argument {', '.join(unknown)}. Leave it out, or add it to the "
                f"constructor of {self.factory.__name__}."
            )


_TABLE: dict[str, Cell] = {}


def register_cell(name: str, factory, *, gates: str = "", **defaults) -> Cell:
    """Adds a cell to the table, so that `cell=name` works in every task and after loading a saved model.

    Args:
        name: the name to use as `cell=`; letters are compared without case.
        factory: a subclass of `keras.layers.RNN`, or a cell class with `call(inputs, states)` and `state_size`. Its
            first argument is the number of units; any other argument that a stack passes must be named in its
            constructor.
        gates: one letter a gate in the order of the kernel columns, if the cell has gates.
        defaults: further arguments that the factory gets by default.

    Raises:
        ArgumentError: `name` is taken by a class that is defined elsewhere, or `factory` is not a recurrent class.
    """
    if not (inspect.isclass(factory) and (_is_layer(factory) or _is_cell(factory))):
        raise ArgumentError(
            f"factory: expected a keras.layers.RNN subclass or a cell class with `call(inputs, states)`, got "
            f"{factory!r}. See keras.layers.SimpleRNNCell for the form of a cell."
        )
    key = _key(name)
    if key in _TABLE and not _same_place(_TABLE[key].factory, factory):
        raise ArgumentError(f"name: the cell '{name}' is registered already. Use register_cell with another name.")
    cell = _TABLE[key] = Cell(name, factory, gates, defaults)
    return cell


def find_cell(cell) -> Cell:
    """The table's entry for a name or class.

    Raises:
        ArgumentError: the name is unknown (the message lists the known ones), or `cell` is no recurrent class.
    """
    if isinstance(cell, str):
        if _key(cell) in _TABLE:
            return _TABLE[_key(cell)]
        raise ArgumentError(f"cell: unknown cell '{cell}'. {_known()}")
    if not inspect.isclass(cell):
        raise ArgumentError(f"cell: expected a name or a class, got {cell!r}. {_known()}")
    for entry in _TABLE.values():
        if entry.factory is cell:
            return entry
    if cell.__module__.startswith(("keras.", "rnnkit.")) and _key(cell.__name__) in _TABLE:
        return _TABLE[_key(cell.__name__)]
    return register_cell(cell.__name__, cell)


def gates_of(layer) -> str:
    """One letter a gate of a layer or cell that stands in the table under its class name; empty for any other."""
    key = _key(type(layer).__name__)
    return _TABLE[key].gates if key in _TABLE else ""


def cell_names() -> list[str]:
    """The names that `cell=` takes, in the order they were registered."""
    return [cell.name for cell in _TABLE.values()]


def _same_place(one, other) -> bool:
    """Whether they are one definition, run again: a notebook's cell makes a new class each time."""
    return (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _key(name: str) -> str:
    return name.lower().replace("_", "").removesuffix("cell")


def _known() -> str:
    names = ", ".join(cell_names())
    return f"Known cells: {names}. A cell of your own is added with rnnkit.register_cell(name, class)."


def _is_layer(factory) -> bool:
    return issubclass(factory, keras.layers.RNN)


def _is_cell(factory) -> bool:
    return issubclass(factory, keras.Layer) and "states" in inspect.signature(factory.call).parameters


def _parameters(factory) -> set[str]:
    """The constructor's arguments; where it takes **kwargs, those of the class it hands them on to as well."""
    names: set[str] = set()
    for base in factory.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        names.update(parameter.name for parameter in parameters)
        if base is keras.Layer or all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names


register_cell("simple_rnn", SimpleRNN)
register_cell("lstm", LSTM, gates="ifco")
register_cell("gru", GRU, gates="zrh")
register_cell("min_gru", MinGRU, gates=MinGRU.cell_class.gates)
register_cell("min_lstm", MinLSTM, gates=MinLSTM.cell_class.gates)
