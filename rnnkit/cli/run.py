"""`rnnkit run`: train a task, keep everything in one folder, and say what came out."""

import contextlib
import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.cli import together
from rnnkit.cli.by_task import by_task
from rnnkit.cli.ended import can_go_on, resume_words
from rnnkit.cli.options import OPTIONS, Json, Out, typed
from rnnkit.cli.written import fixed_values, given_options
from rnnkit.errors import ArgumentError
from rnnkit.report import terminal
from rnnkit.report.terminal import notices, notices_at_once, reading
from rnnkit.tasks.specs import SPECS

Resume = Annotated[
    Path | None,
    typer.Option(
        help="Resume an interrupted run with its own options; with --epochs, continue a run to that number.",
        metavar="DIR",
        rich_help_panel="Output",
    ),
]
Finish = Annotated[
    bool,
    typer.Option(
        "--finish",
        help="With --resume: train no further, and write model, metrics and page of the best epoch so far.",
        rich_help_panel="Output",
    ),
]
Worker = Annotated[
    int | None,
    typer.Option(
        help="With --workers: the number of this process, from 0. The first one writes the results.",
        metavar="N",
        rich_help_panel="Training",
    ),
]
Public = Annotated[
    bool,
    typer.Option(
        "--public", help="With --workers: take addresses outside of private networks.", rich_help_panel="Training"
    ),
]
# what can be asked for with --resume
ALLOWED = ("resume", "finish", "epochs", "as_json", "workers", "worker", "public")


def run(
    context: typer.Context,
    task: str,
    options: dict[str, Any],
    out: Out = None,
    resume: Resume = None,
    finish: Finish = False,
    worker: Worker = None,
    public: Public = False,
    as_json: Json = False,
) -> None:
    """Train, and write a run folder with model, history, gradients, metrics, samples and a page."""
    from rnnkit.study.folder import check_free
    from rnnkit.tasks.config import RunConfig

    console = terminal.console(stderr=as_json)
    cluster = together.named(options["workers"], worker, public, needed=resume is None)
    if resume is not None:
        folder = _interrupted(context, together.folder_of(resume, cluster, worker), task)
        _go_on(console, folder, as_json, finish, options["epochs"], cluster, worker, public)
        return
    _expect_resume(finish=finish)
    options["settings"] = fixed_values("set", options["settings"] or []) or None
    config = together.shared(RunConfig(task, **options).checked(), cluster, out)
    if out is not None:
        out = together.folder_of(out, cluster)
        check_free(out)
    _train(console, config, as_json, out, cluster=cluster)


app = by_task("run", run, lambda spec: spec.run_options, lambda spec: spec.examples)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    resume: Resume = None,
    finish: Finish = False,
    epochs: typed(OPTIONS["epochs"]) = None,  # type: ignore[valid-type]
    workers: typed(OPTIONS["workers"]) = None,  # type: ignore[valid-type]
    worker: Worker = None,
    public: Public = False,
    as_json: Json = False,
) -> None:
    """Train a task. Without one: list the tasks, or with --resume, resume, finish or continue a run."""
    if resume is None:
        _expect_resume(finish=finish, epochs=epochs, workers=workers, worker=worker is not None)
    if context.invoked_subcommand is not None:
        return
    console = terminal.console(stderr=as_json)
    if resume is None:
        _show_tasks(console)
    else:
        cluster = together.named(workers, worker, public, needed=False)
        folder = _interrupted(context, together.folder_of(resume, cluster, worker))
        _go_on(console, folder, as_json, finish, epochs, cluster, worker, public)


def _expect_resume(**values: Any) -> None:
    """Refuses options that need --resume, or a task in front of them."""
    given = [f"--{name}" for name, value in values.items() if value]
    if given:
        raise ArgumentError(
            f"task: expected a task ({', '.join(SPECS)}) or --resume before {given[0]}; see rnnkit run --help."
        )


def _show_tasks(console: Console) -> None:
    """Prints each task with a line, and how long its built-in sample takes."""
    import pandas as pd

    rows = [{"task": name, "time": spec.time, "what it does": spec.about} for name, spec in SPECS.items()]
    terminal.show_table(console, pd.DataFrame(rows), "Tasks, and what their samples take on two processor cores")
    console.print("Train one with rnnkit run TASK; its options: rnnkit run TASK --help. Other data: rnnkit data list.")


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
        raise ArgumentError(f"resume: a run resumes with the options in its config.json. Leave out {options}.")
    return folder


