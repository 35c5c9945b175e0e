"""What a search says on the way."""


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
