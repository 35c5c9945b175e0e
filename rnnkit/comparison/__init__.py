"""An honest comparison of recurrent cells on a task, beside models that are not recurrent."""

from rnnkit.comparison.cells import compare
from rnnkit.comparison.table import Comparison

__all__ = ["Comparison", "compare"]
