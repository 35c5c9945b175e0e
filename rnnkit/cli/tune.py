"""`rnnkit tune`: search a task's hyperparameters, with the gradients in view."""

import functools
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from rnnkit.cli.by_task import by_task
from rnnkit.cli.ended import can_go_on, same_command
from rnnkit.cli.options import among
from rnnkit.cli.study import DryRun, Out, Overwrite, Study, begin, check_out, options_of
from rnnkit.cli.written import fixed_values, searched_values, space_of
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import close_to, one_of, positive, whole
from rnnkit.recurrent.table import find_named
from rnnkit.report.terminal import notices, notices_at_once, show_table
from rnnkit.tasks.config import read_clipping
from rnnkit.tasks.settings import OF_TRAINING, split_settings
from rnnkit.tasks.specs import find_spec

SHOWN = 5  # of the trials, the best
PLAIN = (str, int, float, bool, type(None))  # values that a command line can give
ALGORITHMS = ("bayesian", "random", "hyperband", "grid")

option = functools.partial(typer.Option, rich_help_panel="Search")
Trials = Annotated[
    int | None, option(help="Number of trials. Default: 20, or as many as --minutes allow.", metavar="N")
]
Minutes = Annotated[float | None, option(help="Time for all trials; the last one ends with its epoch.", metavar="N")]
Objective = Annotated[
    str | None,
    option(help="Epoch log to optimize, such as val_accuracy or grad_norm_max; default by task.", metavar="NAME"),
]
Algorithm = Annotated[
    str, option(help="bayesian, random, hyperband or grid.", metavar="NAME", autocompletion=among(*ALGORITHMS))
]
Search = Annotated[
    list[str] | None,
    option(help="Values or range of a hyperparameter; repeatable.", metavar="NAME=A,B|NAME=LOW:HIGH"),
]
Seed = Annotated[int, option(help="Random seed of the search and of each trial.", metavar="N")]
Isolate = Annotated[bool, option("--isolate", help="Run each trial in a process of its own.")]
Workers = Annotated[
    int | None, option(help="Number of parallel workers; one that is killed is restarted.", metavar="N")
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

    Writes results.csv, report.html, the best model and its metrics into the folder.

    Several machines share a search if each runs this command with the same --out, a folder that all of them see, and
    in its environment KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, the address of the
    machine that distributes trials, and KERASTUNER_TUNER_ID: chief on that machine, and worker-1, worker-2 and so on
    on those that run them.
    """
    spec = find_spec(task)
    space = space_of(searched_values("search", search or []), fixed_values("set", options.pop("settings") or []))
    split_settings(spec, {name: value for name, value in space.items() if name not in OF_TRAINING})
    _check(spec, space, trials, minutes, objective, algorithm, workers)
    check_out(out, "search.json")
    study = begin(spec, options)
    config = study.config
    import rnnkit
    from rnnkit.tuning.chief import part_in_search
    from rnnkit.tuning.search import new_folder

    search_of: dict[str, Any] = {"algorithm": algorithm, "max_trials": trials, "minutes": minutes}
    search_of |= {"objective": objective, "epochs": config.epochs, "seed": seed, **study.options, **space}
    search_of |= spec.fit_arguments(config)
    study.console.print(f"[bold]{task}[/] on {escape(config.data)}")
    if dry_run:
        _show_plan(study, task, search_of)
        return
    folder = out if part_in_search() else out or new_folder(task)  # machines that share a search have to name it
    ways: dict[str, Any] = {"directory": folder, "overwrite": overwrite, "isolate": isolate, "workers": workers}
    with can_go_on(f"Resume with: {same_command(out, folder)}"), notices_at_once(study.console):
        tuner = rnnkit.tune(task, study.splits.train, study.splits.valid, **ways, say=study.say, **search_of)
        if tuner.is_worker:
            study.say("The search has ended; the chief has the results.")
        else:
            _report(study, tuner)


def _check(spec, space: dict[str, Any], trials, minutes, objective: str | None, algorithm: str, workers) -> None:
    """What is wrong with a search, as far as one can tell before TensorFlow starts."""
    for name, value in {"trials": trials, "workers": workers}.items():
        if value is not None:
            whole(name, value)
    if minutes is not None:
        positive("minutes", minutes)
    one_of("algorithm", algorithm, ALGORITHMS)
    known = spec.known_objectives
    if objective is not None and objective not in known:
        names = f"{close_to(objective, known)} Known for {spec.task}: {', '.join(known)}."
        raise ArgumentError(f"objective: unknown objective '{objective}'.{names}")
    for cell in _values(space, "cell"):
        find_named(cell)
    for rule in _values(space, "clipping"):
        read_clipping(None if rule in (None, "none") else rule)


def _values(space: dict[str, Any], name: str) -> list:
    """All values that a part of the space can have."""
    value = space.get(name, [])
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _show_plan(study: Study, task: str, search_of: dict[str, Any]) -> None:
    import pandas as pd

    from rnnkit.tuning.plan import plan

    with notices(study.console):
        planned = plan(task, study.splits.train, study.splits.valid, **search_of)
    space = pd.DataFrame(list(planned.model.describe().items()), columns=["hyperparameter", "values"])
    show_table(study.console, space, "Space")
    study.say(planned.words)


def _report(study: Study, tuner) -> None:
    from rnnkit.study.files import write_json
    from rnnkit.tasks.spec import metrics_of

    folder, splits = Path(tuner.project_dir), study.splits
    best = tuner.best_model()
    best.save(folder / "best.keras")
    metrics = {part: metrics_of(best, getattr(splits, part)) for part in ("valid", "test")}
    values, config = _best(study, tuner, best)
    told = {"settings": values, "command": config and config.command(), "config": config and config.as_dict()}
    write_json(folder / "best.json", {**metrics, **told})
    done = tuner.results.query("status == 'completed'")
    done = done.sort_values("score", ascending=tuner.oracle.objective.direction == "min").head(SHOWN)
    asked = [name for name in tuner.importance.index if done[name].notna().any()]
    best_trials = done[["trial", "score", *asked, "parameters", "grad_norm_max"]].astype(object)
    best_trials = best_trials.where(best_trials.notna(), "none")
    show_table(study.console, best_trials, "Best trials, by importance of their hyperparameters", "results.csv")
    for part, figures in metrics.items():
        study.console.print(f"best on {part}: {', '.join(f'{name} {value:.4f}' for name, value in figures.items())}")
    study.say("\n".join(["settings of the best trial:", *(f"  {name} = {value}" for name, value in values.items())]))
    if config is not None:
        study.say(f"Train it again: {config.command()}")
    study.say(f"Use it: rnnkit evaluate {folder}")
    study.end(folder)


def _best(study: Study, tuner, model):
    """The best trial's settings as they are written, and the configuration of a run with them.

    There is none where a setting is an object, which no command line can give.
    """
    import keras

    from rnnkit.study.work_folder import label
    from rnnkit.tuning.task_model import NO_CLIPPING

    values = tuner.hypermodel.sample(tuner.oracle.get_best_trials(1)[0].hyperparameters)
    shown = {name: value if isinstance(value, PLAIN) else label(value) for name, value in values.items()}
    if shown != values:
        return shown, None
    rule, threshold = values.pop("clipping"), values.pop("threshold")
    clip = None if rule in (None, "none") else rule if threshold is None else f"{rule}:{threshold}"
    named = {name: values.pop(name) for name in ("cell", "units", "layers", "batch_size")}
    usual = keras.optimizers.get(model.default_compile()["optimizer"])  # a search leaves clipping to the callback
    unclipped = {name: None for name in NO_CLIPPING if getattr(usual, name) is not None}
    own = {name: value for name, value in values.items() if name not in study.options}
    if own["learning_rate"] is None:
        del own["learning_rate"]
    return shown, study.config.replaced(**named, clip=clip, settings={**unclipped, **own})


app = by_task(
    "tune",
    tune,
    lambda spec: options_of(spec, "epochs"),
    lambda spec: [
        f"rnnkit tune {spec.task} --minutes 10 --search units=32,64,128 --set layers=2",
        f"rnnkit tune {spec.task} --trials 20 --search learning_rate=1e-4:1e-2 --dry-run",
    ],
)
