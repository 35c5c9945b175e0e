"""Several runs side by side: a table of their scores, and a page with their curves."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rnnkit.errors import ArgumentError, DataError
from rnnkit.report.curves import curve
from rnnkit.report.markup import join, table, tag
from rnnkit.report.page import Section, figure, page, text
from rnnkit.report.plot import COLORS, Legend, Panel, Plot
from rnnkit.report.ticks import some_of
from rnnkit.study.folder import RunFolder
from rnnkit.study.training_page import metric_name
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.specs import spec_of

COLUMNS = ["run", "score", "test", "valid", "epochs", "cell", "data", "task", "seconds"]


def runs_in(folder: Path) -> pd.DataFrame:
    """One row per run of a folder, the newest first, with the `COLUMNS`.

    `score` names the metric of `test` and `valid`. Runs that are not finished have the epochs that are done.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"folder: there is no folder {folder}.")
    files = sorted(folder.glob("*/config.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    return pd.DataFrame([_row(RunFolder(file.parent)) for file in files], columns=COLUMNS)


def _row(run: RunFolder) -> dict[str, Any]:
    config = run.config
    asked = {name: config.get(name) for name in ("cell", "data", "task")}
    if not run.finished:
        return {"run": run.path.name, "score": "not finished", "epochs": run.epochs, **asked}
    metrics = run.metrics
    name = _headline(metrics)
    scores = {part: metrics[part].get(name) for part in ("test", "valid")}
    figures = {"epochs": metrics["epochs"], **asked, "seconds": round(metrics["seconds"])}
    return {"run": run.path.name, "score": name, **scores, **figures}


def _headline(metrics: dict[str, Any]) -> str:
    known = getattr(spec_of(metrics["task"]), "headline", ())
    return next((name for name in known if name in metrics["test"]), next(iter(metrics["test"])))


def side_by_side(folders: Sequence[Path]) -> str:
    """A page with finished runs of one task side by side, as text.

    Raises:
        ArgumentError: runs of several tasks.
        DataError: a folder without a finished run.
    """
    runs = [RunFolder(folder) for folder in folders]
    for run in runs:
        run.expect_finished()
    tasks = {run.config["task"] for run in runs}
    if len(tasks) > 1:
        raise ArgumentError(f"runs: expected runs of one task, got {', '.join(sorted(tasks))}. Leave some out.")
    names = _names(runs)
    columns = {name: {**_settings(run, runs), **_figures(run)} for name, run in names.items()}
    frame = pd.DataFrame(columns).rename_axis("").reset_index()
    top = join([tag("p", "rnnkit · runs side by side", class_="over"), tag("h1", f"{len(runs)} runs of {tasks.pop()}")])
    parts = [
        text("Scores are those of the epoch that is best on validation data."),
        table(frame, "Settings and scores"),
    ]
    sections = [Section("runs", "Runs", parts), _curves(names), _again(names)]
    return page("Runs side by side · rnnkit", top, sections)


def _names(runs: Sequence[RunFolder]) -> dict[str, RunFolder]:
    """The runs by the name of their folder, or by its path where two have the same."""
    short = [run.path.resolve().name for run in runs]
    return {name if short.count(name) == 1 else str(run.path): run for name, run in zip(short, runs, strict=True)}


def _settings(run: RunFolder, runs: Sequence[RunFolder]) -> dict[str, Any]:
    """What was asked of a run and not of all others."""
    configs = [each.config for each in runs]
    given = [{**each, **(each.pop("settings", None) or {})} for each in configs]
    own = given[list(runs).index(run)]
    names = dict.fromkeys(name for each in given for name in each)
    differing = [name for name in names if len({str(each.get(name)) for each in given}) > 1]
    return {name: "" if own.get(name) is None else str(own[name]) for name in differing}


def _figures(run: RunFolder) -> dict[str, Any]:
    metrics = run.metrics
    scores = {f"{name}, {part}": metrics[part][name] for name in metrics["test"] for part in ("test", "valid")}
    return {**scores, "epochs": metrics["epochs"], "seconds": metrics["seconds"]}


def _again(names: dict[str, RunFolder]) -> Section:
    """How each of them is made again, and when and where it was made."""
    rows = [
        {
            "run": name,
            "command": RunConfig.from_dict(run.config).command(),
            **{each: str(run.metrics.get(each, "")) for each in ("date", "hardware")},
        }
        for name, run in names.items()
    ]
    return Section("configuration", "Configuration", [table(pd.DataFrame(rows), "The commands", wrap=True)])


def _curves(names: dict[str, RunFolder]) -> Section:
    histories = {name: run.table("history") for name, run in names.items()}
    shown = [each for each in next(iter(histories.values())) if str(each).startswith("val_")]
    legend = [Legend(name, COLORS[place % len(COLORS)]) for place, name in enumerate(histories)]
    panels = [_panel(str(name), histories) for name in shown if all(name in each for each in histories.values())]
    return Section("curves", "Learning", [figure(Plot("Validation metrics by epoch", panels, legend=legend))])


def _panel(name: str, histories: dict[str, pd.DataFrame]) -> Panel:
    def draw(axis) -> None:
        for place, history in enumerate(histories.values()):
            curve(axis, history["epoch"].to_numpy(float) + 1, history[name], COLORS[place % len(COLORS)])
        epochs = some_of(max((history["epoch"] + 1 for history in histories.values()), key=len))
        axis.set_xlabel("epoch")
        axis.set_xticks(epochs, [f"{epoch:.0f}" for epoch in epochs])

    title = metric_name(name.removeprefix("val_"))
    return Panel(title, draw, f"{title} on validation data by epoch, one line per run.")
