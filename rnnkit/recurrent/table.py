"""The table of cells: what `cell=` means everywhere in rnnkit.

Names, titles and gates are read without Keras or TensorFlow; the classes are imported when they are first needed. A
cell of rnnkit's own is one file with its class, and one entry in `CELLS`.
"""

import importlib
import inspect
from dataclasses import dataclass, field

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import close_to

GATES = {  # letter -> what the papers call it
    "i": "input gate",
    "f": "forget gate",
    "z": "update gate",
    "a": "recurrence gate",
    "r": "reset gate",
    "o": "output gate",
    "c": "candidate",
    "h": "candidate",
    "q": "query",
    "k": "key",
    "v": "value",
}


@dataclass(frozen=True)
class Cell:
    """One entry of the table.

    Attributes:
        name: what `cell=` takes, and what saved files hold.
        home: a Keras recurrent layer class or a cell class for `keras.layers.RNN`, or the path to import it from.
        step: where `home` is a layer of rnnkit's own, the path of its cell's class.
        title: the name on pages.
        gates: one letter per gate (see `GATES`), in the order of the kernels' columns; empty where there are none.
        keep_gate: the letter of the gate whose activation is the fraction of the state that is kept, if there is one.
        is_usual: whether comparisons include the cell unless they are told which cells to compare.
        block: what stands around the cell in a stack unless the user says so (see `RecurrentStack`).
        defaults: arguments that the class gets unless the user gives them.
    """

    name: str
    home: str | type
    step: str = ""
    title: str = ""
    gates: str = ""
    keep_gate: str = ""
    is_usual: bool = False
    block: str = "plain"
    defaults: dict = field(default_factory=dict)

    @property
    def factory(self) -> type:
        """The class that `home` names."""
        return _class_at(self.home)

    @property
    def cell_class(self) -> type:
        """The class of one step: that of `layer.cell` for a layer of this cell."""
        return _class_at(self.step or self.home)

    @property
    def in_code(self) -> str:
        """The layer, or the cell that has none of its own, as a user's code names it, such as `keras.layers.LSTM`."""
        written = self.step.removesuffix("Cell") or self.home
        return written if isinstance(written, str) else written.__name__

    def accepts(self, argument: str) -> bool:
        """Whether the class takes an argument of this name."""
        return argument in _parameters(self.factory)

    def layer(self, units: int, *, recurrent_initializer=None, **options):
        """A `keras.layers.RNN` that returns its whole output sequence; options that are None keep the cell's default.

        Raises:
            ArgumentError: the cell does not take one of the options.
        """
        import keras

        given = {key: value for key, value in options.items() if value is not None}
        name = given.pop("name", None)
        arguments = {**self.defaults, **given, **self._initializers(recurrent_initializer)}
        self._check(arguments)
        if issubclass(self.factory, keras.layers.RNN):
            return self.factory(units, return_sequences=True, name=name, **arguments)
        cell = self.factory(units, **arguments)
        return self._loop()(cell, return_sequences=True, name=name, dtype=arguments.get("dtype"))

    def _loop(self) -> type:
        """The layer that runs a cell class over time."""
        import keras

        from rnnkit.recurrent.parallel_rnn import ParallelRNN
        from rnnkit.recurrent.scan_cells import SequenceCell

        return ParallelRNN if issubclass(self.factory, SequenceCell) else keras.layers.RNN

    def _initializers(self, recurrent) -> dict:
        from rnnkit.initializers import Chrono, GateIdentity, GateOrthogonal

        named = {"identity": GateIdentity, "gate_orthogonal": GateOrthogonal, "chrono": Chrono}
        recurrent = named[recurrent]() if isinstance(recurrent, str) and recurrent in named else recurrent
        if not isinstance(recurrent, Chrono):
            return {} if recurrent is None else {"recurrent_initializer": recurrent}
        if not self.keep_gate:
            raise ArgumentError(
                f"recurrent_initializer: 'chrono' sets gate biases, and cell '{self.name}' has no forget or update "
                "gate. Use it with 'lstm' or 'gru', or take 'orthogonal' or 'identity' here."
            )
        chrono = Chrono(self.gates, recurrent.max_lag, recurrent.seed)
        others = {"recurrent_initializer": "orthogonal", "unit_forget_bias": False}
        return {"bias_initializer": chrono, **{key: value for key, value in others.items() if self.accepts(key)}}

    def _check(self, arguments: dict) -> None:
        unknown = sorted(set(arguments) - _parameters(self.factory))
        if unknown:
            raise ArgumentError(
                f"cell: '{self.name}' does not take the argument {', '.join(unknown)}. Leave it out, or add it to the "
                f"constructor of {self.factory.__name__}."
            )


