"""Checks of numbers that a user gives."""

from numbers import Integral, Real

from rnnkit.errors import ArgumentError


def positive(name: str, value, at_most: float | None = None):
    """The value, if it is a positive number (or, without `at_most`, a schedule: a function of the step number).

    Raises:
        ArgumentError: it is not.
    """
    if at_most is None and callable(value):
        return value
    good = isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < float("inf")
    if good and (at_most is None or float(value) <= at_most):
        return value
    limit = f" of at most {at_most}" if at_most else ""
    raise ArgumentError(f"{name}: expected a positive number{limit}, got {value!r}. Choose one.")


def whole(name: str, value, least: int = 1) -> int:
    """The value, if it is a whole number of at least `least`.

    Raises:
        ArgumentError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ArgumentError(f"{name}: expected a whole number of at least {least}, got {value!r}. Choose one.")
    return int(value)
