"""`rnnkit tune`: search a task's hyperparameters, with the gradients in view."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from rnnkit.cli import completion
from rnnkit.cli.ended import can_go_on, same_command
from rnnkit.cli.options import Data, Device, Epochs, Label, Target, Text
from rnnkit.cli.study import DryRun, Fix, Out, Overwrite, Study, Task, begin
from rnnkit.cli.written import check_of_task, fixed_values, searched_values, space_of

SHOWN = 5  # of the trials, the best
Trials = Annotated[int | None, typer.Option(help="Trials in all. Default: 20, or what --minutes allow.")]
Minutes = Annotated[
    float | None, typer.Option(help="Time for all trials; the last one ends with its epoch.", show_default=False)
]
Objective = Annotated[
    str | None, typer.Option(help="A log of the epochs, such as val_accuracy or grad_norm_max; default by task.")
]
Algorithm = Annotated[
    str,
    typer.Option(
        help="bayesian, random, hyperband or grid.",
        autocompletion=completion.among("bayesian", "random", "hyperband", "grid"),
    ),
]
Search = Annotated[
    list[str] | None, typer.Option(help="NAME=A,B or NAME=LOW:HIGH: what a hyperparameter is searched in; repeatable.")
]
Seed = Annotated[int, typer.Option(help="Of the search, and of each trial's training.")]
Isolate = Annotated[bool, typer.Option("--isolate", help="Run each trial in a process of its own.")]
Workers = Annotated[
    int | None,
    typer.Option(
        help="So many processes run trials at the same time, also on one GPU; one that is killed is started again."
    ),
]


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
    workers: Workers = None,
    out: Out = None,
    text: Text = None,
    label: Label = None,
    target: Target = None,
    device: Device = "auto",
    isolate: Isolate = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Search the hyperparameters of a task.

    The folder gets results.csv and report.html, the best model and its metrics.

    Several machines share a search if each runs this command with the same --out, a folder that all of them see, and
    in its environment KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, where trials are dealt out, and
    KERASTUNER_TUNER_ID: chief on the machine that deals them out, worker-1, worker-2 and so on where they run.
    """
    space = space_of(searched_values("search", search or []), fixed_values("fix", fix or []))
    study = begin(task, data, text, label, target, device)
    import rnnkit
    from rnnkit.tuning.chief import part_in_search
    from rnnkit.tuning.search import new_folder

    check_of_task("fix, search", space, rnnkit.tune)
    search_of: dict[str, Any] = {"algorithm": algorithm, "max_trials": trials, "minutes": minutes}
    search_of |= {"objective": objective, "epochs": epochs, "seed": seed, **study.options, **space}
    study.console.print(f"[bold]{task}[/] on {escape(study.name)}", highlight=False)
    if dry_run:
        _show_plan(study, task, search_of)
        return
    folder = out if part_in_search() else out or new_folder(task)  # machines that share a search have to name it
    ways: dict[str, Any] = {"directory": folder, "overwrite": overwrite, "isolate": isolate, "workers": workers}
    with can_go_on(f"Go on with: {same_command(out, folder)}"):
        tuner = rnnkit.tune(task, study.splits.train, study.splits.valid, **ways, say=study.say, **search_of)
        if tuner.is_worker:
            study.say("The search has ended; its chief has the results.")
        else:
            _report(study, tuner)


def _show_plan(study: Study, task: str, search_of: dict[str, Any]) -> None:
    from rnnkit.tuning.plan import plan

    planned = plan(task, study.splits.train, study.splits.valid, **search_of)
    table = Table("hyperparameter", "values", title="Space", title_justify="left")
    for name, words in planned.model.describe().items():
        table.add_row(name, words)
    study.console.print(table)
    study.say(planned.words)


def _report(study: Study, tuner) -> None:
    from rnnkit.study.files import write_json
    from rnnkit.study.training import evaluate

    folder, splits = Path(tuner.project_dir), study.splits
    best = tuner.best_model()
    best.save(folder / "best.keras")
    metrics = {part: evaluate(best, getattr(splits, part)) for part in ("valid", "test")}
    write_json(folder / "best.json", metrics)
    done = tuner.results.query("status == 'completed'")
    done = done.sort_values("score", ascending=tuner.oracle.objective.direction == "min").head(SHOWN)
    asked = [name for name in tuner.importance.index if done[name].notna().any()]
    table = Table("trial", "score", *asked, "parameters", "grad_norm_max", title="Best trials", title_justify="left")
    for _, row in done.iterrows():
        values = [_short(row[name]) for name in ("score", *asked, "parameters", "grad_norm_max")]
        table.add_row(str(row["trial"]), *values)
    study.console.print(table)
    for part, figures in metrics.items():
        study.console.print(f"best on {part}: {', '.join(f'{name} {value:.4f}' for name, value in figures.items())}")
    study.end(folder)


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
