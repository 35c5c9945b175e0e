"""`rnnkit tune`: search a task's hyperparameters, with the gradients in view."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rnnkit.cli.run import Data, Device, Label, Target, Text
from rnnkit.cli.show import notices
from rnnkit.cli.written import fixed_values, searched_values

SHOWN = 5  # of the trials, the best
Task = Annotated[str, typer.Argument(help="What to search for: sentiment, ner, memory, music or translation.")]
Trials = Annotated[int | None, typer.Option(help="Trials in all. Default: 20, or what --minutes allow.")]
Minutes = Annotated[float | None, typer.Option(help="Time for all trials; the last one ends with its epoch.")]
Objective = Annotated[
    str | None, typer.Option(help="A log of the epochs, such as val_accuracy or grad_norm_max; default by task.")
]
Algorithm = Annotated[str, typer.Option(help="bayesian, random, hyperband or grid.")]
Fix = Annotated[
    list[str] | None, typer.Option(help="NAME=VALUE: a hyperparameter, or any argument of the task, with one value.")
]
Search = Annotated[
    list[str] | None, typer.Option(help="NAME=A,B or NAME=LOW:HIGH: what a hyperparameter is searched in.")
]
Epochs = Annotated[int | None, typer.Option(help="Epochs of a trial; without it, until validation stands still.")]
Seed = Annotated[int, typer.Option(help="Of the search, and of each trial's training.")]
Isolate = Annotated[bool, typer.Option("--isolate", help="Run each trial in a process of its own.")]
Out = Annotated[
    Path | None, typer.Option(help="The search's folder. One that was broken off goes on. Default: a new one in runs.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start anew where another search is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the space and the budget, and stop.")]


def tune(
    task: Task,
    data: Data = None,
    trials: Trials = None,
    minutes: Minutes = None,
    objective: Objective = None,
    algorithm: Algorithm = "bayesian",
    fix: Fix = None,
    search: Search = None,
    epochs: Epochs = None,
    seed: Seed = 0,
    out: Out = None,
    text: Text = None,
    label: Label = None,
    target: Target = None,
    device: Device = "auto",
    isolate: Isolate = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Search the hyperparameters of a task; the folder gets results.csv, the best model and its metrics."""
    from rnnkit.cli.quiet import start_tensorflow
    from rnnkit.training import RunConfig, open_data

    space = {**searched_values("search", search or []), **fixed_values("fix", fix or [])}
    config = RunConfig(task, data, text=text, label=label, target=str(target) if target else None)
    console = Console()
    with notices(console):
        splits = open_data(config)
    with console.status("Starting TensorFlow"):
        start_tensorflow(device)
    import rnnkit
    from rnnkit.training import make_model

    if task == "memory":
        space = {"target": make_model(config).target, **space}
    search_of: dict[str, Any] = {"algorithm": algorithm, "max_trials": trials, "minutes": minutes}
    search_of |= {"objective": objective, "epochs": epochs, "seed": seed, **space}
    console.print(f"[bold]{task}[/] on {escape(str(config.data))}", highlight=False)
    if dry_run:
        _show_plan(console, task, splits, search_of)
        return
    tuner = rnnkit.tune(
        task,
        splits.train,
        splits.valid,
        directory=out,
        isolate=isolate,
        overwrite=overwrite,
        say=lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
        **search_of,
    )
    _report(console, tuner, splits)


def _show_plan(console: Console, task: str, splits, search_of: dict[str, Any]) -> None:
    from rnnkit.tuning.plan import plan

    planned = plan(task, splits.train, splits.valid, **search_of)
    table = Table("hyperparameter", "values", title="Space", title_justify="left")
    for name, words in planned.model.describe().items():
        table.add_row(name, words)
    console.print(table)
    console.print(planned.words, highlight=False, markup=False, soft_wrap=True)


def _report(console: Console, tuner, splits) -> None:
    import json

    from rnnkit.training import evaluate

    folder = Path(tuner.project_dir)
    best = tuner.best_model()
    best.save(folder / "best.keras")
    metrics = {part: evaluate(best, getattr(splits, part)) for part in ("valid", "test")}
    (folder / "best.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    done = tuner.results.query("status == 'completed'")
    done = done.sort_values("score", ascending=tuner.oracle.objective.direction == "min").head(SHOWN)
    asked = [name for name in tuner.importance.index if done[name].notna().any()]
    table = Table("trial", "score", *asked, "parameters", "grad_norm_max", title="Best trials", title_justify="left")
    for _, row in done.iterrows():
        values = [_short(row[name]) for name in ("score", *asked, "parameters", "grad_norm_max")]
        table.add_row(str(row["trial"]), *values)
    console.print(table)
    for part, figures in metrics.items():
        console.print(f"best on {part}: {', '.join(f'{name} {value:.4f}' for name, value in figures.items())}")
    console.print(
        f"All trials are in [bold]{escape(str(folder / 'results.csv'))}[/], the best model in "
        f"[bold]{escape(str(folder / 'best.keras'))}[/].",
        highlight=False,
        soft_wrap=True,
    )


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
