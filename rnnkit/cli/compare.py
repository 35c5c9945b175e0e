"""`rnnkit compare`: the same training for each cell and seed, with baselines that are not recurrent."""

import functools
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from rnnkit.cli.by_task import by_task
from rnnkit.cli.ended import can_go_on, same_command
from rnnkit.cli.options import some_of
from rnnkit.cli.study import DryRun, Out, Overwrite, Study, begin, check_out, options_of
from rnnkit.cli.written import fixed_values
from rnnkit.errors.checks import whole
from rnnkit.recurrent.table import cell_names, find_named, usual_cells
from rnnkit.report.terminal import show_table
from rnnkit.tasks.settings import split_settings
from rnnkit.tasks.specs import TaskSpec, find_spec

if TYPE_CHECKING:
    from pandas import DataFrame

USUAL = ",".join(usual_cells())
# Column of the summary -> its title here, where 80 characters must do.
SHOWN = {"parameters": "weights", "memory_mib": "MiB", "seconds_to_best": "seconds", "horizon_min": "horizon"}

option = functools.partial(typer.Option, rich_help_panel="Comparison")
Cells = Annotated[
    str, option(help="Cells, separated by commas.", metavar="NAME,NAME", autocompletion=some_of(*cell_names()))
]
Seeds = Annotated[int, option(help="Number of seeds per cell.", metavar="N")]
Match = Annotated[
    bool,
    option("--match-parameters", help="Choose the units of each cell so that it has as many parameters as the first."),
]
NoBaselines = Annotated[bool, option("--no-baselines", help="Leave out the baselines without recurrence.")]


def compare(
    task: str,
    options: dict[str, Any],
    cells: Cells = USUAL,
    seeds: Seeds = 3,
    match_parameters: Match = False,
    no_baselines: NoBaselines = False,
    out: Out = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Compare cells, with baselines; writes one row per run (runs.csv), one per model (summary.csv) and report.html."""
    spec = find_spec(task)
    fixed = fixed_values("set", options.pop("settings") or [])
    split_settings(spec, fixed)
    names = [find_named(cell.strip()).name for cell in cells.split(",")]
    whole("seeds", seeds)
    check_out(out, "comparison.json")
    study = begin(spec, options)
    config = study.config
    import rnnkit
    from rnnkit.study.comparison.cells import prepared
    from rnnkit.tasks.config import read_clipping

    folder = out or Path("runs") / f"compare-{task}-{config.data_name}-{time.strftime('%Y%m%d-%H%M%S')}"
    console = study.console
    trained = f"{', '.join(names)}; {seeds} seed{'s' if seeds > 1 else ''}"
    console.print(f"[bold]{task}[/] on {escape(config.data)}: {trained}", highlight=False)
    rule, threshold = read_clipping(config.clip)
    suited = {name: value for name, value in study.suited.items() if name != "cell"}
    arguments = {**suited, **study.options, **fixed}
    if dry_run:
        prepared(spec.task_class, names, arguments, rule, threshold)
        _show_plan(study, spec, len(names) * seeds, not no_baselines)
        return
    with can_go_on(f"Resume with: {same_command(out, folder)}"):
        found = rnnkit.compare(
            task,
            *study.splits,
            cells=names,
            seeds=seeds,
            baselines=not no_baselines,
            match_parameters=match_parameters,
            directory=folder,
            epochs=config.epochs,
            batch_size=config.batch_size,
            clipping=rule,
            threshold=threshold,
            overwrite=overwrite,
            say=study.say,
            **(spec.fit_arguments(config) | arguments),
        )
    best = "highest" if found.mode == "max" else "lowest"
    show_table(console, _in_short(found.summary), f"{found.metric}, {best} first", "summary.csv")
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


def _show_plan(study: Study, spec: TaskSpec, trainings: int, baselines: bool) -> None:
    epochs = study.config.epochs
    length = "until validation no longer improves" if epochs is None else f"of {epochs} epochs"
    study.say(f"{trainings} trainings {length}")
    if baselines:
        study.say(f"baselines: {', '.join([*spec.networks(), *spec.rules])}")


app = by_task(
    "compare",
    compare,
    lambda spec: options_of(spec, "epochs", "batch_size", "clip"),
    lambda spec: [
        f"rnnkit compare {spec.task} --cells lstm,gru --seeds 3",
        f"rnnkit compare {spec.task} --cells lstm,min_gru --match-parameters --set units=64",
    ],
)
