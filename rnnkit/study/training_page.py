"""The sections on the training itself: learning curves, gradient norms, and the spectrum of the recurrent kernels."""

import numpy as np
import pandas as pd

from rnnkit.report.chart import Limit, Line, line_chart, thin
from rnnkit.report.markup import Markup, table
from rnnkit.report.page import Legend, Section, figure, text
from rnnkit.report.scale import Scale

MOST_LAYERS = 24
NAMES = {
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
        history: a row an epoch.
        valid: the validation metrics of the weights that were kept, which tell their epoch.
    """
    names = [name.removeprefix("val_") for name in map(str, history) if name.startswith("val_")]
    epochs = history["epoch"].to_numpy(float) + 1
    distance = (history["val_loss"] - valid["loss"]).abs()
    kept = epochs[distance.argmin()] if distance.notna().any() else None
    panels = [(metric_name(name), _learning_chart(history, name, epochs, kept)) for name in names]
    shown = [Legend("training", 0)] * (len(set(names) & set(history)) > 0) + [Legend("validation", 1, dashed=True)]
    caption = (
        f"{_kept(kept, len(epochs))} Training figures are "
        "means over the epoch, with dropout; validation is measured at its end, without. Where validation turns "
        "while training goes on, the model has begun to learn the examples by heart."
    )
    return Section("learning", "Learning", [figure("Metrics by epoch", panels, caption, shown)])


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
    clipped = bool(steps["clipped"].any())
    lines = {"all weights together": whole, **dict(list(layers.items())[:MOST_LAYERS])}
    scale = Scale.fit(
        [norms for each in lines.values() for norms in (each["before"], each["after"])], log=True, floor=1e-9
    )
    panels = [(name, _norm_chart(name, norms, scale, clipped)) for name, norms in lines.items()]
    legend = [Legend("before clipping", 0), Legend("after clipping", 1, dashed=True)] if clipped else []
    caption = (
        "Norm of the gradient at each recorded step, on one logarithmic scale for all charts; of long trainings the "
        "median of neighbouring steps, with a band from 10 to 90 %. A sudden peak is an explosion; a layer that lies "
        "orders of magnitude below the others hardly learns."
    )
    parts = [text(_clipping(steps, history)), figure("Gradient norm by layer", panels, caption, legend)]
    return Section("gradients", "Gradients", [*parts, _norm_table({**layers, "all together": whole})])


def spectrum(frame: pd.DataFrame) -> Markup | None:
    """Spectral radius and largest singular value of each recurrent kernel over the epochs.

    Args:
        frame: `RecurrentSpectrum.frame`.
    """
    if frame.empty:
        return None
    gates = list(dict.fromkeys(frame["gate"]))
    groups = list(frame.groupby("layer", observed=True, sort=False))[:MOST_LAYERS]
    panels = [(str(name), _spectrum_chart(str(name), rows, gates)) for name, rows in groups]
    legend = [Legend(f"gate {gate}" if gate else "kernel", number) for number, gate in enumerate(gates)]
    caption = (
        "Solid: the largest singular value of the recurrent kernel; dashed: its spectral radius. In a simple RNN with "
        "tanh or relu, a largest singular value below 1 is sufficient for gradients to vanish; above it they can "
        "explode, but need not. A radius below 1 bounds nothing where the kernel is not normal. In gated cells the "
        "kernel is one factor among several."
    )
    return figure("Recurrent kernels over training", panels, caption, legend)


def _learning_chart(history, name, epochs, kept) -> Markup:
    valid = history[f"val_{name}"].to_numpy(float)
    lines = [Line(epochs, valid, 1, dashed=True)]
    if name in history:
        lines.insert(0, Line(epochs, history[name].to_numpy(float), 0))
    alt = f"{NAMES.get(name, name)} by epoch; on validation from {valid[0]:.3g} to {valid[-1]:.3g}."
    scale = Scale.fit([epochs], ticks=_whole(epochs))
    return line_chart(lines, "epoch", alt, x_scale=scale, limits=[] if kept is None else [Limit(x=kept)])


def _kept(epoch: float | None, epochs: int) -> str:
    if epoch is None:
        return "The validation loss was not a finite number in any epoch."
    return f"The vertical line is the epoch whose weights were kept, {epoch:.0f} of {epochs}."


def _norms(rows: pd.DataFrame) -> pd.DataFrame:
    """The norm over some variables at each step."""
    squares = pd.DataFrame({"step": rows["step"], "before": rows["norm_before"] ** 2, "after": rows["norm_after"] ** 2})
    return squares.groupby("step").sum(min_count=1) ** 0.5


def _norm_chart(name: str, norms: pd.DataFrame, scale: Scale, clipped: bool) -> Markup:
    steps, before, low, high = thin(norms.index, norms["before"])
    lines = [Line(steps, before, 0, low=low, high=high)]
    if clipped:
        lines.append(Line(steps, thin(norms.index, norms["after"])[1], 1, dashed=True))
    alt = (
        f"Gradient norm of {name} by step; median {norms['before'].median():.3g}, maximum {norms['before'].max():.3g}."
    )
    return line_chart(lines, "step", alt, y_scale=scale)


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
    said = f"Clipping made {rate:.0%} of the recorded steps smaller." if rate else "No recorded step was clipped."
    if rate and "clip_threshold" in history and np.isfinite(history["clip_threshold"]).any():
        said += f" The threshold at the end was {history['clip_threshold'].dropna().iloc[-1]:.3g}."
    return said + (f" {refused} recorded steps were not taken." if refused else "")


def _spectrum_chart(name: str, rows: pd.DataFrame, gates: list[str]) -> Markup:
    lines = []
    for gate, of_gate in rows.groupby("gate", sort=False):
        steps = of_gate["step"].to_numpy(float)
        for column, dashed in (("sigma", False), ("radius", True)):
            x, y, _, _ = thin(steps, of_gate[column])
            lines.append(Line(x, y, gates.index(str(gate)), dashed=dashed))
    last = rows[rows["step"] == rows["step"].max()]
    alt = (
        f"Recurrent kernel of {name} by step; at the end the largest singular value is {last['sigma'].max():.3g} and "
        f"the spectral radius {last['radius'].max():.3g}."
    )
    return line_chart(lines, "step", alt, limits=[Limit(y=1.0, text="1")] if _crosses(rows) else [])


def _crosses(rows: pd.DataFrame) -> bool:
    return rows[["radius", "sigma"]].min().min() < 1 < rows[["radius", "sigma"]].max().max()


def _whole(epochs: np.ndarray) -> list[tuple[float, str]]:
    stride = int(np.ceil(len(epochs) / 8))
    return [(epoch, f"{epoch:.0f}") for epoch in epochs[::stride]]
