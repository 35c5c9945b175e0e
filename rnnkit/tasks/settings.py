"""`settings`: arguments of a task's constructor, of its optimizer and of `fit`, by name, checked without TensorFlow."""

import ast
import functools
import importlib.util
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import close_to, fraction, is_number
from rnnkit.tasks.spec import TaskSpec

# Of `keras.optimizers.Adam`, whose relatives all tasks train with; a test compares them.
OPTIMIZER = (
    *("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay", "clipnorm", "clipvalue"),
    *("global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"),
    "gradient_accumulation_steps",
)
# What a run gives to `fit` itself.
TAKEN = ("x", "y", "epochs", "batch_size", "verbose", "callbacks", "validation_data", "validation_split", "unlabelled")
OF_TRAINING = ("clipping", "threshold", "batch_size")  # hyperparameters that are no settings
OF_KERAS = {"name": None, "dtype": None, "trainable": True}
HOME = Path(rnnkit.__file__).parent


class Settings(NamedTuple):
    """Settings by whom they are for."""

    constructor: dict[str, Any]
    optimizer: dict[str, Any]
    fit: dict[str, Any]


def split_settings(spec: TaskSpec, settings: Mapping[str, Any] | None) -> Settings:
    """Each setting where it belongs.

    Raises:
        ArgumentError: an argument that nothing takes; the message names one that is close.
    """
    found, known = by_owner(settings or {}), constructor_arguments(spec)
    options = {option.name: option.flag for option in spec.run_options}
    for name in found.constructor:
        if name not in known and name in options:
            raise ArgumentError(f"set: '{name}' has an option of its own, {options[name]}. Use that.")
        if name not in known:
            raise ArgumentError(_unknown(name, spec.task, [*known, *OPTIMIZER, *_of_fit()]))
    for name, value in (settings or {}).items():
        for each in value if isinstance(value, (list, tuple)) else [value]:
            _check_kind(name, each, {**known, **_of_fit()}.get(name))
    return found


def _check_kind(name: str, value, default) -> None:
    """A value of another kind than the default's is refused before Keras is loaded; None may stand for any."""
    if value is None or callable(value):
        return
    if name == "learning_rate" and not (is_number(value) and value >= 0):
        raise ArgumentError(f"{name}: expected a number that is not negative, got {value!r}.")
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ArgumentError(f"{name}: expected true or false, got {value!r}.")
    if name.endswith("dropout"):  # None, where that is the default, has returned already
        fraction(name, value)
    elif type(default) in (int, float) and not is_number(value):
        raise ArgumentError(f"{name}: expected a number, got {value!r}.")


def by_owner(settings: Mapping[str, Any]) -> Settings:
    """Each setting where it belongs: what neither `fit` nor the optimizer takes is an argument of the constructor."""
    found = Settings({}, {}, {})
    for name, value in settings.items():
        owner = found.fit if name in _of_fit() else found.optimizer if name in OPTIMIZER else found.constructor
        owner[name] = value
    return found


def constructor_arguments(spec: TaskSpec) -> dict[str, Any]:
    """The arguments of a task's constructor with their defaults, read from its source: importing it would start
    TensorFlow. What is no plain value is None.
    """
    module, name = spec.model.split(":")
    found = importlib.util.find_spec(module)
    own = _arguments(Path(found.origin), name, "__init__") if found and found.origin else {}
    base = _arguments(HOME / "tasks" / "task.py", "Task", "__init__")
    stack = _arguments(HOME / "layers" / "recurrent_stack.py", "RecurrentStack", "__init__")
    return {**dict.fromkeys(OF_KERAS), **stack, **base, **own}


@functools.cache
def _of_fit() -> dict[str, Any]:
    found = _arguments(HOME / "tasks" / "raw_data_model.py", "RawDataModel", "fit")
    return {name: default for name, default in found.items() if name not in TAKEN}


@functools.cache
def _arguments(path: Path, class_name: str, method: str) -> dict[str, Any]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    methods = [each for node in classes for each in node.body if isinstance(each, ast.FunctionDef)]
    return {name: value for each in methods if each.name == method for name, value in _defaults(each.args)}


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, Any]]:
    positional = arguments.args[1:]  # without self
    none: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    nodes = [*zip(positional, [*none, *arguments.defaults], strict=True)]
    nodes += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for argument, default in nodes:
        yield argument.arg, default.value if isinstance(default, ast.Constant) else None


def _unknown(name: str, task: str, known: Collection[str]) -> str:
    advice = close_to(name, known) or f" Known are {', '.join(sorted(known))}."
    return f"set: {task} has no argument '{name}', and neither has its optimizer or fit.{advice}"
