"""The trials of a search as a table, and what it says about the hyperparameters."""

import numpy as np
import pandas as pd

from rnnkit.study.training import COLUMNS
from rnnkit.tuning.objectives import THROUGH_TIME

MEASURED = ("seconds", "epochs", "parameters")
GROUPS = 3  # a hyperparameter that is a range is cut into so many groups of about equal size


def results_frame(tuner) -> pd.DataFrame:
    """See `GuidedSearch.results`."""
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.start_order]
    rows = [_row(trial, tuner.record(trial.trial_id)) for trial in trials]
    asked = dict.fromkeys(name for _, values, _, _ in rows for name in values)
    metrics = dict.fromkeys(name for _, _, values, _ in rows for name in values)
    columns = ["trial", "status", "reason", *asked, "score", *metrics, *MEASURED, "wall", *COLUMNS]
    through_time = [name for name in THROUGH_TIME if any(name in row[-1] for row in rows)]
    table = [{**head, **values, **scores, **figures} for head, values, scores, figures in rows]
    return pd.DataFrame(table, columns=[*columns, *through_time])


def _row(trial, record: dict) -> tuple[dict, dict, dict, dict]:
    """Who it is, its hyperparameters, its metrics, and its figures."""
    gradients = (*COLUMNS, *THROUGH_TIME)
    logs = {name: history.get_history()[-1].mean() for name, history in trial.metrics.metrics.items()}
    status = {"COMPLETED": "completed", "RUNNING": "running"}.get(trial.status, "failed")
    reason = record.get("reason", "")
    if status == "failed" and not reason:
        reason = "the objective is not a number"
    head = {"trial": trial.trial_id, "status": status, "reason": reason, "score": trial.score}
    metrics = {
        name: value for name, value in logs.items() if name not in (*gradients, "update_ratio", "clip_threshold")
    }
    figures = {name: record.get(name) for name in (*MEASURED, "wall", *COLUMNS)}
    figures |= {name: value for name, value in logs.items() if name in gradients}
    return head, _values(trial), metrics if status == "completed" else {}, figures


def _values(trial) -> dict:
    """The hyperparameters without KerasTuner's own; the thresholds of all clipping rules are one column."""
    asked = {name: value for name, value in trial.hyperparameters.values.items() if not name.startswith("tuner/")}
    return {"threshold" if name.endswith("_threshold") else name: value for name, value in asked.items()}


def importance(tuner) -> pd.Series:
    """How much of the objective's variance over the completed trials each hyperparameter explains by itself.

    Trials are grouped by the hyperparameter's value, ranges into three groups of about equal size. The share is epsilon
    squared (T. L. Kelley, "An unbiased correlation ratio measure", 1935): that of the variance between groups, less
    what chance would give, cut at 0. What two hyperparameters do together is not seen.

    Args:
        tuner: a `GuidedSearch`.

    Returns:
        Hyperparameter -> share, largest first; NaN where fewer than two trials a group are there.
    """
    table = results_frame(tuner)
    done = table[table["status"] == "completed"]
    names = dict.fromkeys(name for trial in tuner.oracle.trials.values() for name in _values(trial))
    shares = {name: explained(done[name], done["score"].astype(float)) for name in names}
    return pd.Series(shares, dtype=float, name="importance").sort_values(ascending=False)


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
