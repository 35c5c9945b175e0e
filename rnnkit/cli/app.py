"""`rnnkit`: the commands, and what the shell sees of an error."""

import io
import sys
from importlib.metadata import metadata
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

from rnnkit import __version__
from rnnkit.cli import compare, data, diagnose, export, generate, predict, report, run, translate, tune, vectors
from rnnkit.cli.ended import flush_output, in_words
from rnnkit.cli.options import help_text
from rnnkit.errors import RnnkitError, in_shell
from rnnkit.report import terminal
from rnnkit.report.terminal import shown

ORDER = (
    *("run", "evaluate", "predict", "generate", "translate", "diagnose", "report", "runs", "export"),
    *("compare", "tune", "vectors", "data"),
)


class InOrder(TyperGroup):
    """A group that lists its commands in the order in which people need them."""

    def list_commands(self, ctx):
        """The names."""
        return list(ORDER)


def _documentation() -> str | None:
    """Where to read more, as the package's metadata have it."""
    urls = dict(line.split(", ", 1) for line in metadata("rnnkit").get_all("Project-URL") or [])
    return f"Documentation: {urls['Documentation']}" if "Documentation" in urls else None


app = typer.Typer(
    cls=InOrder,
    name="rnnkit",
    help="Recurrent networks for Keras: train, evaluate and inspect ready-made tasks.",
    no_args_is_help=True,
    epilog=_documentation(),
    pretty_exceptions_enable=False,
)
for name, group in {"run": run.app, "compare": compare.app, "tune": tune.app, "data": data.app}.items():
    app.add_typer(group, name=name)
for command in (
    *(predict.evaluate, predict.predict, generate.generate, translate.translate),
    *(diagnose.diagnose, report.report, report.runs, export.export, vectors.vectors),
):
    app.command(help=help_text(command.__doc__))(command)


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
    """Recurrent networks for Keras: train, evaluate and inspect ready-made tasks."""


def main() -> None:
    """What goes wrong is one line on standard error, and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the terminal or UTF-8 cannot hold
    try:
        _run()
    except RnnkitError as error:
        _fail(error.told(in_shell))
    except OSError as error:
        _fail(in_words(error))
    except Exception as error:
        if not (isinstance(error, MemoryError) or _is_of_tensorflow(error)):
            raise
        _fail(_of_computing(error))
    finally:
        if sys.unraisablehook is sys.__unraisablehook__:
            sys.unraisablehook = _say_nothing


def _is_of_tensorflow(error: Exception) -> bool:
    """Whether TensorFlow raised it while it computed; it is loaded then."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and isinstance(error, tensorflow.errors.OpError)


def _of_computing(error: Exception) -> str:
    """What TensorFlow or NumPy could not compute, in a line, and what to do."""
    memory = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
    advice = "Give a smaller --batch-size or fewer --units." if memory else "Are the options right for these data?"
    said = next(iter(str(getattr(error, "message", error)).strip().splitlines()), "")
    return f"{'the memory does not suffice' if memory else 'TensorFlow cannot compute this'} ({said:.200}). {advice}"


def _say_nothing(unraisable) -> None:
    """For h5py, which tells of every object of a file that could not be written, when all has been said."""


def _run() -> None:
    try:
        app()
    finally:
        flush_output()


def _fail(words: str) -> NoReturn:
    terminal.console(stderr=True).print(f"[bold red]error:[/] {shown(words)}", soft_wrap=True, highlight=False)
    sys.exit(2)
