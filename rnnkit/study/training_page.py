"""The sections on the training itself: learning curves, gradient norms, and the spectrum of the recurrent kernels."""

import numpy as np
import pandas as pd

from rnnkit.callbacks.health_plot import health_plot
from rnnkit.callbacks.spectrum_plot import spectrum_plot
from rnnkit.report.curves import curve
from rnnkit.report.markup import Markup, table
from rnnkit.report.page import Section, figure, text
from rnnkit.report.plot import COLORS, QUIET, Legend, Panel, Plot
from rnnkit.report.ticks import some_of

NAMES = {
    "mae": "Mean absolute error",
    "mse": "Mean squared error",
    "f1": "F1",
    "nll": "NLL",
    "bleu": "BLEU",
    "chrf": "chrF",
}


def metric_name(name: str) -> str:
    """A metric's name as a heading."""
    return NAMES.get(name, name.replace("_", " ").capitalize())


def learning(history: pd.DataFrame, valid: dict[str, float]) -> Section:
    """Training and validation metrics over the epochs.

    Args:
        history: one row per epoch.
        valid: the validation metrics of the weights that were kept, which tell their epoch.
    """
    names = [name.removeprefix("val_") for name in map(str, history) if name.startswith("val_")]
    epochs = history["epoch"].to_numpy(float) + 1
    distance = (history["val_loss"] - valid["loss"]).abs()
    kept = epochs[distance.argmin()] if distance.notna().any() else None
    panels = [_learning(history, name, epochs, kept) for name in names]
    both = len(set(names) & set(history)) > 0
    legend = [Legend("training", COLORS[0])] * both + [Legend("validation", COLORS[1], "dashed")]
    caption = (
        f"{_kept(kept, len(epochs))} Training figures are "
        "means over the epoch, with dropout; validation is measured at its end, without. Where validation gets "
        "worse while training improves, the model overfits."
    )
    return Section("learning", "Learning", [figure(Plot("Metrics by epoch", panels, caption, legend))])


def gradients(frame: pd.DataFrame, steps: pd.DataFrame, history: pd.DataFrame) -> Section:
    """Gradient norms over the steps, before and after clipping.

    Args:
        frame: `GradientHealth.frame`.
        steps: `GradientHealth.steps`.
        history: one row per epoch.
    """
    if frame.empty:
        return Section("gradients", "Gradients", [text("No step was recorded.")])
    layers = {str(name): _norms(rows) for name, rows in frame.groupby("layer", observed=True, sort=False)}
    whole = pd.DataFrame({"before": steps["norm_before"], "after": steps["norm_after"]}).set_index(steps["step"])
    parts = [text(_clipping(steps, history)), figure(health_plot(frame, steps))]
    return Section("gradients", "Gradients", [*parts, _norm_table({**layers, "all together": whole})])


def spectrum(frame: pd.DataFrame) -> Markup | None:
    """Spectral radius and largest singular value of each recurrent kernel over the epochs.

    Args:
        frame: `RecurrentSpectrum.frame`.
    """
    return None if frame.empty else figure(spectrum_plot(frame))


def _learning(history: pd.DataFrame, name: str, epochs: np.ndarray, kept: float | None) -> Panel:
    valid = history[f"val_{name}"].to_numpy(float)

    def draw(axis) -> None:
        if name in history:
            curve(axis, epochs, history[name], COLORS[0])
        curve(axis, epochs, valid, COLORS[1], dashed=True)
        if kept is not None:
            axis.axvline(kept, color=QUIET, linestyle=":", linewidth=1)
        axis.set_xlabel("epoch")
        axis.set_xticks(some_of(epochs), [f"{epoch:.0f}" for epoch in some_of(epochs)])

    alt = f"{NAMES.get(name, name)} by epoch; on validation from {valid[0]:.3g} to {valid[-1]:.3g}."
    return Panel(metric_name(name), draw, alt)


def _kept(epoch: float | None, epochs: int) -> str:
    if epoch is None:
        return "The validation loss was not a finite number in any epoch."
    return f"The vertical line is the epoch whose weights were kept, {epoch:.0f} of {epochs}."


def _norms(rows: pd.DataFrame) -> pd.DataFrame:
    """The norm over some variables at each step."""
    squares = pd.DataFrame({"step": rows["step"], "before": rows["norm_before"] ** 2, "after": rows["norm_after"] ** 2})
    return squares.groupby("step").sum(min_count=1) ** 0.5


def _norm_table(layers: dict[str, pd.DataFrame]) -> Markup:
    rows = [
        {
            "layer": name,
            "median": norms["before"].median(),
            "99 %": norms["before"].quantile(0.99),
            "largest": norms["before"].max(),
            "median after": norms["after"].median(),
        }
        for name, norms in layers.items()
    ]
    return table(pd.DataFrame(rows), "Gradient norms before and after clipping")


def _clipping(steps: pd.DataFrame, history: pd.DataFrame) -> str:
    taken = steps["status"] == "taken"
    rate, refused = steps.loc[taken, "clipped"].mean() if taken.any() else 0.0, int((~taken).sum())
    said = f"Clipping was active in {rate:.0%} of the recorded steps." if rate else "No recorded step was clipped."
    if rate and "clip_threshold" in history and np.isfinite(history["clip_threshold"]).any():
        said += f" The threshold at the end was {history['clip_threshold'].dropna().iloc[-1]:.3g}."
    return said + (f" {refused} recorded steps were skipped." if refused else "")
