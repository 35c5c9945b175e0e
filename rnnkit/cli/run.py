"""`rnnkit run`: train a task, keep everything in one folder, and say what came out."""

import contextlib
import json
import shlex

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.cli import options as of
from rnnkit.cli.broken_off import broken_off
from rnnkit.cli.ended import can_go_on
from rnnkit.cli.outcome import show_results
from rnnkit.cli.show import notices, notices_at_once, reading
from rnnkit.cli.tasks import show_tasks
from rnnkit.errors import ArgumentError


def run(
    context: typer.Context,
    task: of.Task = None,
    data: of.Data = None,
    cell: of.Cell = None,
    units: of.Units = None,
    layers: of.Layers = 1,
    epochs: of.Epochs = None,
    batch_size: of.BatchSize = None,
    seed: of.Seed = 0,
    device: of.Device = "auto",
    devices: of.Devices = 1,
    precision: of.Precision = "float32",
    deterministic: of.Deterministic = False,
    out: of.Out = None,
    text: of.Text = None,
    label: of.Label = None,
    clip: of.Clip = None,
    activation: of.Activation = None,
    initializer: of.Initializer = None,
    problem: of.Problem = None,
    length: of.Length = None,
    head: of.Head = None,
    steps_per_beat: of.Grid = None,
    target: of.Target = None,
    attention: of.Attention = None,
    resume: of.Resume = None,
    as_json: of.Json = False,
) -> None:
    """Train a task and write a run folder: model, history, gradients, metrics, samples. Alone, it lists the tasks."""
    from rnnkit.tasks.config import RunConfig

    console = Console(stderr=as_json)
    if resume is not None:
        _go_on(console, broken_off(context, resume), as_json)
        return
    if task is None:
        show_tasks(context, console)
        return
    config = RunConfig(
        task,
        _memory_name(task, data, problem, length),
        cell=cell,
        units=units,
        layers=layers,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        text=text,
        label=label,
        clip=clip,
        activation=activation,
        initializer=initializer,
        head=head,
        steps_per_beat=steps_per_beat,
        target=str(target) if target else None,
        attention=attention,
        precision=precision,
        deterministic=deterministic,
    )
    _train(console, config, device, devices, as_json, out)


def _go_on(console: Console, folder, as_json: bool) -> None:
    """Ends a run that was broken off, where and with what it began."""
    from rnnkit.tasks.config import RunConfig

    if folder.finished:
        console.print(f"The run in {escape(str(folder.path))} is finished: there is nothing to do.", highlight=False)
        _print_metrics(folder.metrics, as_json)
        return
    where = folder.config.get("device", "auto"), folder.config.get("devices", 1)
    _train(console, RunConfig.from_dict(folder.config), *where, as_json, folder=folder)


def _train(console: Console, config, device: str, devices: int, as_json: bool, out=None, folder=None) -> None:
    """Trains into a new folder, `out`, or into the `folder` of a run that was broken off."""
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.study.folder import RunFolder
    from rnnkit.study.run import open_data

    with reading(console, config.data):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        used = start_tensorflow(device, devices)
    config, model = _prepared(console, config, splits, used, devices)
    where = {"device": device, "devices": devices}
    folder = folder or RunFolder.create(out, {**config.as_dict(), **where})
    counts = ", ".join(f"{len(part)} {name}" for name, part in splits._asdict().items())
    console.print(f"[bold]{config.task}[/] on {escape(str(config.data))} ({counts}), cell {config.cell}, {used}")
    trained = _trained(console, config, splits, model, folder)
    show_results(console, trained, folder.path, splits.test)
    _print_metrics(trained.metrics, as_json)


def _prepared(console: Console, config, splits, used: str, devices: int):
    """The configuration with the cell's own name, and the model; a mistake is said before there is a folder."""
    import dataclasses

    from rnnkit.recurrent.cells import find_cell
    from rnnkit.study.devices import strategy
    from rnnkit.study.run import prepare

    config = dataclasses.replace(config, cell=find_cell(config.cell).name)
    with notices(console), console.status("Preparing the model"), strategy(used, devices).scope():
        return config, prepare(config, splits)


def _trained(console: Console, config, splits, model, folder):
    """A `Trained`, which is in its folder then; whoever is ended before is told how to go on."""
    from rnnkit.cli.progress import TrainingProgress
    from rnnkit.study.run import train

    progress = TrainingProgress(console, model.monitor)
    command = shlex.join(["rnnkit", "run", "--resume", str(folder.path)])
    with can_go_on(f"Go on with: {command}"), contextlib.closing(progress):
        with notices_at_once(console):
            trained = train(config, splits, [progress], model=model, state=folder.state)
        folder.write(trained)
    return trained


def _print_metrics(metrics, as_json: bool) -> None:
    if as_json:
        print(json.dumps(metrics))


def _memory_name(task: str, data: str | None, problem: str | None, length: int | None) -> str | None:
    """The data's name, where --problem or --length says what it is."""
    if problem is None and length is None:
        return data
    if task != "memory" or data is not None:
        raise ArgumentError(
            "problem, length: they choose the data of memory. Leave them out here, or leave out --data."
        )
    from rnnkit.datasets.memory import memory_problem

    problem, length = problem or "adding", 100 if length is None else length
    memory_problem(problem, length)
    return f"{problem}-{length}"
