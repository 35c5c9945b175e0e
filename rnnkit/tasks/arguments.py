"""The arguments of a task's constructor: its own, those of the recurrent stack, and those of a `keras.Model`."""

import inspect
from typing import Any

from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack
from rnnkit.tasks.settings import OF_KERAS

OF_STACK = {
    name: parameter.replace(kind=parameter.KEYWORD_ONLY)
    for name, parameter in inspect.signature(RecurrentStack).parameters.items()
    if name not in ("layers", "return_sequences", "kwargs")
}


def full_signature(task: type) -> inspect.Signature:
    """The constructor's signature with the arguments that `**options` stands for."""
    [_, *own] = inspect.signature(task.__init__).parameters.values()  # type: ignore[misc]
    named = {each.name: each for each in own if each.kind is not each.VAR_KEYWORD}
    if len(named) < len(own):
        only = inspect.Parameter.KEYWORD_ONLY
        of_keras = {name: inspect.Parameter(name, only, default=value) for name, value in OF_KERAS.items()}
        named |= {name: each for name, each in {**OF_STACK, **of_keras}.items() if name not in named}
    return inspect.Signature(sorted(named.values(), key=lambda each: each.kind))


def check_known(task: type, options: dict[str, Any]) -> None:
    """Raises an `ArgumentError` for an option that is none of them."""
    for name in options:
        if name not in (*OF_STACK, *OF_KERAS):
            known = ", ".join(inspect.signature(task).parameters)
            raise ArgumentError(f"{name}: {task.__name__} has no such argument. It takes {known}.")
