"""The figures of a search."""

import functools

import numpy as np
import pandas as pd

from rnnkit.errors import ArgumentError
from rnnkit.report.curves import Row, bars, rows_height, strips
from rnnkit.report.markup import number
from rnnkit.report.plot import COLORS, Legend, Panel, Plot
from rnnkit.report.ticks import far_apart, some_of
from rnnkit.tuning.results import importance

DONE, BEST, FAILED = COLORS[0], COLORS[1], COLORS[5]
APART = 100  # scores whose ratio exceeds this are drawn on a logarithmic scale
MOST_VALUES = 6  # of a hyperparameter, for a row each
MOST_PANELS = 6
CHOICE, LOG = "one of", "orders of magnitude"  # in a space's words, of what is searched so


def search_plot(trials: pd.DataFrame, objective) -> Plot:
    """The objective over the trials, and `importance`.

    Args:
        trials: see `GuidedSearch.results`.
        objective: what is searched for; it has `name` and `direction`.

    Raises:
        ArgumentError: no trial was completed.
    """
    if not (trials["status"] == "completed").any():
        raise ArgumentError("plot: no trial was completed. Run search first.")
    course = course_plot(trials, objective.direction, objective.name)
    shares = importance_plot(importance(trials))
    panels = [course.panels[0], *(panel._replace(title=shares.title) for panel in shares.panels)]
    return Plot(course.title, panels, legend=course.legend)


def course_plot(trials: pd.DataFrame, direction: str, goal: str) -> Plot:
    """The objective by trial, with the best so far, and by the time of a trial; failed trials at the lower edge.

    Args:
        trials: `GuidedSearch.results`.
        direction: `"max"` or `"min"`.
        goal: the objective in words.
    """
    scores = trials["score"].to_numpy(float)
    best = np.fmax.accumulate(scores) if direction == "max" else np.fmin.accumulate(scores)
    failed = (trials["status"] == "failed").to_numpy()
    alt = f"{goal} by trial; the best is {number(best[-1])} of {len(trials)} trials."
    legend = [Legend("completed", DONE, "dots"), Legend("best so far", BEST)]
    legend += [Legend("failed, at the lower edge", FAILED, "dots")] * bool(failed.any())
    panels = [
        Panel("by trial", functools.partial(_by_trial, scores=scores, best=best, failed=failed), alt),
        Panel(
            "by the time of a trial",
            functools.partial(_by_time, scores=scores, seconds=trials["wall"].to_numpy(float), failed=failed),
            f"{goal} by the seconds of a trial.",
        ),
    ]
    caption = "First, the trials in their order; then, what each of them cost."
    return Plot(goal, panels, caption, legend)


def importance_plot(shares: pd.Series) -> Plot:
    """The fraction of the variance that each hyperparameter explains, a bar each.

    Args:
        shares: `GuidedSearch.importance`.
    """
    known = shares.dropna()
    rows = [Row(str(name), np.array([share])) for name, share in known.items()]
    alt = "Fraction of the variance: " + ", ".join(f"{name} {share:.2f}" for name, share in known.items())
    caption = (
        "The fraction of the variance over the completed trials that each hyperparameter explains by itself (epsilon "
        "squared; ranges are cut into three groups). Of few trials it tells little, and what two do together is not "
        "seen."
    )
    panel = Panel("", functools.partial(bars, rows=rows, highest=1.0), alt, height=rows_height(rows), left=12)
    return Plot("How much of the result each explains", [panel], caption)


def values_plot(done: pd.DataFrame, names: list[str], goal: str, space: dict[str, str]) -> Plot:
    """The score of every completed trial by the values of each hyperparameter.

    Args:
        done: the completed trials.
        names: hyperparameters, those that explain most first.
        goal: the objective in words.
        space: hyperparameter -> its values in words.
    """
    scores = done["score"].astype(float)
    panels = [_against(done[name], scores, goal, space.get(name, "")) for name in names[:MOST_PANELS]]
    return Plot(f"{goal} by value", panels, "Every completed trial; a vertical line is a mean.")


def _by_trial(axis, scores: np.ndarray, best: np.ndarray, failed: np.ndarray) -> None:
    place = np.arange(1, len(scores) + 1)
    axis.plot(place, best, color=BEST, drawstyle="steps-post")
    _dots(axis, place, scores, failed)
    axis.set_xlabel("trial")
    axis.set_xticks(some_of(place), [f"{each}" for each in some_of(place)])


def _by_time(axis, scores: np.ndarray, seconds: np.ndarray, failed: np.ndarray) -> None:
    _dots(axis, seconds, scores, failed)
    axis.set(xscale="log" if far_apart(seconds) else "linear", xlabel="seconds")


def _dots(axis, x: np.ndarray, scores: np.ndarray, failed: np.ndarray | None = None) -> None:
    axis.set_yscale("log" if far_apart(scores, APART) else "linear")
    axis.plot(x, scores, "o", color=DONE)
    if failed is not None and failed.any():
        edge = axis.get_xaxis_transform()
        axis.plot(x[failed], np.full(failed.sum(), 0.03), "o", color=FAILED, transform=edge)
    axis.margins(0.04, 0.07)


def _against(values: pd.Series, scores: pd.Series, goal: str, words: str) -> Panel:
    """A row per value where there are a few to choose from, otherwise a place per trial."""
    name, alt, groups = str(values.name), f"{goal} by {values.name}.", scores.groupby(values, observed=True)
    few = groups.ngroups <= MOST_VALUES and (words.startswith(CHOICE) or not pd.api.types.is_float_dtype(values))
    if few or not pd.api.types.is_numeric_dtype(values):
        rows = [Row(str(number(value)), group.to_numpy(float)) for value, group in groups]
        draw = functools.partial(strips, rows=rows, label=goal, log=far_apart(scores, APART))
        return Panel(name, draw, alt, height=rows_height(rows), left=12)

    def dots(axis) -> None:
        axis.set(xscale="log" if LOG in words else "linear", xlabel=name)
        _dots(axis, values.to_numpy(float), scores.to_numpy(float))

    return Panel(name, dots, alt)
