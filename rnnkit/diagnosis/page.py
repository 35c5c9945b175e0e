"""The sections on the gradient through time: what a `Diagnosis` found, and how it came about in training."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from rnnkit.report.chart import Limit, Line, line_chart, thin
from rnnkit.report.heat_map import heat_map
from rnnkit.report.markup import Markup, table, tag
from rnnkit.report.page import Legend, Section, conclusion, figure, page, text
from rnnkit.report.scale import Scale

PATHS = {"joint": 0, "h": 1, "c": 2}
MOST_LAYERS = 24
FAINT = 1e-4  # where a heat map ends
FLOOR = 1e-8  # where a curve of decay ends
WIDEST, HIGHEST = 60, 48  # cells of a heat map
HEADS = {
    "gain": "gain a step",
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
        tag("h1", f"How far back training looks in {layers} recurrent layer{'s' if layers > 1 else ''}"),
        conclusion(**words_of(diagnosis)),
    ]
    return page("rnnkit: the gradient through time", tag("div", *top), sections(tables))


def tables_of(diagnosis) -> dict[str, pd.DataFrame]:
    """The tables of a `Diagnosis` by name."""
    return {name: table for name, table in vars(diagnosis).items() if isinstance(table, pd.DataFrame)}


def words_of(diagnosis, cause=None) -> dict[str, Any]:
    """What a `Diagnosis` says: `verdict`, and `cure` as a dict, None if there is no trouble.

    Args:
        diagnosis: that of the trained model.
        cause: an earlier one that tells where its trouble comes from (see `ThroughTime.cause`).
    """
    if cause is None or cause is diagnosis:
        return {"verdict": diagnosis.verdict, "cure": diagnosis.cure and vars(diagnosis.cure)}
    verdict = f"{diagnosis.verdict}\nHow it began, in an earlier epoch:\n{cause.verdict}"
    return {"verdict": verdict, "cure": vars(cause.cure)}


def sections(tables: Mapping[str, pd.DataFrame], over_training: tuple[Markup | None, ...] = ()) -> list[Section]:
    """The sections of a diagnosis.

    Args:
        tables: those of a `Diagnosis` by name.
        over_training: figures on the same things over training: of the decay, and of the spectrum.
    """
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
    "Going back in time, an error is multiplied by the same kind of matrix at every step, so it shrinks or grows by a "
    "factor a step: the gain. Below 1 it fades, and what lies further back than the horizon hardly reaches the "
    "weights; above 1 it grows."
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
    panels = [(name, _heat(name, rows)) for name, rows in _by_layer(frame)]
    caption = (
        "Each column is a measurement during training, from the first to the last, and each row a distance. Full "
        "colour means that an error arrives whole or grown, none that a ten-thousandth of it is left. Where the "
        "colour climbs, the layer learns to look further back."
    )
    return figure("How far back errors reach, over training", panels, caption)


def _by_layer(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    groups = list(frame.groupby(["layer", "direction"], sort=False, observed=True))
    directions = frame["direction"].nunique() > 1
    for (layer, direction), rows in groups[:MOST_LAYERS]:
        yield f"{layer}, {direction}" if directions and str(direction) not in str(layer) else str(layer), rows


def _layer_table(layers: pd.DataFrame) -> Markup:
    shown = layers.drop(columns=["gain_low", "gain_high", "horizon_reached", "r2", "median_length"])
    shown["gain"] = [
        f"{row.gain:.3g} ({row.gain_low:.3g} to {row.gain_high:.3g})" for row in layers.itertuples(index=False)
    ]
    beyond = [str(row.horizon) if row.horizon_reached else f">{row.horizon}" for row in layers.itertuples(index=False)]
    shown["horizon"] = beyond
    first = [name for name in ("layer", "direction", "path", "status") if name in shown]
    shown = shown[first + [name for name in shown if name not in first]]
    return table(_telling(shown), "Layers, in steps; with the gain's 95 % interval", heads=HEADS)


def _decay(tables) -> Markup:
    credit = dict(_by_layer(tables["credit"]))
    panels = [(name, _decay_chart(name, rows, credit.get(name))) for name, rows in _by_layer(tables["profile"])]
    known = [path for path in PATHS if path in set(tables["profile"]["path"])]
    words = {"joint": "joint: the whole state", "h": "h: by the output alone", "c": "c: by the memory cell alone"}
    legend = [Legend(words[path], PATHS[path]) for path in known]
    caption = (
        "What is left of an error after some steps back through the layer's own recurrence; dashed, what the model "
        "as a whole still sees at that distance, by every route. A straight fall is a steady loss at each step. A line "
        "that stays level carries errors as far back as the sequences go."
    )
    return figure(
        "What is left of an error, by distance",
        panels,
        caption,
        [*legend, Legend("credit by all routes", 3, dashed=True)],
    )


def _decay_chart(name: str, rows: pd.DataFrame, credit: pd.DataFrame | None) -> Markup:
    lines = []
    for path, of_path in rows.groupby("path", sort=False, observed=True):
        x, y, _, _ = thin(of_path["steps_back"], of_path["decay"])
        lines.append(Line(x, y, PATHS.get(str(path), 7)))
    if credit is not None:
        x, y, _, _ = thin(credit["steps_back"], credit["credit"])
        lines.append(Line(x, y, 3, dashed=True))
    scale = Scale.fit([line.y for line in lines] + [[0.01, 1]], log=True, margin=0.03, floor=FLOOR)
    joint = rows[rows["path"] == "joint"].iloc[-1]
    alt = f"Errors in {name} by steps back; after {joint['steps_back']} steps {joint['decay']:.2g} of an error is left."
    return line_chart(lines, "steps back", alt, y_scale=scale, limits=[Limit(y=0.01, text="1 %")])


def _truncation(frame: pd.DataFrame) -> Markup | None:
    if frame.empty:
        return None
    groups = list(_by_layer(frame))
    lines = [
        Line(rows["steps"].to_numpy(float), rows["cosine"].to_numpy(float), n) for n, (_, rows) in enumerate(groups)
    ]
    steps = Scale.fit([line.x for line in lines], log=True)
    steps = Scale(steps.low, steps.high, log=True, ticks=[(k, f"{k:.0f}") for k in _powers_of_two(steps.high)])
    alt = "Cosine between truncated and full gradient by steps kept: " + "; ".join(
        f"{name} {rows['cosine'].iloc[0]:.2f} at 1 step" for name, rows in groups
    )
    caption = (
        "Cosine between the gradient of the layer's weights with errors cut off after so many steps and the full one. "
        "Where it passes 0.99, the credit horizon, truncated backpropagation would train much the same: that is what "
        "bptt_steps should be."
    )
    chart = line_chart(lines, "steps kept", alt, x_scale=steps, limits=[Limit(y=0.99, text="0.99")])
    legend = [Legend(name, number) for number, (name, _) in enumerate(groups)]
    return figure("How many steps training needs", [("", chart)], caption, legend)


def _powers_of_two(highest: float) -> list[float]:
    powers = [2.0**power for power in range(int(np.log2(max(1, highest)) + 1e-9) + 1)]
    return powers[:: 2 if len(powers) > 6 else 1]


def _heat(name: str, rows: pd.DataFrame) -> Markup:
    grid = rows.pivot_table(index="steps_back", columns="epoch", values="decay")
    grid = grid.iloc[_evenly(len(grid), HIGHEST), _evenly(grid.shape[1], WIDEST)]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 1 - np.log10(grid.to_numpy(float)) / np.log10(FAINT)
    deepest, left = int(grid.index.max()), grid.to_numpy(float)[-1]
    alt = f"Errors in {name}, {deepest} steps back: {left[0]:.2g} is left before training, {left[-1]:.2g} after it."
    return heat_map(grid.columns.to_numpy(), grid.index.to_numpy(), values, "epochs of training", "steps back", alt)


def _evenly(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _plain(frame: pd.DataFrame, caption: str) -> Markup | None:
    return table(_telling(frame), caption, heads=HEADS) if len(frame) else None


def _telling(frame: pd.DataFrame) -> pd.DataFrame:
    """Without a column that says nothing: the only direction, or what no layer has."""
    idle = [name for name in frame if frame[name].isin(["", np.nan]).all()]
    idle += ["direction"] if frame["direction"].nunique() == 1 else []
    return frame.drop(columns=idle)
