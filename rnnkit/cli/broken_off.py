"""`rnnkit run --resume`: which run to go on with."""

from pathlib import Path

import typer

from rnnkit.cli.written import given_options
from rnnkit.errors import ArgumentError

ALLOWED = ("task", "resume", "as_json")


def broken_off(context: typer.Context, path: Path):
    """The `RunFolder` to go on with.

    Raises:
        ArgumentError: something was asked for beside it, which only its own options can say.
        DataError: there is no run in it.
    """
    from rnnkit.study.folder import RunFolder

    folder = RunFolder(path)
    task = context.params["task"]
    if task not in (None, folder.config.get("task")):
        raise ArgumentError(f"resume: {path} is a run of {folder.config.get('task')}. Leave {task} out.")
    if given := [name for name in given_options(context) if name not in ALLOWED]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ArgumentError(f"resume: a run goes on with the options in its config.json. Leave out {options}.")
    return folder
