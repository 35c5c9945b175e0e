"""Checks of the arguments that tasks take. All raise an `ArgumentError` that names the argument."""

from collections.abc import Sequence

from rnnkit.errors import ArgumentError


def check_positive(**values) -> None:
    """Each a positive integer."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ArgumentError(f"{name}: expected a positive integer, got {value!r}.")


def check_share(**values) -> None:
    """Each a number from 0 up to, and without, 1."""
    for name, value in values.items():
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise ArgumentError(f"{name}: expected a share in [0, 1), got {value!r}.")


def check_choice(choices: Sequence, **values) -> None:
    """Each one of the choices."""
    for name, value in values.items():
        if value not in choices:
            raise ArgumentError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}.")
