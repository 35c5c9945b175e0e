"""Where a translator looked: the attention of each subword that it wrote, and its picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Alignment:
    """The attention weights of one translation.

    Attributes:
        source: the T subwords that were read, the end of the text last.
        target: the U subwords that were written, the end of the text last.
        weights: shape (U, T): where each subword looked, rows that sum to 1.
    """

    source: list[str]
    target: list[str]
    weights: np.ndarray

    def plot(self) -> "Figure":
        """A grid with the source to the right and the translation downwards: the darker, the more attention."""
        from matplotlib.figure import Figure

        size = [1.5 + 0.28 * len(labels) for labels in (self.source, self.target)]
        figure = Figure(figsize=(max(3.0, size[0]), max(2.0, size[1])), layout="constrained")
        axis = figure.subplots()
        axis.imshow(self.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set_xticks(range(len(self.source)), self.source, rotation=90)
        axis.set_yticks(range(len(self.target)), self.target)
        axis.xaxis.tick_top()
        for text in (*axis.get_xticklabels(), *axis.get_yticklabels()):
            text.set_parse_math(False)  # a pair of dollar signs is no formula here
        return figure
