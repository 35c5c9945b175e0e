"""`rnnkit`: the commands, and what the shell sees of an error."""

import io
import sys
from typing import Annotated

import typer
from rich.console import Console

from rnnkit import __version__
from rnnkit.cli import compare, data, generate, predict, report, run, translate, tune
from rnnkit.cli.show import shown
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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the terminal or UTF-8 cannot hold
    try:
        app()
    except RnnkitError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {shown(str(error))}", soft_wrap=True, highlight=False)
        sys.exit(2)
