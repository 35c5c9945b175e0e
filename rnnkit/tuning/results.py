"""What a search has found: its trials as a table, what they say about the hyperparameters, and a line on each trial."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnkit.tasks.spec import GRADIENTS, THROUGH_TIME

RECORD = "record.json"  # of a trial: what was measured, when it began, how long it took, why it failed
MEASURED = ("seconds", "epochs", "parameters")
GROUPS = 3  # a hyperparameter that is a range is cut into this many groups of about equal size


def results_frame(tuner) -> pd.DataFrame:
    """See `GuidedSearch.results`."""
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.start_order]
    rows = [_row(trial, tuner.record(trial.trial_id)) for trial in trials]
    asked = dict.fromkeys(name for _, values, _, _ in rows for name in values)
    metrics = dict.fromkeys(name for _, _, values, _ in rows for name in values)
    columns = ["trial", "status", "reason", *asked, "score", *metrics, *MEASURED, "wall", *GRADIENTS]
    through_time = [name for name in THROUGH_TIME if any(name in row[-1] for row in rows)]
    table = [{**head, **values, **scores, **figures} for head, values, scores, figures in rows]
    return pd.DataFrame(table, columns=[*columns, *through_time])


def _row(trial, record: dict) -> tuple[dict, dict, dict, dict]:
    """Who it is, its hyperparameters, its metrics, and its figures."""
    gradients = (*GRADIENTS, *THROUGH_TIME)
    logs = {name: history.get_history()[-1].mean() for name, history in trial.metrics.metrics.items()}
    status = {"COMPLETED": "completed", "RUNNING": "running"}.get(trial.status, "failed")
    reason = record.get("reason", "")
    if status == "failed" and not reason:
        reason = "the objective is not a number"
    head = {"trial": trial.trial_id, "status": status, "reason": reason, "score": trial.score}
    others = (*gradients, "update_ratio", "clip_threshold", "learning_rate")  # the last is a hyperparameter already
    metrics = {name: value for name, value in logs.items() if name not in others}
    figures = {name: record.get(name) for name in (*MEASURED, "wall", *GRADIENTS)}
    figures |= {name: value for name, value in logs.items() if name in gradients}
    return head, _values(trial), metrics if status == "completed" else {}, figures


def _values(trial) -> dict:
    """The hyperparameters without KerasTuner's own; the thresholds of all clipping rules are one column."""
    asked = {name: value for name, value in trial.hyperparameters.values.items() if not name.startswith("tuner/")}
    return {"threshold" if name.endswith("_threshold") else name: value for name, value in asked.items()}


def importance(trials: pd.DataFrame) -> pd.Series:
    """How much of the objective's variance over the completed trials each hyperparameter explains by itself.

    Trials are grouped by the hyperparameter's value, ranges into three groups of about equal size. The fraction is
    epsilon squared (T. L. Kelley, "An unbiased correlation ratio measure", 1935): that of the variance between groups,
    less what chance would give, cut at 0. What two hyperparameters do together is not seen.

    Args:
        trials: see `GuidedSearch.results`.

    Returns:
        Hyperparameter -> fraction, largest first; NaN where there are fewer than two trials per group.
    """
    done = trials[trials["status"] == "completed"]
    fractions = {name: explained(done[name], done["score"].astype(float)) for name in hyperparameters(trials)}
    return pd.Series(fractions, dtype=float, name="importance").sort_values(ascending=False)


def hyperparameters(trials: pd.DataFrame) -> list[str]:
    """The columns of a search's table that are hyperparameters."""
    columns = list(map(str, trials.columns))
    return columns[columns.index("reason") + 1 : columns.index("score")]


def best_trials(trials: pd.DataFrame, direction: str) -> pd.DataFrame:
    """The completed trials, best first; `direction` is `"max"` or `"min"`."""
    done = trials[trials["status"] == "completed"].set_index("trial")
    return done.sort_values("score", ascending=direction == "min", kind="stable")


def explained(values: pd.Series, scores: pd.Series) -> float:
    """Epsilon squared of scores grouped by values; those without a value are left out."""
    values, scores = values[values.notna()], scores[values.notna()]
    if pd.api.types.is_float_dtype(values) and values.nunique() > GROUPS:
        values = pd.qcut(values, GROUPS, duplicates="drop")
    groups = scores.groupby(values, observed=True)
    total, freedom = float(((scores - scores.mean()) ** 2).sum()), len(scores) - groups.ngroups
    if groups.ngroups < 2 or freedom < groups.ngroups or not total:
        return np.nan
    within = float(((scores - groups.transform("mean")) ** 2).sum())
    return max(0.0, 1 - within / freedom * (len(scores) - 1) / total)


def in_a_line(error: Exception) -> str:
    """An error in a line."""
    words = " ".join(str(error).split())[:300]
    known = type(error).__name__ in ("FailedTrialError", "ArgumentError", "DataError")
    return words if known else f"{type(error).__name__}: {words}"


def trial_line(tuner, trial_id: str) -> str:
    """What came of a trial, how much of the budget is used, and the best so far.

    Args:
        tuner: a `GuidedSearch`.
        trial_id: of a trial that has ended.
    """
    table = tuner.results.set_index("trial")
    row, name, ended = table.loc[trial_id], tuner.oracle.objective.name, len(tuner.oracle.end_order)
    budget = [f"trial {ended}" + (f" of {tuner.oracle.max_trials}" if tuner.oracle.max_trials else "")]
    budget.append(clock(tuner.spent) + (f" of {clock(60 * tuner.minutes)}" if tuner.minutes else ""))
    if row["status"] == "failed":
        outcome = f"failed after {row['wall']:.0f} s: {row['reason']}"
    else:
        outcome = f"{name} {row['score']:.4f} in {row['wall']:.0f} s"
    best = tuner.oracle.get_best_trials(1)[0]
    said = f"best {best.score:.4f} (trial {best.trial_id})" if best.status == "COMPLETED" else "none completed yet"
    return "  ".join([*budget, outcome, said])


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """How long at least one of some spans lasted.

    Args:
        spans: beginning and length of each.
    """
    total, until = 0.0, float("-inf")
    for start, length in sorted(spans):
        total += max(0.0, start + length - max(start, until))
        until = max(until, start + length)
    return total


def time_spent(folder: Path) -> float:
    """Seconds in which the trials in a search's folder ran that are finished; those of several processes count once."""
    records = [read_record(path) for path in folder.glob(f"trial_*/{RECORD}")]
    return covered((record["began"], record["wall"]) for record in records if record)


def read_record(path: Path) -> dict[str, Any]:
    """The record of a trial; empty where there is none: the trial may be running."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
