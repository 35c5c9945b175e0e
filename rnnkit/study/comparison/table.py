"""The table of a comparison."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSTS = ("parameters", "memory_mib", "seconds_to_best")
GRADIENTS = ("gain_min", "gain_max", "horizon_min", "grad_norm", "clip_rate")


@dataclass(frozen=True)
class Comparison:
    """The runs of `compare`.

    Attributes:
        frame: one row per cell and seed, and per baseline: `model`, `kind` (`recurrent`, `network` or `rule`), `seed`,
            `units`, the metrics `valid_*` and `test_*` of the epoch that is best on validation, `parameters`,
            `memory_mib` (the most that was in use, above that before), `seconds` (of the whole training),
            `seconds_to_best`, `epochs`, `best_epoch` (from 1), `gain_min`, `gain_max`, `horizon_min` of the
            trained model, and over all steps `grad_norm`, `grad_norm_max`, `clip_rate`,
            `skipped_steps`. NaN where it does not apply.
        metric: the metric that the task goes by, without `valid_`.
        mode: `"max"` or `"min"`: its better end.
        chance: its value by the first rule of the task.
    """

    frame: pd.DataFrame
    metric: str
    mode: str
    chance: float

    @property
    def summary(self) -> pd.DataFrame:
        """One row per model, best on validation first: `kind`, `seeds`, mean and standard deviation (`_std`) of the
        metric on `valid` and `test`, and the means of `parameters`, `memory_mib`, `seconds_to_best`, `gain_min`,
        `gain_max`, `horizon_min`, `grad_norm` and `clip_rate`.

        `per_second` is quality per second: how far the metric on validation lies on the better side of `chance`,
        divided by `seconds_to_best`.
        """
        rows = [self._summed(str(name), group) for name, group in self.frame.groupby("model", sort=False)]
        table = pd.DataFrame(rows).set_index("model")
        return table.sort_values("valid", ascending=self.mode == "min")

    def plot(self) -> "Figure":
        """A `matplotlib.figure.Figure`: each run's metric by model, and against the seconds to the best epoch."""
        from rnnkit.study.comparison.plot import comparison_plot

        return comparison_plot(self).figure()

    def _summed(self, name: str, runs: pd.DataFrame) -> dict:
        row = {"model": name, "kind": runs["kind"].iloc[0], "seeds": len(runs)}
        for part in ("valid", "test"):
            scores = runs.get(f"{part}_{self.metric}", pd.Series(dtype=float)).astype(float)
            row |= {part: scores.mean(), f"{part}_std": scores.std()}
        row |= {each: runs[each].astype(float).mean() for each in (*COSTS, *GRADIENTS)}
        gained = (row["valid"] - self.chance) * (1 if self.mode == "max" else -1)
        row["per_second"] = gained / row["seconds_to_best"] if row["seconds_to_best"] else np.nan
        return row
