"""`rnnkit run` without a task: what there is to train."""

import typer
from rich.console import Console
from rich.table import Table

from rnnkit.cli.written import given_options
from rnnkit.errors import ArgumentError
from rnnkit.tasks.specs import SPECS


def show_tasks(context: typer.Context, console: Console) -> None:
    """Prints each task with a line, and how long its built-in sample takes.

    Raises:
        ArgumentError: there are options, so that a task was meant.
    """
    if given_options(context):
        raise ArgumentError(f"task: expected what to train: {', '.join(SPECS)}; or --resume with the folder of a run.")
    table = Table("task", "what it does", "on its sample", title="Tasks", title_justify="left")
    for name, spec in SPECS.items():
        table.add_row(name, spec.about, spec.time)
    console.print(table)
    console.print(
        "Times are of `rnnkit run TASK` on two processor cores. Other data: rnnkit data list.", highlight=False
    )
