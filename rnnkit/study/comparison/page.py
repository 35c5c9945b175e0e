"""The page of a comparison: which cell is best, what it costs, and whether the recurrence pays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnkit.recurrent.table import title as title_of
from rnnkit.report.markup import Markup, duration, number, table, tag, whole
from rnnkit.report.page import Section, figure, page, text, tiles
from rnnkit.study.comparison.plot import cost_plot, runs_plot
from rnnkit.study.comparison.runs import RUNS, in_order, read_runs
from rnnkit.study.comparison.table import Comparison
from rnnkit.study.files import read_json
from rnnkit.study.made import made_section, read_made
from rnnkit.study.training_page import metric_name
from rnnkit.study.work_folder import expect_intact
from rnnkit.tasks.specs import SPECS

THROUGH_TIME = ("gain_min", "gain_max", "horizon_min", "grad_norm", "clip_rate")


def comparison_page(comparison: Comparison, identity: Mapping[str, Any], told: Mapping[str, Any] | None = None) -> str:
    """The page of a comparison, as text.

    Args:
        comparison: with at least one run.
        identity: what was compared, in words.
        told: see `made`.
    """
    summary = comparison.summary.rename(index=title_of)
    title = f"{identity['task']}: {', '.join(summary.index[summary['kind'] == 'recurrent'])}"
    sections = [
        _results(comparison, summary),
        Section("cost", "What it costs", [figure(cost_plot(comparison))]),
        _inside(summary),
        _runs(comparison),
    ]
    options = {f"{name}": value for name, value in identity.get("options", {}).items()}
    named = {name: value for name, value in identity.items() if name not in ("options", "train", "valid", "test")}
    settings = {name: value for name, value in {**named, **options}.items() if value is not None}
    sections.append(made_section(told or {}, settings))
    return page(f"{title} · rnnkit", _top(title, comparison, summary), sections)


def comparison_report(folder: Path) -> str:
    """The page of a finished comparison from its folder alone.

    Raises:
        DataError: something is missing or damaged.
    """
    with expect_intact(folder):
        runs, summary = read_runs(folder / RUNS), pd.read_csv(folder / "summary.csv", index_col="model")
        found, identity = found_again(in_order(runs), summary), read_json(folder / "comparison.json")
        return comparison_page(found, identity, read_made(folder))


def found_again(frame: pd.DataFrame, summary: pd.DataFrame) -> Comparison:
    """What was found, from the tables in its folder, which do not name the metric that its models are judged by."""
    [metric, *_] = [
        str(name).removeprefix("valid_")
        for name, means in frame.groupby("model").mean(numeric_only=True).items()
        if str(name).startswith("valid_") and np.allclose(means[summary.index], summary["valid"], equal_nan=True)
    ]
    known = {"loss": "min", **{name: end for spec in SPECS.values() for name, end in spec.objectives.items()}}
    falling = summary["valid"].iloc[0] > summary["valid"].iloc[-1]
    mode = known.get(metric, "max" if falling else "min")
    gained = summary["per_second"] * summary["seconds_to_best"] * (1 if mode == "max" else -1)
    return Comparison(frame, metric, mode, float((summary["valid"] - gained).mean()))


def _top(title: str, comparison: Comparison, summary: pd.DataFrame) -> Markup:
    others, cells = summary[summary["kind"] != "recurrent"], summary[summary["kind"] == "recurrent"]
    shown = [
        (f"Best cell, by {comparison.metric}", cells.index[0]),
        ("On validation", _spread(cells["valid"].iloc[0], cells["valid_std"].iloc[0])),
        *([("Without recurrence", str(number(others["valid"].iloc[0])))] if len(others) else []),
        ("Training time", duration(comparison.frame["seconds"].astype(float).sum())),
    ]
    parts = (tag("p", "rnnkit · report of a comparison", class_="over"), tag("h1", title), tiles(shown))
    return tag("div", *parts, _verdict(comparison, cells, others))


def _verdict(comparison: Comparison, cells: pd.DataFrame, others: pd.DataFrame) -> Markup | None:
    """Whether the recurrence pays."""
    if others.empty:
        return None
    cell, other = cells.iloc[0], others.iloc[0]
    pays = (cell["valid"] - other["valid"]) * (1 if comparison.mode == "max" else -1) > 0
    said = f"The recurrence {'pays' if pays else 'does not pay'} here. {metric_name(comparison.metric)} on validation: "
    said += f"{_spread(cell['valid'], cell['valid_std'])} with {cell.name}, "
    said += f"{_spread(other['valid'], other['valid_std'])} with the best without recurrence, {other.name}."
    return tag("aside", text(said), class_=f"verdict {'good' if pays else 'other'}", aria_label="Verdict")


def _results(comparison: Comparison, summary: pd.DataFrame) -> Section:
    shown = pd.DataFrame({"model": summary.index, "kind": summary["kind"], "runs": summary["seeds"]})
    for part, name in {"valid": "validation", "test": "test"}.items():
        if summary[part].notna().any():
            pairs = zip(summary[part], summary[f"{part}_std"], strict=True)
            shown[name] = [_spread(mean, std) for mean, std in pairs]
    shown["parameters"] = summary["parameters"].map(whole)
    shown["memory, MiB"] = summary["memory_mib"].map(whole)
    shown["seconds to best"], shown["gain per second"] = summary["seconds_to_best"], summary["per_second"]
    end = {"max": "highest", "min": "lowest"}[comparison.mode]
    told = text(
        f"Mean and standard deviation of the {comparison.metric} over the seeds, {end} first, at the epoch that is "
        f"best on validation. Gain per second: how much better than the first rule, {number(comparison.chance)}, a "
        "model is on validation for each second of training up to that epoch. Memory: the most that was in use in "
        "training, above what was in use before."
    )
    return Section("results", "Results", [table(shown, "Models"), told, figure(runs_plot(comparison))])


def _inside(summary: pd.DataFrame) -> Section:
    shown = summary.loc[summary["grad_norm"].notna(), list(THROUGH_TIME)].dropna(axis=1, how="all").reset_index()
    told = text(
        "Gain is the factor by which the backpropagated gradient grows or shrinks per step, horizon the number of "
        "steps after which 1 % of it is left, both of the trained model; gradient norms and the fraction of clipped "
        "steps are means over all steps."
    )
    return Section("gradients", "Gradients", [told, table(shown, "Means over the seeds")])


def _runs(comparison: Comparison) -> Section:
    frame, scores = comparison.frame, [f"{part}_{comparison.metric}" for part in ("valid", "test")]
    kept = ["model", "seed", "units", *scores, "epochs", "seconds", "parameters", "grad_norm", "horizon_min"]
    shown = frame[[name for name in kept if name in frame]].assign(
        parameters=frame["parameters"].map(whole), seed=frame["seed"].map(whole), units=frame["units"].fillna("")
    )
    return Section("runs", "Runs", [table(shown.dropna(axis=1, how="all"), "All runs; runs.csv has more on each")])


def _spread(mean: float, deviation: float) -> str:
    return f"{number(mean)}" + ("" if np.isnan(deviation) else f" ± {deviation:.2g}")
