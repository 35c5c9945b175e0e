"""`settings`: arguments of a task's constructor, of its optimizer and of `fit`, by name, checked without TensorFlow."""

import ast
import difflib
import functools
import importlib.util
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.tasks.spec import TaskSpec

# Of `keras.optimizers.Adam`, whose relatives all tasks train with; a test compares them.
OPTIMIZER = (
    *("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay", "clipnorm", "clipvalue"),
    *("global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"),
    "gradient_accumulation_steps",
)
# What a run gives to `fit` itself.
TAKEN = ("x", "y", "epochs", "batch_size", "verbose", "callbacks", "validation_data", "validation_split")
OF_KERAS = ("name", "dtype", "trainable")
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
    return found


def by_owner(settings: Mapping[str, Any]) -> Settings:
    """Each setting where it belongs: what neither `fit` nor the optimizer takes is an argument of the constructor."""
    found = Settings({}, {}, {})
    for name, value in settings.items():
        owner = found.fit if name in _of_fit() else found.optimizer if name in OPTIMIZER else found.constructor
        owner[name] = value
    return found


def constructor_arguments(spec: TaskSpec) -> list[str]:
    """The arguments of a task's constructor, read from its source: importing it would start TensorFlow."""
    module, name = spec.model.split(":")
    found = importlib.util.find_spec(module)
    own = _arguments(Path(found.origin), name, "__init__") if found and found.origin else []
    base = _arguments(HOME / "tasks" / "task.py", "Task", "__init__")
    stack = _arguments(HOME / "layers" / "recurrent_stack.py", "RecurrentStack", "__init__")
    return list(dict.fromkeys([*own, *base, *stack, *OF_KERAS]))


@functools.cache
def _of_fit() -> list[str]:
    return [
        name for name in _arguments(HOME / "tasks" / "raw_data_model.py", "RawDataModel", "fit") if name not in TAKEN
    ]


@functools.cache
def _arguments(path: Path, class_name: str, method: str) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    methods = [each for node in classes for each in node.body if getattr(each, "name", None) == method]
    names = [each.arg for node in methods for each in (*node.args.args, *node.args.kwonlyargs)]  # type: ignore[attr-defined]
    return [name for name in names if name != "self"]


def _unknown(name: str, task: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    advice = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(sorted(known))}."
    return f"set: {task} has no argument '{name}', and neither has its optimizer or fit. {advice}"
