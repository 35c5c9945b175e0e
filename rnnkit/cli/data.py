"""`rnnkit data`: what data sets there are, and where they are stored."""

from typing import Annotated

import typer

from rnnkit import datasets
from rnnkit.cli.options import among
from rnnkit.report import terminal

app = typer.Typer(help="List, describe, download and find data sets.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        help="Name of a data set, see rnnkit data list.", metavar="NAME", autocompletion=among(*datasets.names())
    ),
]


@app.command("list")
def list_() -> None:
    """The built-in samples and the public data sets, one per line."""
    import pandas as pd

    rows = [
        {"name": name, "task": source.task, "size": _size(source), "on disk": _on_disk(source)}
        for name, source in ((name, datasets.info(name)) for name in datasets.names())
    ]
    title = "Data sets; for more on one: rnnkit data show NAME; memory problems: rnnkit run memory --problem NAME"
    terminal.show_table(terminal.console(), pd.DataFrame(rows), title)


@app.command()
def show(name: Name) -> None:
    """What a data set holds, its licence, its files, and how to train on it."""
    source = datasets.info(name)
    facts = {
        "task": source.task,
        "holds": source.description,
        "licence": source.licence,
        "homepage": source.homepage,
        "size": _size(source),
        "files": ", ".join(file.name for file in source.files) or "none: it is generated",
        "folder": f"{datasets.path(name)} (on disk: {_on_disk(source)})" if source.files else "none",
        "train": f"rnnkit run {source.task} --data {name}",
    }
    width = max(map(len, facts))
    for key, value in facts.items():
        print(f"{key.ljust(width)}  {value}")


@app.command()
def fetch(name: Name) -> None:
    """Download a public data set into the cache, check it, and print its folder."""
    print(datasets.fetch(name))


@app.command()
def path(name: Name) -> None:
    """Print the folder of a data set's files, whether or not they have been downloaded."""
    print(datasets.path(name))


def _on_disk(source: datasets.Source) -> str:
    return "yes" if all((datasets.path(source.name) / file.name).is_file() for file in source.files) else "no"


def _size(source: datasets.Source) -> str:
    sizes = [file.size for file in source.files]
    if not sizes:
        return "generated"
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return "not known"
    return f"{sum(known) / 1e6:.1f} MB" if sum(known) >= 1e6 else f"{sum(known) / 1e3:.0f} kB"
