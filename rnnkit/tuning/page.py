"""The page of a search: how it went, what was found, what matters, and every trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from rnnkit.report.markup import Markup, duration, facts, number, table, tag, whole
from rnnkit.report.page import Section, figure, page, text, tiles
from rnnkit.study.files import read_json
from rnnkit.study.made import made_section, read_made
from rnnkit.study.work_folder import expect_intact
from rnnkit.tuning.plot import course_plot, importance_plot, values_plot
from rnnkit.tuning.results import best_trials, importance, time_spent

MEASURED = ("epochs", "seconds", "parameters", "grad_norm_max")
LONGEST = 90  # characters of a reason


def search_page(
    search: Mapping[str, Any], trials: pd.DataFrame, spent: float, told: Mapping[str, Any] | None = None
) -> str:
    """The page of a search that has begun, as text.

    Args:
        search: what is searched, as in `search.json`.
        trials: see `GuidedSearch.results`.
        spent: seconds in which trials ran.
        told: see `made`.
    """
    goal, shares, objective = ", ".join(search["objective"]), importance(trials), objective_of(search["objective"])
    best = best_trials(trials, objective.direction)
    title = f"A search for {search['task']}"
    course = course_plot(trials, objective.direction, goal) if len(trials) else None
    sections = [Section("course", "The search", [figure(course)])] if course else []
    if len(best):
        sections.insert(0, _best(best.iloc[0], list(shares.index)))
        sections.append(_matters(trials, shares, goal, search["space"]))
    sections += [_trials(trials, list(shares.index)), _configuration(search, told or {})]
    return page(f"{title} · rnnkit", _top(title, trials, best, objective, spent), sections)


def search_report(folder: Path) -> str:
    """The page of a search from its folder alone.

    Raises:
        DataError: something is missing or damaged.
    """
    with expect_intact(folder):
        trials = pd.read_csv(folder / "results.csv", dtype={"trial": str, "reason": object}).fillna({"reason": ""})
        return search_page(read_json(folder / "search.json"), trials, time_spent(folder), read_made(folder))


class Objective(NamedTuple):
    """What is searched for, and its better end, `"max"` or `"min"`."""

    name: str
    direction: str


def objective_of(goals: list[str]) -> Objective:
    """The objective of a search from the way `search.json` has it; that of several is their sum, as in KerasTuner."""
    if len(goals) > 1:
        return Objective("multi_objective", "min")
    name, direction = goals[0].rsplit(" ", 1)
    return Objective(name, direction.strip("()"))


def _top(title: str, trials: pd.DataFrame, best: pd.DataFrame, objective: Objective, spent: float) -> Markup:
    counts = trials["status"].value_counts()
    shown = [
        (f"Best {objective.name}", str(number(best["score"].iloc[0])) if len(best) else "none yet"),
        ("Trials", ", ".join(f"{count} {status}" for status, count in counts.items()) or "none yet"),
        ("Time", duration(spent)),
        ("On failed trials", duration(trials.loc[trials["status"] == "failed", "wall"].sum())),
    ]
    return tag("div", tag("p", "rnnkit · report of a search", class_="over"), tag("h1", title), tiles(shown))


def _best(best: pd.Series, asked: list[str]) -> Section:
    said = f"Trial {best.name}, after {duration(best['wall'])}, with {whole(best['parameters'])} parameters."
    values = {name: best[name] for name in asked if pd.notna(best[name])}
    return Section("best", "The best trial", [text(said), facts(values)])


def _matters(trials: pd.DataFrame, importance: pd.Series, goal: str, space: dict[str, str]) -> Section:
    done, known = trials[trials["status"] == "completed"], importance.dropna()
    few = "Too few trials were completed to say what a hyperparameter explains: each of its values needs two."
    order = [*known.index, *(name for name in importance.index if name not in known.index)]
    shares = figure(importance_plot(known)) if len(known) else text(few)
    return Section("matters", "What matters", [shares, figure(values_plot(done, order, goal, space))])


def _trials(trials: pd.DataFrame, asked: list[str]) -> Section:
    reason = trials["reason"].map(lambda said: said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…")
    shown = trials.assign(parameters=trials["parameters"].map(whole), reason=reason)
    names = ["trial", "status", "score", *asked, *MEASURED, "reason"]
    shown = shown[[name for name in names if name in shown]]
    failed = trials[trials["status"] == "failed"]
    kind = failed["reason"].map(lambda said: said.partition(":")[0])
    kinds = failed["wall"].groupby(kind).agg(["size", "sum"]).reset_index()
    kinds.columns = pd.Index(["reason", "trials", "seconds"])
    parts = [table(kinds, "Why trials failed")] if len(kinds) else []
    told = text(
        "Scores are those of a trial's best epoch; the largest gradient norm is before clipping. results.csv also has "
        "the metrics, and what was measured of gradients and of them through time."
    )
    return Section("trials", "Trials", [*parts, table(shown, "All trials"), told])


def _configuration(identity: Mapping[str, Any], told: Mapping[str, Any]) -> Section:
    parts = ("task", "algorithm", "objective", "seed", "epochs", "rnnkit")
    own = {name: identity[name] for name in parts if identity.get(name) is not None}
    own["objective"] = ", ".join(identity["objective"])
    space = pd.DataFrame(list(identity["space"].items()), columns=["hyperparameter", "values"])
    return made_section(told, own, table(space, "Space"))
