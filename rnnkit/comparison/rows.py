"""The rows of a comparison, on disk as soon as they are there."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from rnnkit.study.files import write_text
from rnnkit.study.training import COLUMNS
from rnnkit.study.work_folder import sound

RUNS = "runs.csv"
WHO = ("model", "kind", "seed", "units")
FIGURES = (
    *("parameters", "seconds", "seconds_to_best", "epochs", "best_epoch", "gain_min", "gain_max", "horizon_min"),
    *COLUMNS,
)


class Rows:
    """The rows of a comparison, each kept in a folder as soon as it is there.

    Args:
        folder: with the rows of earlier calls; None keeps nothing.
        metric: the column that is said.
        say: called with a line after each row; None is silent.

    Attributes:
        loaded: whether there were any.

    Raises:
        DataError: they were damaged.
    """

    def __init__(self, folder: Path | None, metric: str, say: Callable[[str], None] | None):
        self.path = None if folder is None else folder / RUNS
        self.metric, self.say = metric, say
        self.rows: list[dict] = [] if self.path is None or not self.path.is_file() else _read(self.path)
        self.loaded = bool(self.rows)

    def add(self, model: str, kind: str, seed: int | None, make: Callable[[], dict]) -> None:
        """Adds what `make` gives, unless this model and seed are there already."""
        if any(_is(row, model, seed) for row in self.rows):
            return
        start = time.monotonic()
        self.rows.append({"model": model, "kind": kind, "seed": math.nan if seed is None else seed, **make()})
        if self.path is not None:
            write_text(self.path, pd.DataFrame(self.rows).to_csv(index=False))
        if self.say is not None:
            value = self.rows[-1].get(self.metric)
            said = "" if value is None else f"  {self.metric} {value:.4f}"
            self.say(f"{model}{'' if seed is None else f'  seed {seed}'}{said}  {time.monotonic() - start:.0f} s")

    def frame(self, models: Sequence[str], seeds: int) -> pd.DataFrame:
        """The rows of these models and so many seeds, in this order."""
        wanted = [(model, seed) for model in models for seed in (*range(seeds), None)]
        rows = [row for model, seed in wanted for row in self.rows if _is(row, model, seed)]
        return pd.DataFrame(rows).reindex(columns=[*WHO, *_metrics(rows), *FIGURES])


def _read(path: Path) -> list[dict]:
    """The rows that are there.

    Raises:
        DataError: the file was damaged.
    """
    with sound(path.parent):
        table = pd.read_csv(path, dtype={"units": str})
        if missing := {*WHO[:3]} - {*table}:
            raise ValueError(f"{path.name} has no {', '.join(sorted(missing))}")
        numbers = [name for name in table if name not in ("model", "kind", "units")]
        return table.assign(**{str(name): pd.to_numeric(table[name]) for name in numbers}).to_dict("records")


def _is(row: dict, model: str, seed: int | None) -> bool:
    return row["model"] == model and (math.isnan(row["seed"]) if seed is None else row["seed"] == seed)


def _metrics(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row if name.startswith(("valid_", "test_"))))
