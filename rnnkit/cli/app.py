"""`rnnkit`: the commands, and what the shell sees of an error."""

import inspect
import io
import re
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from rnnkit import __version__
from rnnkit.cli import compare, data, diagnose, generate, predict, report, run, translate, tune
from rnnkit.cli.ended import flush_output, in_words
from rnnkit.cli.show import shown
from rnnkit.errors import RnnkitError

app = typer.Typer(
    name="rnnkit",
    help="Recurrent networks for Keras: train, try out and look into ready-made tasks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    run.run,
    predict.evaluate,
    predict.predict,
    generate.generate,
    translate.translate,
    compare.compare,
    tune.tune,
    diagnose.diagnose,
    report.report,
):
    # Typer would keep the line ends of all paragraphs but the first.
    app.command(help=re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(command.__doc__ or "")))(command)
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
    """What goes wrong is one line on standard error, and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the terminal or UTF-8 cannot hold
    try:
        _run()
    except RnnkitError as error:
        _fail(str(error))
    except OSError as error:
        _fail(in_words(error))
    finally:
        if sys.unraisablehook is sys.__unraisablehook__:
            sys.unraisablehook = _say_nothing


def _say_nothing(unraisable) -> None:
    """For h5py, which tells of every object of a file that could not be written, when all has been said."""


def _run() -> None:
    try:
        app()
    finally:
        flush_output()


def _fail(words: str) -> NoReturn:
    Console(stderr=True).print(f"[bold red]error:[/] {shown(words)}", soft_wrap=True, highlight=False)
    sys.exit(2)
