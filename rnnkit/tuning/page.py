"""The page and the figure of a search: how it went, what was found, what matters, and every trial."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from rnnkit.errors import ArgumentError
from rnnkit.report.chart import Line, line_chart
from rnnkit.report.markup import Markup, duration, facts, number, table, tag, whole
from rnnkit.report.page import Legend, Section, figure, page, text, tiles
from rnnkit.report.rows import Row, bars, strips
from rnnkit.report.scale import Scale, far_apart
from rnnkit.study.files import read_json
from rnnkit.study.work_folder import expect_intact
from rnnkit.tuning.results import best_trials, importance, time_spent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_VALUES = 6  # of a hyperparameter, for a row each
MOST_PANELS = 6
LONGEST = 90  # characters of a reason
APART = 100  # scores that lie so many times apart are drawn by orders of magnitude
DONE, BEST, FAILED = "#1f4e79", "#e07b39", "#c1121f"
CHOICE, LOG = "one of", "orders of magnitude"  # in a space's words, of what is searched so


def search_page(search: Mapping[str, Any], trials: pd.DataFrame, spent: float) -> str:
    """The page of a search that has begun, as text.

    Args:
        search: what is searched, as in `search.json`.
        trials: see `GuidedSearch.results`.
        spent: seconds in which trials ran.
    """
    goal, shares, objective = ", ".join(search["objective"]), importance(trials), objective_of(search["objective"])
    best = best_trials(trials, objective.direction)
    title = f"A search for {search['task']}"
    sections = [_over_trials(trials, objective, goal)] if len(trials) else []
    if len(best):
        sections.insert(0, _best(best.iloc[0], list(shares.index)))
        sections.append(_matters(trials, shares, goal, search["space"]))
    sections += [_trials(trials), _configuration(search)]
    return page(f"{title} · rnnkit", _top(title, trials, best, objective, spent), sections)


def search_report(folder: Path) -> str:
    """The page of a search from its folder alone.

    Raises:
        DataError: something is missing or damaged.
    """
    with expect_intact(folder):
        trials = pd.read_csv(folder / "results.csv", dtype={"trial": str}).fillna({"reason": ""})
        return search_page(read_json(folder / "search.json"), trials, time_spent(folder))


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


def _over_trials(trials: pd.DataFrame, objective, goal: str) -> Section:
    scores, place = trials["score"].to_numpy(float), np.arange(1.0, len(trials) + 1)
    best = np.fmax.accumulate(scores) if objective.direction == "max" else np.fmin.accumulate(scores)
    scale = _scale(scores)
    edge = np.where(trials["status"] == "failed", _lowest(scale), np.nan)
    dots = Line(place, scores, 0, dots=True)
    ticks = [(each, f"{each:.0f}") for each in place[:: -(-len(place) // 8)]]
    across = Scale.fit([place], margin=0.03, ticks=ticks)
    alt = f"{goal} by trial; the best is {number(best[-1])} of {len(trials)} trials."
    steps = Line(np.repeat(place, 2)[1:], np.repeat(best, 2)[:-1], 1)
    lines = [steps, dots, Line(place, edge, 5, dots=True)]
    by_trial = line_chart(lines, "trial", alt, x_scale=across, y_scale=scale)
    seconds = trials["wall"].to_numpy(float)
    lines = [Line(seconds, scores, 0, dots=True), Line(seconds, edge, 5, dots=True)]
    by_time = line_chart(lines, "seconds", f"{goal} by the seconds of a trial.", y_scale=scale, x_scale=_times(seconds))
    legend = [Legend("completed", 0, dots=True), Legend("best so far", 1)]
    legend += [Legend("failed, at the lower edge", 5, dots=True)] * bool(np.isfinite(edge).any())
    caption = "First, the trials in their order; then, what each of them cost."
    panels = [("by trial", by_trial), ("by the time of a trial", by_time)]
    return Section("course", "The search", [figure(goal, panels, caption, legend)])


def _matters(trials: pd.DataFrame, importance: pd.Series, goal: str, space: dict[str, str]) -> Section:
    done, known = trials[trials["status"] == "completed"], importance.dropna()
    rows = [Row(str(name), np.array([share])) for name, share in known.items()]
    alt = "Share of the variance: " + ", ".join(f"{name} {share:.2f}" for name, share in known.items())
    few = "Too few trials were completed to say what a hyperparameter explains: each of its values needs two."
    order = [*known.index, *(name for name in importance.index if name not in known.index)]
    scores = done["score"].astype(float)
    panels = [(name, _against(done[name], scores, goal, space.get(name, ""))) for name in order[:MOST_PANELS]]
    caption = (
        "The share of the variance over the completed trials that each hyperparameter explains by itself (epsilon "
        "squared; ranges are cut into three groups). Of few trials it tells little, and what two do together is not "
        "seen."
    )
    each = "Every completed trial; an upright is a mean."
    shares = figure("How much of the result each explains", [("", bars(rows, alt, highest=1.0))], caption)
    return Section("matters", "What matters", [shares if rows else text(few), figure(goal, panels, each)])


def _against(values: pd.Series, scores: pd.Series, goal: str, words: str) -> Markup:
    """A hyperparameter and the scores: a row a value where there are a few to choose from, else a place a trial."""
    alt, groups = f"{goal} by {values.name}.", scores.groupby(values, observed=True)
    few = groups.ngroups <= MOST_VALUES and (words.startswith(CHOICE) or not pd.api.types.is_float_dtype(values))
    if few or not pd.api.types.is_numeric_dtype(values):
        rows = [Row(str(number(value)), group.to_numpy(float)) for value, group in groups]
        return strips(rows, goal, alt, scale=_scale(scores.to_numpy(float)))
    dots, y = Line(values.to_numpy(float), scores.to_numpy(float), dots=True), _scale(scores.to_numpy(float))
    return line_chart(
        [dots], str(values.name), alt, x_scale=Scale.fit([dots.x], log=LOG in words, margin=0.04), y_scale=y
    )


def _trials(trials: pd.DataFrame) -> Section:
    reason = trials["reason"].map(lambda said: said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…")
    shown = trials.assign(parameters=trials["parameters"].map(whole), reason=reason)
    first = ["trial", "status", "score"]
    shown = shown[[*first, *shown.columns.drop([*first, "reason"]), "reason"]]
    failed = trials[trials["status"] == "failed"]
    kind = failed["reason"].map(lambda said: said.partition(":")[0])
    kinds = failed["wall"].groupby(kind).agg(["size", "sum"]).reset_index()
    kinds.columns = pd.Index(["reason", "trials", "seconds"])
    parts = [table(kinds, "Why trials failed")] if len(kinds) else []
    told = text(
        "Metrics are those of a trial's best epoch; gradient norms are before clipping. results.csv has the same."
    )
    return Section("trials", "Trials", [*parts, table(shown, "All trials"), told])


def _configuration(identity: Mapping[str, Any]) -> Section:
    parts = ("task", "algorithm", "objective", "seed", "epochs", "rnnkit")
    own = {name: identity[name] for name in parts if identity.get(name) is not None}
    own["objective"] = ", ".join(identity["objective"])
    space = pd.DataFrame(list(identity["space"].items()), columns=["hyperparameter", "values"])
    return Section("configuration", "Configuration", [facts(own), table(space, "Space")])


def _scale(scores: np.ndarray) -> Scale:
    return Scale.fit([scores], log=far_apart(scores, APART), margin=0.07)


def _times(seconds: np.ndarray) -> Scale:
    return Scale.fit([seconds], log=far_apart(seconds), margin=0.04)


def _lowest(scale: Scale) -> float:
    """A place just above the lower edge."""
    low, high = (np.log10([scale.low, scale.high])) if scale.log else (scale.low, scale.high)
    place = low + 0.02 * (high - low)
    return float(10**place if scale.log else place)


def search_figure(trials: pd.DataFrame, objective) -> "Figure":
    """Two panels: the objective over the trials, failed ones as crosses at the lower edge; and `importance`.

    Args:
        trials: see `GuidedSearch.results`.
        objective: what is searched for; it has `name` and `direction`.

    Raises:
        ArgumentError: no trial was completed.
    """
    from matplotlib.figure import Figure

    if not (trials["status"] == "completed").any():
        raise ArgumentError("plot: no trial was completed. Run search first.")
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _scores(left, trials, objective)
    shares = importance(trials).dropna()[::-1]
    right.barh(list(shares.index), shares, color=DONE)
    right.set(xlim=(0, 1), title="Fraction of the variance that a hyperparameter explains")
    return figure


def _scores(axis, table, objective) -> None:
    from matplotlib.ticker import MaxNLocator

    number = np.arange(1, len(table) + 1)
    done = (table["status"] == "completed").to_numpy()
    scores = table["score"].to_numpy(float)
    best = np.fmax.accumulate(scores) if objective.direction == "max" else np.fmin.accumulate(scores)
    axis.plot(number, best, color=BEST, drawstyle="steps-post", label="best so far")
    axis.plot(number[done], scores[done], "o", color=DONE, label="completed")
    failed = number[(table["status"] == "failed").to_numpy()]
    axis.plot(failed, np.zeros(len(failed)), "x", color=FAILED, label="failed", transform=axis.get_xaxis_transform())
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="trial", ylabel=objective.name, title="The objective over the trials")
    axis.legend()
