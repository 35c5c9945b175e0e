"""Values as they are written on a command line: `NAME=VALUE`, `NAME=A,B` and `NAME=LOW:HIGH`."""

from collections.abc import Mapping
from typing import Any

import typer

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import is_number


def fixed_values(option: str, written: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` each, as a dict.

    Raises:
        ArgumentError: something else, or a name twice.
    """
    values: dict[str, Any] = {}
    for each in written:
        name, equals, value = each.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not value.strip():
            raise ArgumentError(f"{option}: expected NAME=VALUE, got '{each}'.")
        if name in values:
            raise ArgumentError(f"{option}: '{name}' is given twice.")
        values[name] = read_value(value)
    return values


def searched_values(option: str, written: list[str]) -> dict[str, Any]:
    """`NAME=A,B` as a list and `NAME=LOW:HIGH` as a tuple, in a dict.

    Raises:
        ArgumentError: something else, or a name twice.
    """
    texts = {}
    for each in written:
        [(name, text)] = fixed_values(option, [each]).items()
        if name in texts:
            raise ArgumentError(f"{option}: '{name}' is given twice.")
        texts[name] = _several(str(each.partition("=")[2]))
        if texts[name] is None:
            raise ArgumentError(f"{option}: expected NAME=A,B or NAME=LOW:HIGH, got '{each}' ({text!r} alone).")
        if isinstance(texts[name], tuple) and not _is_range(texts[name]):
            raise ArgumentError(f"{option}: expected NAME=LOW:HIGH, two numbers, the lower one first, got '{each}'.")
    return texts


def space_of(searched: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Both together.

    Raises:
        ArgumentError: a name is in both.
    """
    for name in searched:
        if name in fixed:
            raise ArgumentError(f"search, set: '{name}' is in both. Search it, or set it.")
    return {**searched, **fixed}


def read_value(text: str):
    """A number, `true`, `false`, `none`, or the text itself."""
    text = text.strip()
    named = {"true": True, "false": False, "none": None}
    if text.lower() in named:
        return named[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _several(text: str):
    if ":" in text:
        return tuple(map(read_value, text.split(":")))
    return list(map(read_value, text.split(","))) if "," in text else None


def _is_range(values: tuple) -> bool:
    return len(values) == 2 and all(map(is_number, values)) and values[0] < values[1]


def given_options(context: typer.Context) -> list[str]:
    """The parameters of a command that were written, and not left to their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
