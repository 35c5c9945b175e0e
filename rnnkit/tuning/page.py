"""The page of a search: how it went, what was found, what matters, and every trial."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnkit.report.chart import Line, line_chart
from rnnkit.report.markup import Markup, duration, facts, number, table, tag, whole
from rnnkit.report.page import Legend, Section, figure, page, text, tiles
from rnnkit.report.rows import Row, bars, strips
from rnnkit.report.scale import Scale, far_apart

if TYPE_CHECKING:
    from rnnkit.tuning.guided import GuidedSearch

MOST_VALUES = 6  # of a hyperparameter, for a row each
MOST_PANELS = 6
LONGEST = 90  # characters of a reason
APART = 100  # scores that lie so many times apart are drawn by orders of magnitude
CHOICE, LOG = "one of", "orders of magnitude"  # in a space's words, of what is searched so


def search_page(tuner: "GuidedSearch") -> str:
    """The page of a search that has begun, as text."""
    identity = json.loads((Path(tuner.project_dir) / "search.json").read_text(encoding="utf-8"))
    trials, importance, goal = tuner.results, tuner.importance, ", ".join(identity["objective"])
    title = f"A search for {identity['task']}"
    sections = [_over_trials(trials, tuner.oracle.objective, goal)] if len(trials) else []
    if (trials["status"] == "completed").any():
        best = trials.set_index("trial").loc[tuner.oracle.get_best_trials(1)[0].trial_id]
        sections.insert(0, _best(best, list(importance.index)))
        sections.append(_matters(trials, importance, goal, identity["space"]))
    sections += [_trials(trials), _configuration(identity)]
    return page(f"{title} · rnnkit", _top(title, trials, tuner), sections)


def _top(title: str, trials: pd.DataFrame, tuner) -> Markup:
    counts = trials["status"].value_counts()
    best = [str(number(trial.score)) for trial in tuner.oracle.get_best_trials(1) if trial.status == "COMPLETED"]
    shown = [
        (f"Best {tuner.oracle.objective.name}", best[0] if best else "none yet"),
        ("Trials", ", ".join(f"{count} {status}" for status, count in counts.items()) or "none yet"),
        ("Time", duration(tuner.spent)),
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


def _configuration(identity: dict[str, Any]) -> Section:
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
