"""`rnnkit`: the commands, and what the shell sees of an error."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit import __version__
from rnnkit.cli import compare, data, generate, predict, report, run, translate, tune
from rnnkit.errors import RnnkitError

app = typer.Typer(
    name="rnnkit",
    help="Recurrent networks for Keras: train, try out and look into ready-made tasks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("evaluate")(predict.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("translate")(translate.translate)
app.command("compare")(compare.compare)
app.command("tune")(tune.tune)
app.command("report")(report.report)
app.add_typer(data.app, name="data")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"rnnkit {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Recurrent networks for Keras: train, try out and look into ready-made tasks."""


def main() -> None:
    """The console script: a user's mistake is one line on standard error and exit code 2."""
    try:
        app()
    except RnnkitError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(2)
