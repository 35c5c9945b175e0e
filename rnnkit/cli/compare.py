"""`rnnkit compare`: the same training for each cell and seed, beside baselines that are not recurrent."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from rnnkit.cli import completion
from rnnkit.cli.ended import can_go_on, same_command
from rnnkit.cli.options import BatchSize, Clip, Data, Device, Epochs, Label, Target, Text
from rnnkit.cli.show import data_table
from rnnkit.cli.study import DryRun, Fix, Out, Overwrite, Study, Task, begin
from rnnkit.cli.written import check_of_task, fixed_values
from rnnkit.recurrent.table import cell_names, usual_cells

if TYPE_CHECKING:
    from pandas import DataFrame

USUAL = ",".join(usual_cells())
# Column of the summary -> its title here, where 80 characters must do.
SHOWN = {"parameters": "weights", "seconds_to_best": "seconds", "horizon_min": "horizon"}
Cells = Annotated[str, typer.Option(help="Cells, parted by commas.", autocompletion=completion.some_of(*cell_names()))]
Seeds = Annotated[int, typer.Option(help="Trainings of each cell.")]
Match = Annotated[
    bool, typer.Option("--match-parameters", help="Give each cell the units that make it as large as the first.")
]
NoBaselines = Annotated[bool, typer.Option("--no-baselines", help="Leave out what is not recurrent.")]


def compare(
    task: Task,
    data: Data = None,
    cells: Cells = USUAL,
    seeds: Seeds = 3,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
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
    """Compare cells on a task; the folder gets a row a run (runs.csv), a row a model (summary.csv) and report.html."""
    fixed = fixed_values("fix", fix or [])
    study = begin(task, data, text, label, target, device)
    import rnnkit
    from rnnkit.comparison.cells import prepared
    from rnnkit.recurrent.cells import find_cell
    from rnnkit.tasks import TASKS
    from rnnkit.tasks.config import read_clipping

    check_of_task("fix", fixed, rnnkit.compare)
    names = [find_cell(cell.strip()).name for cell in cells.split(",")]
    source = Path(study.name).name.split(".")[0]
    folder = out or Path("runs") / f"compare-{task}-{source}-{time.strftime('%Y%m%d-%H%M%S')}"
    console = study.console
    console.print(f"[bold]{task}[/] on {escape(study.name)}: {', '.join(names)}; {seeds} seeds", highlight=False)
    rule, threshold = read_clipping(clip)
    suited = {name: value for name, value in study.suited.items() if name != "cell"}
    options = {**suited, **study.options, **fixed}
    if dry_run:
        prepared(TASKS[task], names, options, rule, threshold)
        _show_plan(study, task, len(names) * seeds, epochs, not no_baselines)
        return
    with can_go_on(f"Go on with: {same_command(out, folder)}"):
        found = rnnkit.compare(
            task,
            *study.splits,
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
            say=study.say,
            **options,
        )
    best = "highest" if found.mode == "max" else "lowest"
    console.print(data_table(_in_short(found.summary), f"{found.metric}, {best} first"))
    study.end(folder)


def _in_short(summary: "DataFrame") -> "DataFrame":
    """The most telling columns, mean and spread in one."""
    spread = {
        part: [_mean_and_spread(*pair) for pair in summary[[part, f"{part}_std"]].itertuples(index=False)]
        for part in ("valid", "test")
    }
    return summary.assign(**spread).reset_index()[["model", "valid", "test", *SHOWN]].rename(columns=SHOWN)


def _mean_and_spread(mean: float, spread: float) -> str:
    return f"{mean:.4g}" if math.isnan(spread) else f"{mean:.4g}±{spread:.1g}"


def _show_plan(study: Study, task: str, trainings: int, epochs: int | None, baselines: bool) -> None:
    from rnnkit.tasks.specs import find_spec

    length = "until validation no longer improves" if epochs is None else f"of {epochs} epochs"
    study.say(f"{trainings} trainings {length}")
    if baselines:
        spec = find_spec(task)
        study.say(f"baselines: {', '.join([*spec.networks(), *spec.rules])}")
