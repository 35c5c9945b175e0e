"""The figure of a gradient record."""

import functools

import numpy as np
import pandas as pd

from rnnkit.errors import ArgumentError
from rnnkit.report.curves import curve
from rnnkit.report.plot import COLORS, INK, QUIET, Legend, Panel, Plot

NORM, REFUSED = INK, COLORS[5]
MOST = 10  # layers that a legend names


def health_plot(frame: pd.DataFrame, steps: pd.DataFrame) -> Plot:
    """Three panels over the steps: global norm, norm of each layer, size of the updates.

    Args:
        frame, steps: the tables of `GradientHealth`.

    Raises:
        ArgumentError: the tables are empty.
    """
    if steps.empty:
        raise ArgumentError("plot: no step has been recorded. Pass the callback to `fit` first.")
    layers = by_layer(frame)
    looks = _looks(list(map(str, layers["norm"])))
    norms = functools.partial(_global_norm, steps=steps)
    ratios = layers["ratio"].dropna(how="all")
    panels = [
        Panel("Global gradient norm", norms, _alt(steps), _global_legend(steps)),
        Panel(
            "Gradient norm by layer",
            functools.partial(_lines, table=layers["norm"], looks=looks),
            f"Gradient norms by step of the layers {', '.join(look.text for look in looks)}.",
        ),
    ]
    if len(ratios):
        draw = functools.partial(_lines, table=ratios, looks=looks)
        alt = f"Size of the updates over that of the weights by step; median {ratios.stack().median():.2g}."
        panels.append(Panel("Size of the update / size of the weights, by layer", draw, alt))
    caption = (
        "Each recorded step, on logarithmic scales; of long trainings the median of neighbouring steps, with a band "
        "from 10 to 90 %. Norms by layer are before clipping. A sudden peak is an explosion; a layer that lies orders "
        "of magnitude below the others hardly learns."
    )
    return Plot("Gradients over training", panels, caption, looks[:: -(-len(looks) // MOST)])


def by_layer(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables with one row per step and one column per layer: `norm` before clipping, and update `ratio`."""
    update = frame["update_ratio"] * frame["weight_norm"]
    weight = frame["weight_norm"].where(update.notna())
    squares = frame[["step", "layer"]].assign(norm=frame["norm_before"] ** 2, update=update**2, weight=weight**2)
    sums = squares.groupby(["step", "layer"], observed=True).sum(min_count=1).unstack("layer")
    order = list(dict.fromkeys(frame["layer"]))
    norm, update, weight = (np.sqrt(sums[name])[order] for name in ("norm", "update", "weight"))
    return {"norm": norm, "ratio": update / weight}


def _global_norm(axis, steps: pd.DataFrame) -> None:
    taken, clipped = _taken(steps)
    axis.set(yscale="log", xlabel="step")
    curve(axis, taken.index, _positive(taken["norm_before"]), NORM, label="before clipping" if clipped else "norm")
    if clipped:
        curve(axis, taken.index, _positive(taken["norm_after"]), NORM, dashed=True, label="after clipping")
    threshold = taken["threshold"][np.isfinite(taken["threshold"])]
    if len(threshold):
        axis.plot(threshold.index, threshold, color=QUIET, linestyle=":", linewidth=1.5, label="threshold")
    refused = steps["step"][steps["status"] != "taken"]
    if len(refused):
        edge = axis.get_xaxis_transform()  # x in steps, y in parts of the panel
        heights = np.full(len(refused), 0.96)
        axis.plot(refused, heights, "x", color=REFUSED, transform=edge, label=f"refused ({len(refused)})")


def _global_legend(steps: pd.DataFrame) -> list[Legend]:
    taken, clipped = _taken(steps)
    refused = int((steps["status"] != "taken").sum())
    entries = [Legend("before clipping", NORM), Legend("after clipping", NORM, "dashed")] * clipped
    entries += [Legend("threshold", QUIET, "dotted")] * bool(np.isfinite(taken["threshold"]).any())
    return entries + [Legend(f"refused ({refused}), at the upper edge", REFUSED, "dots")] * bool(refused)


def _alt(steps: pd.DataFrame) -> str:
    norms = steps["norm_before"]
    return f"Norm of the whole gradient by step; median {norms.median():.3g}, maximum {norms.max():.3g}."


def _taken(steps: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """The steps that were taken, and whether one of them was clipped."""
    taken = steps[steps["status"] == "taken"].drop_duplicates("step", keep="last").set_index("step")
    return taken, bool(taken["clipped"].any())


def _lines(axis, table: pd.DataFrame, looks: list[Legend]) -> None:
    axis.set(yscale="log", xlabel="step")
    for look, layer in zip(looks, table, strict=True):
        values = _positive(table[layer].dropna())
        curve(axis, values.index, values, look.color, opacity=look.opacity, label=look.text)


def _positive(values: pd.Series) -> pd.Series:
    """What a logarithmic scale can show."""
    return values.where(np.isfinite(values) & (values > 0))


def _looks(layers: list[str]) -> list[Legend]:
    """A colour per layer: distinct ones for a few, from dark (first) to light (last) for many."""
    if len(layers) <= len(COLORS):
        return [Legend(layer, color) for layer, color in zip(layers, COLORS, strict=False)]
    shades = np.linspace(1, 0.2, len(layers))
    return [Legend(layer, COLORS[0], opacity=shade) for layer, shade in zip(layers, shades, strict=True)]
