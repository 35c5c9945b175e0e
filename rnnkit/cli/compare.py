"""`rnnkit compare`: the same training for each cell and seed, beside baselines that are not recurrent."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.cli.run import BatchSize, Clip, Data, Device, Label, Target, Text
from rnnkit.cli.show import data_table, notices
from rnnkit.cli.written import fixed_values, read_value
from rnnkit.errors import ArgumentError

SHOWN = ("seeds", "valid", "valid_std", "test", "test_std", "parameters", "seconds_to_best", "horizon_min", "clip_rate")
Task = Annotated[str, typer.Argument(help="What to train: sentiment, ner, memory, music or translation.")]
Cells = Annotated[str, typer.Option(help="Cells, parted by commas.")]
Seeds = Annotated[int, typer.Option(help="Trainings of each cell.")]
Epochs = Annotated[int | None, typer.Option(help="Epochs; without it, until validation no longer improves.")]
Fix = Annotated[list[str] | None, typer.Option(help="NAME=VALUE: an argument of the task, the same for every cell.")]
Match = Annotated[
    bool, typer.Option("--match-parameters", help="Give each cell the units that make it as large as the first.")
]
NoBaselines = Annotated[bool, typer.Option("--no-baselines", help="Leave out what is not recurrent.")]
Out = Annotated[
    Path | None, typer.Option(help="The comparison's folder. One that was broken off goes on. Default: a new one.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start anew where another comparison is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and stop.")]


def compare(
    task: Task,
    data: Data = None,
    cells: Cells = "simple_rnn,lstm,gru",
    seeds: Seeds = 3,
    epochs: Epochs = None,
    batch_size: BatchSize = 32,
    fix: Fix = None,
    clip: Clip = None,
    match_parameters: Match = False,
    no_baselines: NoBaselines = False,
    out: Out = None,
    text: Text = None,
    label: Label = None,
    target: Target = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Compare cells on a task; the folder gets a row a run (runs.csv) and a row a model (summary.csv)."""
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.training import RunConfig, open_data

    options = fixed_values("fix", fix or [])
    config = RunConfig(
        task, data, batch_size=batch_size, text=text, label=label, target=str(target) if target else None
    )
    console = Console()
    with notices(console):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        start_tensorflow(device)
    import rnnkit
    from rnnkit.cells import find_cell
    from rnnkit.training import make_model

    names = [find_cell(cell.strip()).name for cell in cells.split(",")]
    if task == "memory":
        options = {"target": make_model(config).target, **options}
    source = Path(str(config.data)).name.split(".")[0]
    folder = out or Path("runs") / f"compare-{task}-{source}-{time.strftime('%Y%m%d-%H%M%S')}"
    console.print(f"[bold]{task}[/] on {escape(str(config.data))}: {', '.join(names)}; {seeds} seeds", highlight=False)
    if dry_run:
        _show_plan(console, task, len(names) * seeds, epochs, not no_baselines)
        return
    rule, threshold = _clipping(clip)
    found = rnnkit.compare(
        task,
        *splits,
        cells=names,
        seeds=seeds,
        baselines=not no_baselines,
        match_parameters=match_parameters,
        directory=folder,
        epochs=epochs,
        batch_size=batch_size,
        clipping=rule,
        threshold=threshold,
        overwrite=overwrite,
        say=lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
        **options,
    )
    summary = found.summary[[*SHOWN, "per_second"]].reset_index()
    console.print(data_table(summary, f"{found.metric}, {'highest' if found.mode == 'max' else 'lowest'} first"))
    console.print(f"Each run is in [bold]{escape(str(folder / 'runs.csv'))}[/].", highlight=False, soft_wrap=True)


def _show_plan(console: Console, task: str, trainings: int, epochs: int | None, baselines: bool) -> None:
    from rnnkit.comparison.baselines import NETWORKS, RULES

    length = "until validation no longer improves" if epochs is None else f"of {epochs} epochs"
    console.print(f"{trainings} trainings {length}", highlight=False)
    if baselines:
        names = [*NETWORKS.get(task, {}), *RULES.get(task, {})]
        console.print(f"baselines: {', '.join(names)}", highlight=False)


def _clipping(clip: str | None):
    if clip is None:
        return None, None
    rule, colon, threshold = clip.partition(":")
    value = read_value(threshold) if colon else None
    if not isinstance(value, (int, float, type(None))):
        raise ArgumentError(f"clip: expected RULE or RULE:THRESHOLD, got '{clip}'.")
    return rule, value
