"""`rnnkit diagnose`: how far the gradient of a run's model reaches back through time, and what to do about it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.checks import whole
from rnnkit.cli.model import find_model, open_model
from rnnkit.cli.options import Device, Run
from rnnkit.errors import ArgumentError
from rnnkit.report.terminal import data_table, notices, reading, show_words

SHOWN = ("layer", "path", "gain", "half_life", "horizon", "status")
Examples = Annotated[int, typer.Option(help="Sequences of the validation data to look at, 2 or more.")]
Out = Annotated[Path | None, typer.Option(help="Also write a page with all tables and figures: an .html file.")]


def diagnose(run: Run, examples: Examples = 64, out: Out = None, device: Device = "auto") -> None:
    """Say how far the gradient of a run's model reaches back through time, what is wrong, and what to try."""
    from rnnkit.study.run import open_data

    whole("examples", examples, least=2)
    saved = find_model(run)
    if saved.config is None:
        raise ArgumentError(f"run: {run} does not say which data it was trained on. Give a run folder.")
    console = Console()
    with reading(console, saved.config.data):
        valid = open_data(saved.config).valid
    model = open_model(console, saved, device)
    import rnnkit

    with notices(console), console.status("Following errors back through time"):
        found = rnnkit.diagnose(model, *valid.sample(examples))
    console.print(data_table(found.layers[list(SHOWN)], "Errors through time, by layer; in steps"))
    show_words(console, found.verdict, found.cure, saved.config)
    if out is not None:
        _write(console, found, out)


def _write(console: Console, found, out: Path) -> None:
    try:
        found.to_html(out)
    except OSError as error:
        raise ArgumentError(f"out: {out} cannot be written ({error.strerror}). Name another file.") from error
    console.print(f"All tables and figures are in [bold]{escape(str(out))}[/]", highlight=False, soft_wrap=True)