def cell_names() -> list[str]:
    """The names that `cell=` takes, in the order they were registered.

    Examples:
        >>> import rnnkit
        >>> rnnkit.cell_names()
        ['simple_rnn', 'lstm', 'gru', 'min_gru', 'min_lstm', 'lru', 'rg_lru', 's5', 'indrnn', 'slstm', 'mamba', 'mlstm']
    """
    return [cell.name for cell in CELLS.values()]


def usual_cells() -> list[str]:
    """The names of the cells that comparisons include by default."""
    return [cell.name for cell in CELLS.values() if cell.is_usual]


def find_named(name: str) -> Cell:
    """The entry of a name, in any case, or of the name of a Keras class.

    Raises:
        ArgumentError: there is none.
    """
    if key(name) in CELLS:
        return CELLS[key(name)]
    raise ArgumentError(f"cell: unknown cell '{name}'.{close_to(name, cell_names())} {known_cells()}")


def known_cells() -> str:
    """The names of all cells, in a sentence."""
    names = ", ".join(cell_names())
    return f"Known cells: {names}. A cell of your own is added with rnnkit.register_cell(name, class)."


def title(name: str) -> str:
    """How pages write a cell's name; any other name stays as it is."""
    cell = CELLS.get(key(name))
    return cell.title if cell is not None and cell.name == name else name


def key(name: str) -> str:
    """The key in `CELLS` of a name, or of the name of a Keras class."""
    return name.lower().replace("_", "").removesuffix("cell")


def _class_at(home: str | type) -> type:
    if not isinstance(home, str):
        return home
    module, _, name = home.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _parameters(factory) -> set[str]:
    """The constructor's arguments; where it takes **kwargs, those of the classes it hands them on to as well."""
    import keras

    names = _parameters(factory.cell_class) if hasattr(factory, "cell_class") else set()
    for base in factory.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        names.update(parameter.name for parameter in parameters)
        if base is keras.Layer or all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names


_HERE = "rnnkit.recurrent"
CELLS: dict[str, Cell] = {
    key(cell.name): cell
    for cell in (
        Cell("simple_rnn", f"{_HERE}.fused_rnn.SimpleRNN", "keras.layers.SimpleRNNCell", "Simple RNN", is_usual=True),
        Cell("lstm", f"{_HERE}.fused_rnn.LSTM", "keras.layers.LSTMCell", "LSTM", "ifco", "f", is_usual=True),
        Cell("gru", f"{_HERE}.fused_rnn.GRU", "keras.layers.GRUCell", "GRU", "zrh", "z", is_usual=True),
        Cell("min_gru", f"{_HERE}.min_rnn.MinGRU", "rnnkit.layers.MinGRUCell", "minGRU", "zh", "z"),
        Cell("min_lstm", f"{_HERE}.min_rnn.MinLSTM", "rnnkit.layers.MinLSTMCell", "minLSTM", "fih", "f"),
        Cell("lru", "rnnkit.layers.LRUCell", title="LRU", block="glu"),
        Cell("rg_lru", "rnnkit.layers.RGLRUCell", title="RG-LRU", gates="aih", block="griffin"),
        Cell("s5", "rnnkit.layers.S5Cell", title="S5", block="glu"),
        Cell("indrnn", f"{_HERE}.indrnn.IndRNN", "rnnkit.layers.IndRNNCell", "IndRNN"),
        Cell("slstm", f"{_HERE}.slstm.SLSTM", "rnnkit.layers.SLSTMCell", "sLSTM", "ifco", "f", block="post_up"),
        Cell("mamba", "rnnkit.layers.MambaCell", title="Mamba", block="residual"),
        Cell("mlstm", "rnnkit.layers.MLSTMCell", title="mLSTM", gates="qkvo", keep_gate="f", block="pre_up"),
    )
}
