"""The sections on the gradient through time: what a `Diagnosis` found, and how it came about in training."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnkit.diagnosis.decay import horizon
from rnnkit.errors import ArgumentError
from rnnkit.report.curves import curve, limit, log_limits
from rnnkit.report.markup import Markup, table, tag
from rnnkit.report.page import Section, conclusion, figure, page, text
from rnnkit.report.plot import COLORS, INK, PAPER, Legend, Panel, Plot
from rnnkit.report.ticks import some_of

PATHS = {"joint": COLORS[0], "h": COLORS[1], "c": COLORS[2]}
CREDIT = COLORS[3]
FLOOR = 1e-8  # where a curve of decay ends
HIDDEN = ["gain_low", "gain_high", "horizon_reached", "r2", "median_length", "left", "dead", "followed"]
HEADS = {
    "gain": "gain per step",
    "half_life": "half-life",
    "needed": "steps needed",
    "credit_horizon": "credit horizon",
    "forget_gate": "forget gate",
    "jacobian_sigma": "largest singular value of J",
    "radius": "spectral radius",
    "sigma": "largest singular value",
}


def diagnosis_page(diagnosis) -> str:
    """The page of a `Diagnosis` alone."""
    tables = tables_of(diagnosis)
    layers = len(tables["layers"][["layer", "direction"]].drop_duplicates())
    top = [
        tag("p", "rnnkit · the gradient through time", class_="over"),
        tag("h1", f"How far back training looks in {layers} recurrent layer{'s' if layers != 1 else ''}"),
        conclusion(**words_of(diagnosis)),
    ]
    return page("rnnkit: the gradient through time", tag("div", *top), sections(tables))


def tables_of(diagnosis) -> dict[str, pd.DataFrame]:
    """The tables of a `Diagnosis` by name."""
    return {name: table for name, table in vars(diagnosis).items() if isinstance(table, pd.DataFrame)}


def words_of(diagnosis, cause=None) -> dict[str, Any]:
    """What a `Diagnosis` says: `verdict`, and `cure` as a dict, None if nothing is wrong.

    Args:
        diagnosis: that of the trained model.
        cause: an earlier one that tells where its problem comes from (see `ThroughTime.cause`).
    """
    if cause is None or cause is diagnosis:
        return {"verdict": diagnosis.verdict, "cure": diagnosis.cure and diagnosis.cure.as_dict()}
    verdict = f"{diagnosis.verdict}\nHow it began, in an earlier epoch:\n{cause.verdict}"
    return {"verdict": verdict, "cure": cause.cure and cause.cure.as_dict()}


def sections(tables: Mapping[str, pd.DataFrame], over_training: tuple[Markup | None, ...] = ()) -> list[Section]:
    """The sections of a diagnosis.

    Args:
        tables: those of a `Diagnosis` by name.
        over_training: figures on the same things over training: of the decay, and of the spectrum.
    """
    if tables["layers"].empty:  # numbers that are not finite, through which nothing can be followed
        return []
    heat, kernels = over_training or (None, None)
    through = [
        text(INTRODUCTION),
        _layer_table(tables["layers"]),
        _decay(tables),
        heat,
        _truncation(tables["truncation"]),
    ]
    spectrum = [kernels, _plain(tables["spectrum"], "Recurrent kernels at the end")]
    gates = _plain(tables["gates"].replace({"saturated": {True: "yes", False: "no"}}), "Gates")
    found = [Section("through-time", "Through time", through)]
    if any(spectrum):
        found.append(Section("spectrum", "Recurrent spectrum", [*spectrum]))
    return [*found, Section("gates", "Gates", [text(GATES), gates])] if gates else found


INTRODUCTION = (
    "Going back in time, a gradient is multiplied by the same kind of matrix at every step, so it shrinks or grows by "
    "a factor per step: the gain. Below 1 it vanishes, and what lies further back than the horizon, where 1 % of its "
    "initial size is left, hardly changes the weights; above 1 it explodes."
)
GATES = (
    "A unit is stuck when its derivative is tiny and its value hardly varies over the inputs; a gate is saturated when "
    "more than half of its units are. A gate that is held open to remember does not count."
)


def history_map(frame: pd.DataFrame) -> Markup | None:
    """Decay over training as heat maps, one a layer and direction.

    Args:
        frame: `ThroughTime.profile`.
    """
    frame = frame[frame["path"] == "joint"]
    if frame.empty or frame["epoch"].nunique() < 2:
        return None
    return figure(heat_map(frame))


def _layer_table(layers: pd.DataFrame) -> Markup:
    shown = layers.drop(columns=HIDDEN, errors="ignore")
    shown["gain"] = [
        f"{row.gain:.3g} ({row.gain_low:.3g} to {row.gain_high:.3g})" for row in layers.itertuples(index=False)
    ]
    beyond = [str(row.horizon) if row.horizon_reached else f">{row.horizon}" for row in layers.itertuples(index=False)]
    shown["horizon"] = beyond
    first = [name for name in ("layer", "direction", "path", "status") if name in shown]
    shown = shown[first + [name for name in shown if name not in first]]
    return table(_telling(shown), "Layers, in steps; with the gain's 95 % interval", heads=HEADS)


def _decay(tables) -> Markup:
    credit = dict(by_layer(tables["credit"]))
    panels = [_decay_panel(name, rows, credit.get(name)) for name, rows in by_layer(tables["profile"])]
    known = [path for path in PATHS if path in set(tables["profile"]["path"])]
    words = {"joint": "joint: the whole state", "h": "h: by the output alone", "c": "c: by the memory cell alone"}
    legend = [*(Legend(words[path], PATHS[path]) for path in known), Legend("credit by all routes", CREDIT, "dashed")]
    caption = (
        "What is left of a gradient after some steps back through the layer's own recurrence, of its initial size; "
        "dashed, what the model as a whole still sees at that distance, by every route. A straight fall is a steady "
        "loss at each step. A line that stays level carries gradients as far back as the sequences go."
    )
    return figure(Plot("What is left of an error, by distance", panels, caption, legend))


def _decay_panel(name: str, rows: pd.DataFrame, credit: pd.DataFrame | None) -> Panel:
    def draw(axis) -> None:
        for path, of_path in rows.groupby("path", sort=False, observed=True):
            curve(axis, of_path["steps_back"], of_path["decay"], PATHS.get(str(path), COLORS[7]))
        if credit is not None:
            curve(axis, credit["steps_back"], credit["credit"], CREDIT, dashed=True)
        shown = [rows["decay"], [0.01, 1], *([] if credit is None else [credit["credit"]])]
        log_limits(axis, shown, floor=FLOOR)
        limit(axis, 0.01, "1 %")
        axis.set_xlabel("steps back")

    joint = rows[rows["path"] == "joint"].iloc[-1]
    alt = f"Errors in {name} by steps back; after {joint['steps_back']} steps {joint['decay']:.2g} of an error is left."
    return Panel(name, draw, alt)


def _truncation(frame: pd.DataFrame) -> Markup | None:
    if frame.empty:
        return None
    groups = list(by_layer(frame))
    colors = dict(zip((name for name, _ in groups), itertools.cycle(COLORS), strict=False))

    def draw(axis) -> None:
        for name, rows in groups:
            curve(axis, rows["steps"], rows["cosine"], colors[name])
        limit(axis, 0.99, "0.99")
        powers = _powers_of_two(frame["steps"].max())
        axis.set(xscale="log", xlabel="steps kept")
        axis.set_xticks(powers, [f"{power:.0f}" for power in powers])

    alt = "Cosine between truncated and full gradient by steps kept: " + "; ".join(
        f"{name} {rows['cosine'].iloc[0]:.2f} at 1 step" for name, rows in groups
    )
    caption = (
        "Cosine between the gradient of the layer's weights truncated after that many steps, and the full gradient. "
        "Where it passes 0.99, the credit horizon, truncated backpropagation would train much the same: that is what "
        "bptt_steps should be."
    )
    legend = [Legend(name, color) for name, color in colors.items()]
    return figure(Plot("How many steps training needs", [Panel("", draw, alt)], caption, legend))


def _powers_of_two(highest: float) -> list[float]:
    powers = [2.0**power for power in range(int(np.log2(max(1, highest)) + 1e-9) + 1)]
    return powers[:: 2 if len(powers) > 6 else 1]


def _plain(frame: pd.DataFrame, caption: str) -> Markup | None:
    return table(_telling(frame), caption, heads=HEADS) if len(frame) else None


def _telling(frame: pd.DataFrame) -> pd.DataFrame:
    """Without a column that says nothing: the only direction, or what no layer has."""
    idle = [name for name in frame if frame[name].isin(["", np.nan]).all()]
    idle += ["direction"] if frame["direction"].nunique() == 1 else []
    return frame.drop(columns=idle)


SPAN = 1e4  # the colours end at this factor and its inverse
FADED, GROWN = "#2c7fc9", "#d0453a"  # legible on white and on black
MOST = 24  # layers
WIDEST, HIGHEST = 120, 96  # cells


def heat_map(profiles: pd.DataFrame) -> Plot:
    """What is left of a gradient k steps back, R(k), at each diagnosis; a panel for each layer and direction.

    Blue gradients have shrunk, red ones have grown, on a logarithmic scale that ends at 10^4 times. Above the line less
    than 1 % of its initial size is left.

    Args:
        profiles: `Diagnosis.profile` of each diagnosis, with the column `epoch`.

    Raises:
        ArgumentError: there are none.
    """
    if profiles.empty:
        raise ArgumentError("plot: nothing was measured yet. Pass the callback to `fit` first.")
    panels = []
    for name, rows in by_layer(profiles[profiles["path"] == "joint"]):
        table = rows.pivot_table(index="steps_back", columns="epoch", values="decay", dropna=False)
        panels.append(Panel(name, functools.partial(_draw, table=table), _alt(name, table), left=66))
    legend = [
        Legend("10\N{SUPERSCRIPT FOUR} times weaker or more", FADED, "block"),
        Legend("100 times weaker", FADED, "block", 0.5),
        Legend("100 times stronger", GROWN, "block", 0.5),
        Legend("10\N{SUPERSCRIPT FOUR} times stronger or more", GROWN, "block"),
        Legend("1 % is left", INK),
    ]
    caption = (
        "Each column is a measurement during training, from the first to the last, and each row a distance; the paler, "
        "the closer to a gradient that arrives unchanged. Where the line climbs, the layer learns to look further back."
    )
    return Plot("How far back gradients reach, over training", panels, caption, legend)


def by_layer(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each layer and direction, with a name that tells directions apart where there are two."""
    both = frame["direction"].nunique() > 1
    for (layer, direction), rows in list(frame.groupby(["layer", "direction"], sort=False, observed=True))[:MOST]:
        yield f"{layer}, {direction}" if both and str(direction) not in str(layer) else str(layer), rows


