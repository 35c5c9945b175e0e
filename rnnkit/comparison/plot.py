"""The figure of a comparison."""

import numpy as np
from matplotlib.figure import Figure

COLORS = {"recurrent": "#1f4e79", "network": "#e07b39", "rule": "#555555"}


def comparison_figure(comparison) -> Figure:
    """Two panels: the metric of each run on validation by model, with a bar at the mean; and against the seconds to
    the best epoch.

    Args:
        comparison: a `Comparison`.
    """
    frame, metric = comparison.frame, f"valid_{comparison.metric}"
    order = list(comparison.summary.index)[::-1]
    figure = Figure(figsize=(11, 1.5 + 0.5 * len(order)), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, name in enumerate(order):
        runs = frame[frame["model"] == name]
        color = COLORS[runs["kind"].iloc[0]]
        scores = runs[metric].to_numpy(float)
        left.plot(scores, np.full(len(runs), place), "o", color=color, alpha=0.7)
        left.plot([np.mean(scores)] * 2, [place - 0.3, place + 0.3], color=color)
        right.plot(runs["seconds_to_best"].to_numpy(float), scores, "o", color=color, alpha=0.7)
        right.annotate(name, (float(runs["seconds_to_best"].mean()), float(np.mean(scores))), fontsize=8)
    left.set_yticks(range(len(order)), order)
    left.set(xlabel=metric, title="Each run, and the mean")
    right.set(xlabel="seconds to the best epoch", ylabel=metric, title="What it costs")
    return figure
