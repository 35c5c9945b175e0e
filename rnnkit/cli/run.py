"""`rnnkit run`: train a task, keep everything in one folder, and say what came out."""

import contextlib
import json
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rnnkit.cli import completion
from rnnkit.cli.broken_off import broken_off
from rnnkit.cli.diagnose import show_words
from rnnkit.cli.ended import can_go_on
from rnnkit.cli.outcome import show_outcome
from rnnkit.cli.show import data_table, notices_at_once, reading, shown
from rnnkit.cli.tasks import show_tasks
from rnnkit.errors import ArgumentError

Task = Annotated[
    str | None,
    typer.Argument(
        help="What to train: sentiment, ner, memory, music or translation; without it, a list of them.",
        autocompletion=completion.tasks,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="A built-in sample (the default), a public data set's name (see: rnnkit data list), or a file; "
        "for music, a folder of MIDI files; for translation, a text, a tab and its translation on each line.",
        autocompletion=completion.data,
    ),
]
Cell = Annotated[str, typer.Option(help="simple_rnn, lstm, gru, min_gru or min_lstm.", autocompletion=completion.cells)]
Units = Annotated[int | None, typer.Option(help="Width of each direction of a recurrent layer; default by task.")]
Layers = Annotated[int, typer.Option(help="Recurrent layers.")]
Activation = Annotated[str | None, typer.Option(help="Of the cell, such as tanh, relu or sigmoid; default by cell.")]
Initializer = Annotated[
    str | None,
    typer.Option(
        help="Start of the recurrent weights: orthogonal, identity, glorot_uniform or chrono; default by cell.",
        autocompletion=completion.among("orthogonal", "identity", "glorot_uniform", "chrono"),
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Epochs; without it, until validation no longer improves.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples a training step; default: the task's own.")]
Seed = Annotated[int, typer.Option(help="Sets all randomness.")]
Device = Annotated[str, typer.Option(help="auto, cpu or gpu.", autocompletion=completion.among("auto", "cpu", "gpu"))]
Devices = Annotated[int, typer.Option(help="Devices that share each batch: so many GPUs, or parts of the CPU.")]
Precision = Annotated[
    str,
    typer.Option(
        help="float32; mixed_float16 or mixed_bfloat16, for a GPU.",
        autocompletion=completion.among("float32", "mixed_float16", "mixed_bfloat16"),
    ),
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="The same numbers each time on one machine; slower.")
]
Out = Annotated[Path | None, typer.Option(help="The run's folder; must be new. Default: runs/TASK-DATA-CELL-TIME.")]
Text = Annotated[str | None, typer.Option(help="The column of texts in a file; for ner, of tokens, a number from 0.")]
Label = Annotated[str | None, typer.Option(help="The column of labels in a file; for ner, of tags, a number from 0.")]
Clip = Annotated[
    str | None,
    typer.Option(
        help="Clip gradients: value, norm, global_norm, adaptive, percentile or zscore; RULE or RULE:THRESHOLD.",
        autocompletion=completion.rules,
    ),
]
Problem = Annotated[
    str | None, typer.Option(help="For memory: adding (the default), copy or temporal-order.", show_default=False)
]
Length = Annotated[
    int | None, typer.Option(help="For memory: steps of a sequence; for copy, blank steps. Default: 100.")
]
Head = Annotated[
    str | None, typer.Option(help="For music: joint chords (default), or independent keys, as most papers measure.")
]
Grid = Annotated[
    int | None,
    typer.Option(help="For a folder of MIDI files: the grid, steps of a quarter note. Default: 4."),
]
Target = Annotated[
    Path | None, typer.Option(help="For translation: a file with the translations of the lines of --data.")
]
Attention = Annotated[
    str | None, typer.Option(help="For translation: additive, dot, general, or none; default: general.")
]
Resume = Annotated[
    Path | None, typer.Option(help="The folder of a run that was broken off: go on with it, with its own options.")
]
Json = Annotated[bool, typer.Option("--json", help="Print metrics.json as the last line.")]


def run(
    context: typer.Context,
    task: Task = None,
    data: Data = None,
    cell: Cell = "lstm",
    units: Units = None,
    layers: Layers = 1,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    seed: Seed = 0,
    device: Device = "auto",
    devices: Devices = 1,
    precision: Precision = "float32",
    deterministic: Deterministic = False,
    out: Out = None,
    text: Text = None,
    label: Label = None,
    clip: Clip = None,
    activation: Activation = None,
    initializer: Initializer = None,
    problem: Problem = None,
    length: Length = None,
    head: Head = None,
    steps_per_beat: Grid = None,
    target: Target = None,
    attention: Attention = None,
    resume: Resume = None,
    as_json: Json = False,
) -> None:
    """Train a task and write a run folder: model, history, gradients, metrics, samples. Alone, it lists the tasks."""
    import dataclasses

    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.run_folder import RunFolder
    from rnnkit.training import RunConfig, open_data

    console = Console(stderr=as_json)
    if resume is not None:
        folder = broken_off(context, resume)
        config = RunConfig.from_dict(folder.config)
        device, devices = folder.config.get("device", "auto"), folder.config.get("devices", 1)
        if folder.finished:
            console.print(f"The run in {escape(str(resume))} is finished: there is nothing to do.", highlight=False)
            _print_metrics(folder.metrics, as_json)
            return
    elif task is None:
        show_tasks(context, console)
        return
    else:
        data = _memory_name(task, data, problem, length)
        stack = (cell, units, layers, epochs, batch_size, seed, text, label, clip, activation, initializer)
        own = (head, steps_per_beat, str(target) if target else None, attention)
        config = RunConfig(task, data, *stack, *own, precision, deterministic)
    with reading(console, config.data):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        used = start_tensorflow(device, devices)
    from rnnkit.cells import find_cell
    from rnnkit.cli.progress import TrainingProgress
    from rnnkit.devices import strategy
    from rnnkit.tasks import TASKS
    from rnnkit.training import gradient_clipping, prepare, train

    config = dataclasses.replace(config, cell=find_cell(config.cell).name)
    gradient_clipping(config.clip)  # a mistake is said before there is a folder
    with console.status("Preparing the model"), strategy(used, devices).scope():
        model = prepare(config, splits)
    if resume is None:
        folder = RunFolder.create(out, {**config.as_dict(), "device": device, "devices": devices})
    counts = ", ".join(f"{len(part)} {name}" for name, part in splits._asdict().items())
    console.print(f"[bold]{config.task}[/] on {escape(str(config.data))} ({counts}), cell {config.cell}, {used}")
    progress = TrainingProgress(console, TASKS[config.task].monitor)
    command = shlex.join(["rnnkit", "run", "--resume", str(folder.path)])
    with can_go_on(f"Go on with: {command}"), contextlib.closing(progress):
        with notices_at_once(console):
            trained = train(config, splits, [progress], model=model, state=folder.state)
        folder.write(trained)
    _report(console, trained, folder, splits.test)
    _print_metrics(trained.metrics, as_json)


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


def _report(console: Console, trained, folder, test) -> None:
    metrics = trained.metrics
    table = Table("", *metrics["test"], title="Results of the best epoch", title_justify="left")
    for split in ("valid", "test"):
        table.add_row(split, *(f"{value:.4f}" for value in metrics[split].values()))
    console.print(table)
    console.print(f"{metrics['seconds']:.0f} s, {metrics['examples_per_second']:.0f} examples/s")
    console.print(data_table(trained.health.summary().reset_index(), "Gradient norms by layer, before clipping"))
    _say_steps(console, trained.health.steps)
    _say_diagnosis(console, trained)
    command = show_outcome(console, trained, str(folder.path), test)
    console.print(
        f"Everything is in [bold]{escape(str(folder.path))}[/]; open report.html there. Try it:", highlight=False
    )
    console.print(f"  {escape(command)}", highlight=False, soft_wrap=True)


def _say_diagnosis(console: Console, trained) -> None:
    """What becomes of errors on their way back through time, or why that is not known."""
    found = trained.diagnosis
    if isinstance(found, str):
        console.print(f"[yellow]There is no diagnosis:[/] {shown(found)}", highlight=False)
        return
    show_words(console, found.verdict, (trained.cause or found).cure)


def _say_steps(console: Console, steps) -> None:
    """How many steps were clipped or not taken, where there were any."""
    refused = steps[steps["status"] != "taken"]
    if len(refused):
        reasons = ", ".join(f"{count} {status}" for status, count in refused["status"].value_counts().items() if count)
        console.print(f"[yellow]{len(refused)} steps were not taken[/] ({reasons}); see gradients.csv")
    if steps["clipped"].any():
        console.print(f"clipping made {steps['clipped'].mean():.0%} of the recorded steps smaller", highlight=False)
