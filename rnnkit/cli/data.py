"""`rnnkit data`: what data there is, and where it lies."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from rnnkit import datasets
from rnnkit.cli.options import among

app = typer.Typer(help="List, fetch and find data sets.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(help="A data set's name, as rnnkit data list shows it.", autocompletion=among(*datasets.names())),
]


@app.command("list")
def list_() -> None:
    """The built-in samples and the public data sets."""
    table = Table(Column("name", no_wrap=True), "task", "size", "on disk", "what it is, and its licence")
    for name in datasets.names():
        source = datasets.info(name)
        here = all((datasets.path(name) / file.name).is_file() for file in source.files)
        what = f"{source.description} Licence: {source.licence}."
        table.add_row(name, source.task, _size([file.size for file in source.files]), "yes" if here else "no", what)
    Console().print(table)


@app.command()
def fetch(name: Name) -> None:
    """Download a public data set into the cache and check it."""
    print(datasets.fetch(name))


@app.command()
def path(name: Name) -> None:
    """Print the folder in which a data set's files lie, or are looked for."""
    print(datasets.path(name))


def _size(sizes: list[int | None]) -> str:
    if not sizes:
        return "generated"
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return "not known"
    return f"{sum(known) / 1e6:.1f} MB" if sum(known) >= 1e6 else f"{sum(known) / 1e3:.0f} kB"