def _draw(axis, table: pd.DataFrame) -> None:
    """One layer: a column for each diagnosis, as wide as the time that it stands for."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    line = horizons(table)
    shown = table.iloc[_evenly(len(table), HIGHEST), _evenly(table.shape[1], WIDEST)]
    epochs, lags = shown.columns.to_numpy(float), shown.index.to_numpy(float)
    colors = [(FADED, 1.0), (FADED, 0.0), (GROWN, 0.0), (GROWN, 1.0)]
    shades = LinearSegmentedColormap.from_list("gain", list(zip([0, 0.5, 0.5, 1], colors, strict=True)))
    values = np.clip(shown.to_numpy(float), 1 / SPAN, SPAN)
    look = {"cmap": shades, "norm": LogNorm(1 / SPAN, SPAN), "rasterized": True}
    axis.pcolormesh(edges(epochs), edges(lags), values, **look)
    across, up = edges(table.columns.to_numpy(float)), np.append(line, line[-1])
    axis.step(across, up, where="post", color=PAPER, linewidth=4)
    axis.step(across, up, where="post", color=INK, linewidth=1.5)
    axis.set(ylim=(-0.5, table.index.max() + 0.5), xlabel="epochs of training", ylabel="steps back")
    axis.set_xticks(some_of(table.columns), [f"{epoch:g}" for epoch in some_of(table.columns)])
    axis.grid(visible=False)


def _alt(name: str, table: pd.DataFrame) -> str:
    left = table.to_numpy(float)[-1]
    return (
        f"Gradients in {name}, {table.index.max():.0f} steps back: {left[0]:.2g} is left at the first measurement, "
        f"{left[-1]:.2g} at the last."
    )


def _evenly(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def horizons(table: pd.DataFrame) -> np.ndarray:
    """The horizon of each column of R(k), as `decay.fit` defines it; NaN where it lies beyond the steps measured."""
    with np.errstate(divide="ignore"):
        found = np.array([horizon(curve) for curve in np.log(table.to_numpy().T)])
    return np.where(found == len(table) - 1, np.nan, found)


def edges(centres: np.ndarray) -> np.ndarray:
    """Borders half way between neighbours, and as far outside of the first and last."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])
