"""`rnnkit data`: what data there is, and where it lies."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="List, fetch and find data sets.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A data set's name, as rnnkit data list shows it.")]


@app.command("list")
def list_() -> None:
    """The built-in samples and the public data sets."""
    from rnnkit import datasets

    table = Table("name", "task", "size", "on disk", "what it is")
    for name in datasets.names():
        source = datasets.info(name)
        size = sum(file.size for file in source.files)
        here = all((datasets.path(name) / file.name).is_file() for file in source.files)
        table.add_row(name, source.task, _size(size), "yes" if here else "no", source.description)
    Console().print(table)


@app.command()
def fetch(name: Name) -> None:
    """Download a public data set into the cache and check it."""
    from rnnkit import datasets

    print(datasets.fetch(name))


@app.command()
def path(name: Name) -> None:
    """Print the folder in which a data set's files lie, or are looked for."""
    from rnnkit import datasets

    print(datasets.path(name))


def _size(size: int) -> str:
    if not size:
        return "generated"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
