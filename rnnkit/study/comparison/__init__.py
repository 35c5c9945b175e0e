"""An honest comparison of recurrent cells on a task, with models that are not recurrent as baselines."""

from rnnkit.study.comparison.cells import compare
from rnnkit.study.comparison.table import Comparison

__all__ = ["Comparison", "compare"]
