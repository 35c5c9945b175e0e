"""The figure of a search."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnkit.errors import ArgumentError
from rnnkit.tuning.results import importance, results_frame

DONE, BEST, FAILED = "#1f4e79", "#e07b39", "#c1121f"


def search_figure(tuner) -> Figure:
    """Two panels: the objective over the trials, failed ones as crosses at the lower edge; and `importance`.

    Args:
        tuner: a `GuidedSearch`.

    Raises:
        ArgumentError: no trial was completed.
    """
    table = results_frame(tuner)
    if not (table["status"] == "completed").any():
        raise ArgumentError("plot: no trial was completed. Run search first.")
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _scores(left, table, tuner.oracle.objective)
    shares = importance(tuner).dropna()[::-1]
    right.barh(list(shares.index), shares, color=DONE)
    right.set(xlim=(0, 1), title="Share of the variance that a hyperparameter explains")
    return figure


def _scores(axis, table, objective) -> None:
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
