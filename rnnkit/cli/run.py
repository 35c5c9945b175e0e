"""`rnnkit run`: train a task, keep everything in one folder, and say what came out."""

import contextlib
import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rnnkit.cli.by_task import by_task
from rnnkit.cli.ended import can_go_on
from rnnkit.cli.options import Json, Out
from rnnkit.cli.written import fixed_values, given_options
from rnnkit.errors import ArgumentError
from rnnkit.report.terminal import notices, notices_at_once, reading
from rnnkit.tasks.specs import SPECS

Resume = Annotated[
    Path | None,
    typer.Option(help="Resume an interrupted run with its own options.", metavar="DIR", rich_help_panel="Output"),
]
ALLOWED = ("resume", "as_json")  # what can be asked for beside --resume


def run(
    context: typer.Context,
    task: str,
    options: dict[str, Any],
    out: Out = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Train, and write a run folder with model, history, gradients, metrics, samples and a page."""
    from rnnkit.tasks.config import RunConfig
    from rnnkit.tasks.settings import split_settings

    console = Console(stderr=as_json)
    if resume is not None:
        _go_on(console, _interrupted(context, resume, task), as_json)
        return
    options["settings"] = fixed_values("set", options["settings"] or []) or None
    config = RunConfig(task, **options)
    split_settings(SPECS[task], config.settings)
    _train(console, config, as_json, out)


app = by_task("run", run, lambda spec: spec.run_options, lambda spec: spec.examples)


@app.callback(invoke_without_command=True)
def start(context: typer.Context, resume: Resume = None, as_json: Json = False) -> None:
    """Train a task. Without one: list the tasks, or with --resume, resume an interrupted run."""
    if context.invoked_subcommand is not None:
        return
    console = Console(stderr=as_json)
    if resume is None:
        _show_tasks(console)
    else:
        _go_on(console, _interrupted(context, resume), as_json)


def _show_tasks(console: Console) -> None:
    """Prints each task with a line, and how long its built-in sample takes."""
    table = Table("task", "what it does", "on its sample", title="Tasks", title_justify="left")
    for name, spec in SPECS.items():
        table.add_row(name, spec.about, spec.time)
    console.print(table)
    console.print(
        "Times are of `rnnkit run TASK` on two processor cores. Other data: rnnkit data list.", highlight=False
    )


def _interrupted(context: typer.Context, path: Path, task: str | None = None):
    """The `RunFolder` to go on with.

    Raises:
        ArgumentError: something was asked for that only its own options can say.
        DataError: there is no run in it.
    """
    from rnnkit.study.folder import RunFolder

    folder = RunFolder(path)
    if task not in (None, folder.config.get("task")):
        raise ArgumentError(f"resume: {path} is a run of {folder.config.get('task')}. Leave {task} out.")
    if given := [name for name in given_options(context) if name not in ALLOWED]:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ArgumentError(f"resume: a run goes on with the options in its config.json. Leave out {options}.")
    return folder


def _go_on(console: Console, folder, as_json: bool) -> None:
    """Ends an interrupted run, where and with what it began."""
    from rnnkit.tasks.config import RunConfig

    if folder.finished:
        console.print(f"The run in {escape(str(folder.path))} is finished: there is nothing to do.", highlight=False)
        _print_metrics(folder.metrics, as_json)
        return
    _train(console, RunConfig.from_dict(folder.config), as_json, folder=folder)


def _train(console: Console, config, as_json: bool, out=None, folder=None) -> None:
    """Trains into a new folder, `out`, or into the `folder` of an interrupted run."""
    from rnnkit.cli.outcome import show_results
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.study.folder import RunFolder
    from rnnkit.study.run import open_data

    with reading(console, config.data):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        used = start_tensorflow(config.device, config.devices)
    config, model = _prepared(console, config, splits, used)
    folder = folder or RunFolder.create(out, config.as_dict())
    counts = ", ".join(f"{len(part)} {name}" for name, part in splits._asdict().items())
    console.print(f"[bold]{config.task}[/] on {escape(config.data)} ({counts}), cell {config.cell}, {used}")
    trained = _trained(console, config, splits, model, folder)
    show_results(console, config, trained, folder.path, splits.test)
    _print_metrics(trained.metrics, as_json)


def _prepared(console: Console, config, splits, used: str):
    """The configuration with the cell's own name, and the model; a mistake is said before there is a folder."""
    from rnnkit.recurrent.cells import find_cell
    from rnnkit.recurrent.devices import strategy
    from rnnkit.study.run import prepare

    config = config.replaced(cell=find_cell(config.cell).name)
    with notices(console), console.status("Preparing the model"), strategy(used, config.devices).scope():
        return config, prepare(config, splits)


def _trained(console: Console, config, splits, model, folder):
    """A `Trained`, which is in its folder then; whoever is ended before is told how to go on."""
    from rnnkit.cli.progress import TrainingProgress
    from rnnkit.study.run import train

    progress = TrainingProgress(console, model.monitor)
    line = shlex.join(["rnnkit", "run", "--resume", str(folder.path)])
    with can_go_on(f"Go on with: {line}"), contextlib.closing(progress):
        with notices_at_once(console):
            trained = train(config, splits, [progress], model=model, state=folder.state)
        folder.write(trained)
    return trained


def _print_metrics(metrics, as_json: bool) -> None:
    if as_json:
        print(json.dumps(metrics))
