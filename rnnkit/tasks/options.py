"""What a run can be asked for: each option said once, for the command line, `RunConfig`, `config.json` and the help."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rnnkit import datasets, workers
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of, whole
from rnnkit.recurrent.table import cell_names

MOST = 1_000_000  # of anything that is counted
FEW = 12  # names that a line of the help lists
RULES = ("value", "norm", "global_norm", "adaptive", "percentile", "zscore")
INITIALIZERS = ("orthogonal", "identity", "glorot_uniform", "chrono")
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
DEVICES = ("auto", "cpu", "gpu")

Panel = Literal["Data", "Model", "Training", "Output"]


@dataclass(frozen=True)
class Option:
    """One option of a run.

    Attributes:
        name: with underscores; the command line writes it with hyphens.
        help: what it is, for the help.
        kind: the type of its value.
        default: its value where nobody says it.
        panel: the part of the help in which it stands.
        metavar: what stands for the value in the help.
        choices: all that it can be; checked, and completed by the shell.
        suggested: what the shell completes, where other values can be given too.
        check: called with name and value, where the value is not None; raises an `ArgumentError`.
        flag: as it is written on the command line.
        short: the same in one letter, such as `-o`.
        of_files: why a known data set cannot take it; `{data}` stands for its name. Empty where it can.
    """

    name: str
    help: str
    kind: type = str
    default: Any = None
    panel: Panel = "Model"
    metavar: str | None = None
    choices: Sequence[str] = ()
    suggested: Callable[[], Sequence[str]] | Sequence[str] = ()
    check: Callable[[str, Any], Any] | None = None
    flag: str = ""
    short: str = ""
    of_files: str = ""

    def __post_init__(self):
        object.__setattr__(self, "flag", self.flag or f"--{self.name.replace('_', '-')}")

    @property
    def words(self) -> Sequence[str]:
        """What the shell completes."""
        return self.choices or (self.suggested() if callable(self.suggested) else self.suggested)

    @property
    def described(self) -> str:
        """The help, with the names that the value can have where they are few and not said yet."""
        names = [name for name in self.words if name not in f"{self.help} {self.metavar}"]
        if not names or len(self.words) > FEW:
            return self.help
        return f"{self.help} {'One of' if self.choices else 'Known:'} {', '.join(self.words)}."

    def checked(self, value):
        """The value.

        Raises:
            ArgumentError: it cannot be one.
        """
        if value is not None and self.choices:
            one_of(self.name, value, self.choices)
        if value is not None and self.check is not None:
            self.check(self.name, value)
        return value

    def written(self, value) -> list[str]:
        """The words of the command line that give it this value; none for its default."""
        if value == self.default:
            return []
        if isinstance(value, dict):
            return [word for name, each in value.items() for word in (self.flag, f"{name}={written_value(each)}")]
        if self.kind is bool:
            return [self.flag if value else f"--no{self.flag[1:]}"]
        return [self.flag, str(value)]


def written_value(value) -> str:
    """A value as `--set` reads it."""
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def counting(name: str, value) -> int:
    """A whole number from 1 to `MOST`."""
    return whole(name, value, most=MOST)


def _addresses(name: str, value) -> None:
    workers.Cluster(tuple(value.split(",")), 0)


def _seed(name: str, value) -> int:
    return whole(name, value, least=0, most=2**32 - 1)


def _settings(name: str, value) -> None:
    if not all(isinstance(each, str) for each in value):
        raise ArgumentError(f"{name}: expected names and values, got {value!r}.")


OF_FILES = "'{data}' is a known data set, and is read as it is."
SPLIT = "'{data}' has its own validation and test data."


def of_file(name: str, text: str, kind: type = str, metavar: str = "TEXT", why: str = OF_FILES) -> Option:
    """An option that only a file of the user's can take."""
    return Option(name, text, kind, panel="Data", metavar=metavar, of_files=why)


VALID = of_file("valid", "File of the validation data; default: a tenth, split off.", metavar="FILE", why=SPLIT)
TEST = of_file("test", "File of the test data; default: a tenth, split off.", metavar="FILE", why=SPLIT)
COLUMNS = of_file("columns", "Columns of a file, by name or number from 0.", metavar="NAME,NAME")
HEADER = of_file("header", "Whether the first line of a file has the names of its columns.", bool)
DELIMITER = of_file("delimiter", "Delimiter of the cells of a table; default: detected.", metavar="CHARACTER")
ENCODING = of_file("encoding", "Encoding of the files, such as latin-1; default: UTF-8.", metavar="NAME")
SEPARATOR = of_file("separator", "Separator of columns; default: tabs, or runs of spaces.")
COMMENT = of_file("comment", "Prefix of comment lines; default: detected.")
# What the readers of `rnnkit.datasets` are told, as they name it.
OF_READERS = ("text", "label", "columns", "header", "delimiter", "encoding", "separator", "comment")

TEXT = Option("text", "Column of the texts in a file, by name.", panel="Data", metavar="COLUMN")
LABEL = Option("label", "Column of the labels in a file, by name.", panel="Data", metavar="COLUMN")

DATA = Option(
    "data",
    "A built-in sample (the default), a public data set (see: rnnkit data list), or a file.",
    panel="Data",
    metavar="NAME|FILE",
    suggested=datasets.names,
)
COMMON = (
    DATA,
    Option("cell", "Recurrent cell; default by task.", metavar="NAME", suggested=cell_names),
    Option("units", "Units per direction of a recurrent layer; default by task.", int, metavar="N", check=counting),
    Option("layers", "Number of recurrent layers.", int, 1, metavar="N", check=counting),
    Option("activation", "Activation of the cell, such as tanh, relu or sigmoid; default by cell.", metavar="NAME"),
    Option(
        "initializer", "Initializer of the recurrent weights; default by cell.", metavar="NAME", suggested=INITIALIZERS
    ),
    Option("precision", "Dtype policy of the layers.", str, "float32", metavar="NAME", choices=PRECISIONS),
    Option(
        *("epochs", "Number of epochs; default: until validation no longer improves.", int),
        panel="Training",
        metavar="N",
        check=counting,
    ),
    Option(
        *("batch_size", "Examples per training step; default by task.", int),
        panel="Training",
        metavar="N",
        check=counting,
    ),
    Option(
        *("clip", "Clip gradients by a rule: value, norm, global_norm, adaptive, percentile or zscore."),
        panel="Training",
        metavar="RULE[:THRESHOLD]",
        suggested=RULES,
    ),
    Option(
        "settings",
        "Any argument of the task, of its optimizer (learning_rate) or of fit; repeatable.",
        dict,
        panel="Training",
        metavar="NAME=VALUE",
        check=_settings,
        flag="--set",
    ),
    Option("seed", "Random seed.", int, 0, panel="Training", metavar="N", check=_seed),
    Option("device", "Device to compute on.", str, "auto", "Training", metavar="auto|cpu|gpu", choices=DEVICES),
    Option("devices", "Number of devices that share each batch.", int, 1, "Training", metavar="N", check=counting),
    Option(
        *("workers", "Processes that train together, on one machine or many; their ports are open to the network."),
        panel="Training",
        metavar="HOST:PORT,HOST:PORT",
        check=_addresses,
    ),
    Option(
        "deterministic",
        "Deterministic operations: the same results each time on one machine; slower.",
        bool,
        False,
        "Training",
    ),
    Option("tensorboard", "Also write TensorBoard events into the folder.", bool, False, "Output"),
)
