"""Checks of the arguments that a user gives: each returns the value, or raises an `ArgumentError` that names it."""

import difflib
import importlib.util
import math
from collections.abc import Collection
from numbers import Integral, Real

from rnnkit.errors import ArgumentError, PackageError


def whole(name: str, value, least: int = 1, most: int | None = None, also: str = "") -> int:
    """An integer, of Python or NumPy, within its limits; `also` names what else is taken, for the message."""
    good = isinstance(value, Integral) and not isinstance(value, bool)
    if good and least <= value and (most is None or value <= most):
        return int(value)
    limits = f"whole number from {least}" + (f" to {most}" if most else "")
    wanted = "positive integer" if (least, most) == (1, None) else limits
    raise ArgumentError(f"{name}: expected a {wanted}{also}, got {value!r:.80}.")


def positive(name: str, value, most: float = math.inf, also: str = ""):
    """A finite number above 0, of at most `most`."""
    if is_number(value) and 0 < value <= most and value < math.inf:
        return _of_python(value)
    limit = f" of at most {most}" if most < math.inf else ""
    raise ArgumentError(f"{name}: expected a positive number{limit}{also}, got {value!r:.80}.")


def fraction(name: str, value):
    """A number from 0 up to, and without, 1."""
    if is_number(value) and 0 <= value < 1:
        return _of_python(value)
    raise ArgumentError(f"{name}: expected a fraction in [0, 1), got {value!r:.80}.")


def strength(name: str, value) -> float:
    """A finite number of at least 0."""
    if is_number(value) and 0 <= value < math.inf:
        return float(value)
    raise ArgumentError(f"{name}: expected a number of at least 0, got {value!r:.80}.")


def one_of(name: str, value, choices: Collection, also: str = ""):
    """One of the choices."""
    if value in list(choices):  # also where the value cannot be hashed
        return value
    raise ArgumentError(f"{name}: expected one of {', '.join(map(str, choices))}{also}, got {value!r:.80}.")


def close_to(value, known: Collection[str]) -> str:
    """A question whether a known name was meant, with a space before it; empty where none is similar."""
    close = difflib.get_close_matches(str(value), list(known), 1, cutoff=0.7)
    return f" Did you mean '{close[0]}'?" if close else ""


def installed(asked: str, extra: str, packages: Collection[str], also: str = "") -> None:
    """What was asked for, such as `"format: 'onnx'"`, needs packages that only an extra of rnnkit installs.

    Raises:
        PackageError: some of them are missing.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        names = " and ".join(missing)
        raise PackageError(f"{asked} needs {names}. Run: pip install 'rnnkit[{extra}]'{also}.")


def onnx_installed(option: str = "format", given: str = "onnx") -> None:
    """The packages that write ONNX files are there.

    Raises:
        PackageError: some of them are missing; without `option`, which has the value `given`, none is needed.
    """
    installed(f"format: '{given}'", "export", ("onnx", "tf2onnx"), also=f"; or leave {option} out")


def is_number(value) -> bool:
    """Whether it is a real number, of Python or NumPy; bools are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _of_python(value):
    """NumPy's numbers could not be saved in a configuration."""
    return value if isinstance(value, int | float) else float(value)
