"""Does the diagnosis name the problem of other people's models, and does its first cure heal it?

    python benchmarks/diagnosis_quality.py --seeds 0:1 --out trial.csv
    python benchmarks/diagnosis_quality.py --seeds 0:1 --only vanishing exploding
    python benchmarks/diagnosis_quality.py --seeds 0:1 --only problems further --shapes 2  # for the table of pairs
    python benchmarks/diagnosis_quality.py --seeds 0:1 --check-cases

Each seed draws every problem of `failing_models.problems` on each of its model shapes, and every model of
`failing_models.healthy`, in random sizes; `further` are problems for rules that those of the trial do not reach. How
a case is made and counted is described in docs/diagnosis-trial.md. Each finished case is a row of --out at once, and is
not done again.
"""

import argparse
import csv
import multiprocessing
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pandas as pd
from failing_models import trial

TRUTHS = ("unknown", "named", "named_at_all", "healed", "next_heals", "has_cure", "alarm")
RENEWED = 15  # cases of one process: Keras keeps what it has compiled
PAIRS = ("finding", "first cure", "models", "heals", "next cure", "heals in its place", "first alone heals")
HEADER = ("problem", "model", "cases", "named first", "first cure heals", "not known", "raised")


def run(work, todo, processes):
    """The results of `work`, as they come."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, initializer=trial.one_core, maxtasksperchild=RENEWED) as pool:
        yield from pool.imap_unordered(work, todo)


def read(path):
    """The finished cases."""
    rows = pd.read_csv(path, keep_default_na=False)
    for name in TRUTHS:
        rows[name] = rows[name].astype(str) == "True"
    return rows.drop_duplicates(list(trial.CASE), keep="last")


def keys(rows):
    return list(rows[list(trial.CASE)].itertuples(index=False, name=None))


def go_on(path, todo, processes):
    """Does what is missing in a file."""
    done = set(keys(read(path))) if path.exists() else set()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, trial.COLUMNS)
        if file.tell() == 0:
            writer.writeheader()
        for row in run(trial.examine, [case for case in todo if case not in done], processes):
            writer.writerow(row)
            file.flush()
            print(*(f"{name}={value}" for name, value in row.items() if value not in ("", False)), flush=True)


def markdown(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def by_problem(failing):
    """A line for each problem and shape."""
    lines = []
    for (problem, shape), group in failing.groupby(["problem", "shape"], sort=False):
        curable = int(group["has_cure"].sum())
        healed = f"{int(group['healed'].sum())} of {curable}" if curable else "has no cure"
        counts = [int(group["unknown"].sum()), int((group["raised"] != "").sum())]
        lines.append([problem, shape, len(group), int(group["named"].sum()), healed, *counts])
    return markdown(HEADER, lines)


def by_pair(failing):
    """A line for each finding with its first cure: what that heals, and what the next cure heals in its place.

    A star marks a cure that the diagnosis does not name, tried where it names one only.
    """
    failing = failing.assign(
        model=[
            f"{case[2]} ({trial.cell_of(case, drawing)})"
            for case, drawing in zip(keys(failing), failing["drawing"], strict=True)
        ],
        after=failing["next"] + np.where(failing["next_line"] == "", "\\*", ""),
    )
    named = failing[failing["named"] & (failing["cure"] != "")]
    lines = []
    for (finding, cure), group in named.groupby([named["findings"].str.split("|").str[0], "cure"], sort=False):
        other = group[group["next"] != ""]
        only = int((other["healed"] & ~other["next_heals"]).sum())
        cells = [", ".join(sorted(set(group["model"]))), f"{int(group['healed'].sum())} of {len(group)}"]
        after = ", ".join(sorted(set(other["after"]))) or "none"
        lines.append([finding, cure, *cells, after, f"{int(other['next_heals'].sum())} of {len(other)}", only])
    return markdown(PAIRS, lines)


def totals(failing, healthy):
    both = pd.concat([failing, healthy])
    curable = failing[failing["has_cure"]]
    parts = {
        "problem named first": failing["named"],
        "problem named at all": failing["named_at_all"],
        "first cure alone heals": curable["healed"],
        "not known": failing["unknown"],
        "false alarms": healthy["alarm"],
        "raised": both["raised"] != "",
    }
    lines = [[name, f"{hits.sum()} of {len(hits)}", f"{hits.mean():.1%}"] for name, hits in parts.items()]
    return markdown(("", "cases", "share"), lines)


def report(rows):
    """The tables of all cases that count, and the false alarms."""
    counts = rows[rows["drawing"].astype(int) < trial.DRAWINGS]
    failing, healthy = (counts[(counts["problem"] == "healthy") == well] for well in (False, True))
    alarms = markdown(("healthy model", "said of it"), healthy[healthy["alarm"]][["shape", "findings"]].to_numpy())
    left = f"Left out, as no drawing was what it should be: {len(rows) - len(counts)}."
    return "\n\n".join([by_problem(failing), by_pair(failing), alarms, totals(failing, healthy), left])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:1", help="A:B, without B")
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="PROBLEM", help="problems by name; healthy, problems, further"
    )
    parser.add_argument("--shapes", type=int, help="run only the first N model shapes of each problem")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--check-cases", action="store_true", help="only whether the cases are what they should be")
    parser.add_argument("--out", type=Path, default=Path("diagnosis_trial.csv"))
    arguments = parser.parse_args()
    todo = list(trial.cases(range(*map(int, arguments.seeds.split(":"))), arguments.only, arguments.shapes))
    if arguments.check_cases:
        for line in run(trial.check, todo, arguments.processes):
            print(line, flush=True)
        return
    go_on(arguments.out, todo, arguments.processes)
    rows = read(arguments.out)
    print(report(rows[[key in set(todo) for key in keys(rows)]]))


if __name__ == "__main__":
    main()