def _go_on(
    console: Console, folder, as_json: bool, finish: bool, epochs: int | None, cluster, worker: int | None, public: bool
) -> None:
    """Resumes a run where it was interrupted, finishes it there, or continues it to more epochs."""
    from rnnkit.tasks.config import RunConfig

    config = RunConfig.from_dict(folder.config)
    cluster = together.as_before(config, cluster, worker, public)
    config = together.shared(config, cluster, folder.path)
    if finish and epochs is not None:
        raise ArgumentError("finish, epochs: --finish trains no further. Give one of the two.")
    if epochs is not None:
        config = _longer(folder, config, epochs)
    elif folder.finished:
        line = shlex.join(["rnnkit", "run", "--resume", str(folder.path)])
        console.print(f"{folder.path} is finished. Continue it with: {line} --epochs N", markup=False, soft_wrap=True)
        if cluster is None or cluster.first:
            _print_metrics(folder.metrics, as_json)
        return
    _train(console, config, as_json, folder=folder, finish=finish, cluster=cluster)


def _longer(folder, config, epochs: int):
    """The configuration of a run that is continued to more epochs than it has.

    Raises:
        ArgumentError: it has as many already, or its state was not kept.
    """
    done = folder.epochs
    if epochs <= done:
        raise ArgumentError(f"epochs: {folder.path} has {done} already. Give a larger number, got {epochs}.")
    config = config.replaced(epochs=epochs)
    folder.continue_to(config)
    return config


def _train(console: Console, config, as_json: bool, out=None, folder=None, finish=False, cluster=None) -> None:
    """Trains into a new folder, `out`, or into the `folder` of a run that has begun; of several workers as one."""
    from rnnkit.cli.outcome import show_results
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.study.folder import RunFolder
    from rnnkit.study.run import open_data

    with reading(console, config.data):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        used = start_tensorflow(config.device, 1 if cluster else config.devices)
    model = _prepared(console, config, splits, used, cluster, finish)
    folder = folder or RunFolder.create(out, config.as_dict())
    counts = ", ".join(f"{len(part)} {name}" for name, part in splits._asdict().items())
    place = f"{used}, worker {cluster.worker} of {len(cluster.addresses)}" if cluster else used
    console.print(f"[bold]{config.task}[/] on {escape(config.data)} ({counts}), cell {config.cell}, {place}")
    trained = _trained(console, config, splits, model, folder, finish, cluster)
    if cluster is None or cluster.first:
        show_results(console, config, trained, folder.path, splits.test)
        _print_metrics(trained.metrics, as_json)


def _prepared(console: Console, config, splits, used: str, cluster, finish: bool):
    """The model; what is wrong with it is said before there is a folder."""
    from rnnkit.recurrent.devices import strategy
    from rnnkit.study.run import prepare

    scope = (
        strategy(used, config.devices).scope() if cluster is None else together.scope(config, cluster, splits, finish)
    )
    with notices(console), console.status("Preparing the model"), scope:
        return prepare(config, splits)


def _trained(console: Console, config, splits, model, folder, finish: bool, cluster):
    """A `Trained`, which is in its folder then; whoever is ended before reads how to resume."""
    from rnnkit.cli.progress import TrainingProgress
    from rnnkit.study.run import train
    from rnnkit.study.training import HistoryFile

    first = cluster is None or cluster.first
    progress = TrainingProgress(console, model.monitor)
    callbacks = [*([progress] if first else []), HistoryFile(folder.path / "history.csv")]
    events = folder.path / "tensorboard" if config.tensorboard and first else None
    kept = together.resume_words(folder.path, cluster) if cluster else resume_words(folder.path)
    with can_go_on(kept), together.told_of_loss(cluster, kept), contextlib.closing(progress):
        with notices_at_once(console):
            trained = train(
                config, splits, callbacks, model=model, state=folder.state, finish=finish, tensorboard=events
            )
        if first:
            folder.write(trained, config.replaced(epochs=trained.metrics["epochs"]) if finish else None)
        together.end(model, folder, first)
    return trained


def _print_metrics(metrics, as_json: bool) -> None:
    if as_json:
        print(json.dumps(metrics))
