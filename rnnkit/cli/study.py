"""What `rnnkit tune` and `rnnkit compare` share: their options, and how they begin."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.cli import completion
from rnnkit.cli.show import reading

if TYPE_CHECKING:
    from rnnkit.datasets import Splits

Task = Annotated[
    str,
    typer.Argument(
        help="What to train: sentiment, ner, memory, music or translation.", autocompletion=completion.tasks
    ),
]
Fix = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE: any argument of the task, the same in all trainings; repeatable.")
]
Out = Annotated[
    Path | None, typer.Option(help="The folder. Work in it that was broken off goes on. Default: a new one in runs.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start anew where other work is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and stop.")]


class Study(NamedTuple):
    """Work with many trainings that can begin.

    Attributes:
        console: where to print.
        name: of the data.
        splits: the data.
        options: arguments that the data ask of the task.
        suited: arguments that suit the data.
    """

    console: Console
    name: str
    splits: "Splits"
    options: dict[str, Any]
    suited: dict[str, Any]

    def say(self, line: str) -> None:
        """Prints a line as it is."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def end(self, folder: Path) -> None:
        """Says where everything is."""
        where = escape(str(folder))
        self.console.print(
            f"Everything is in [bold]{where}[/]; open report.html there.", highlight=False, soft_wrap=True
        )


def begin(task: str, data: str | None, text: str | None, label: str | None, target: Path | None, device: str) -> Study:
    """Opens the data and starts TensorFlow.

    Args:
        task, data, text, label, target, device: as on the command line.
    """
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.study.run import open_data
    from rnnkit.tasks.config import RunConfig
    from rnnkit.tasks.specs import find_spec

    config = RunConfig(task, data, text=text, label=label, target=str(target) if target else None)
    console = Console()
    with reading(console, config.data):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        start_tensorflow(device)
    spec = find_spec(task)
    suited = spec.suited.get(str(config.data), {})
    return Study(console, str(config.data), splits, spec.data_options(config), suited)
