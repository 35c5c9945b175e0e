"""`rnnkit tune`: search a task's hyperparameters, with the gradients in view."""

import functools
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from rnnkit.cli.by_task import by_task
from rnnkit.cli.ended import can_go_on, same_command
from rnnkit.cli.options import among
from rnnkit.cli.study import DryRun, Out, Overwrite, Study, begin, options_of
from rnnkit.cli.written import fixed_values, searched_values, space_of
from rnnkit.tasks.settings import split_settings
from rnnkit.tasks.specs import find_spec

SHOWN = 5  # of the trials, the best
OF_TRAINING = ("clipping", "threshold", "batch_size")  # hyperparameters that are no arguments
ALGORITHMS = ("bayesian", "random", "hyperband", "grid")

option = functools.partial(typer.Option, rich_help_panel="Search")
Trials = Annotated[int | None, option(help="Trials in all. Default: 20, or what --minutes allow.", metavar="N")]
Minutes = Annotated[float | None, option(help="Time for all trials; the last one ends with its epoch.", metavar="N")]
Objective = Annotated[
    str | None, option(help="A log, such as val_accuracy or grad_norm_max; default by task.", metavar="NAME")
]
Algorithm = Annotated[
    str, option(help="bayesian, random, hyperband or grid.", metavar="NAME", autocompletion=among(*ALGORITHMS))
]
Search = Annotated[
    list[str] | None,
    option(help="Values of a hyperparameter to search; repeatable.", metavar="NAME=A,B|NAME=LOW:HIGH"),
]
Seed = Annotated[int, option(help="Random seed of the search and of each trial.", metavar="N")]
Isolate = Annotated[bool, option("--isolate", help="Run each trial in a process of its own.")]
Workers = Annotated[
    int | None, option(help="Number of parallel workers; one that is killed is started again.", metavar="N")
]


def tune(
    task: str,
    options: dict[str, Any],
    trials: Trials = None,
    minutes: Minutes = None,
    objective: Objective = None,
    algorithm: Algorithm = "bayesian",
    search: Search = None,
    seed: Seed = 0,
    workers: Workers = None,
    isolate: Isolate = False,
    out: Out = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
) -> None:
    """Search the hyperparameters of a task.

    The folder gets results.csv and report.html, the best model and its metrics.

    Several machines share a search if each runs this command with the same --out, a folder that all of them see, and
    in its environment KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, where trials are dealt out, and
    KERASTUNER_TUNER_ID: chief on the machine that deals them out, worker-1, worker-2 and so on where they run.
    """
    spec = find_spec(task)
    space = space_of(searched_values("search", search or []), fixed_values("set", options.pop("settings") or []))
    split_settings(spec, {name: value for name, value in space.items() if name not in OF_TRAINING})
    study = begin(spec, options)
    config = study.config
    import rnnkit
    from rnnkit.tuning.chief import part_in_search
    from rnnkit.tuning.search import new_folder

    search_of: dict[str, Any] = {"algorithm": algorithm, "max_trials": trials, "minutes": minutes}
    search_of |= {"objective": objective, "epochs": config.epochs, "seed": seed, **study.options, **space}
    study.console.print(f"[bold]{task}[/] on {escape(config.data)}", highlight=False)
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
    from rnnkit.tasks.spec import metrics_of

    folder, splits = Path(tuner.project_dir), study.splits
    best = tuner.best_model()
    best.save(folder / "best.keras")
    metrics = {part: metrics_of(best, getattr(splits, part)) for part in ("valid", "test")}
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


app = by_task(
    "tune",
    tune,
    lambda spec: options_of(spec, "epochs"),
    lambda spec: [
        f"rnnkit tune {spec.task} --minutes 10 --search units=32,64,128 --set layers=2",
        f"rnnkit tune {spec.task} --trials 20 --search learning_rate=1e-4:1e-2 --dry-run",
    ],
)
