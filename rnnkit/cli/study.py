"""What `rnnkit tune` and `rnnkit compare` share: their options, and how they begin."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.cli.options import OPTIONS
from rnnkit.errors import ArgumentError
from rnnkit.report import terminal
from rnnkit.report.terminal import reading
from rnnkit.tasks.options import Option
from rnnkit.tasks.specs import TaskSpec

if TYPE_CHECKING:
    from rnnkit.datasets import Splits
    from rnnkit.tasks.config import RunConfig

Out = Annotated[
    Path | None,
    typer.Option(
        help="The folder; interrupted work in it is resumed. Default: a new one in runs.",
        metavar="DIR",
        rich_help_panel="Output",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace other work in the folder.", rich_help_panel="Output")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.", rich_help_panel="Output")]


def options_of(spec: TaskSpec, *names: str) -> list[Option]:
    """The options that say what the data are, the task's own of training, and those of all runs with these names."""
    own = [each for each in spec.options if each.name in spec.shorthands or each.panel == "Training"]
    return [*spec.data_options, *own, *(OPTIONS[name] for name in ("settings", *names, "device"))]


class Study(NamedTuple):
    """Work with many trainings that can begin.

    Attributes:
        console: where to print.
        config: what the data are.
        splits: the data.
        options: arguments that the data ask of the task.
        suited: arguments that suit the data.
    """

    console: Console
    config: "RunConfig"
    splits: "Splits"
    options: dict[str, Any]
    suited: dict[str, Any]

    def say(self, line: str) -> None:
        """Prints a line as it is."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def end(self, folder: Path) -> None:
        """Says where everything is."""
        where = escape(str(folder))
        self.console.print(f"Results are in [bold]{where}[/]; open report.html there.", highlight=False, soft_wrap=True)


def check_out(out: Path | None, file: str) -> None:
    """Sees that work can be begun or resumed in a folder.

    Args:
        out: the option.
        file: what a folder of such work holds.

    Raises:
        ArgumentError: a file, or a folder that holds other things.
    """
    if out is None or not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / file).is_file()):
        raise ArgumentError(f"out: {out} exists already and has no {file}. Name another folder.")


def begin(spec: TaskSpec, options: dict[str, Any]) -> Study:
    """Opens the data and starts TensorFlow.

    Args:
        spec: of the task.
        options: values of its options, as on the command line.

    Raises:
        ArgumentError: an option that cannot be used; most of them before TensorFlow starts.
    """
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.study.run import open_data
    from rnnkit.tasks.config import RunConfig

    config = RunConfig(spec.task, **options).checked()
    console = terminal.console()
    with reading(console, config.data):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        start_tensorflow(config.device)
    return Study(console, config, splits, spec.data_arguments(config), spec.suited.get(config.data, {}))
