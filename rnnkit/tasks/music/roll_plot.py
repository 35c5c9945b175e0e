"""The picture of a piece."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnkit.datasets.piano_rolls import HIGHEST, LOWEST

if TYPE_CHECKING:
    from rnnkit.tasks.music.piece import Piece

NOTE, BLACK_KEY, OCTAVE = "#1f4e79", "#f2f2f2", "#d0d0d0"
BLACK = {1, 3, 6, 8, 10}  # pitch classes


def roll_figure(piece: "Piece") -> Figure:
    """Bars for notes over rows for keys: beats to the right, pitches upwards, black keys shaded, a line at each C.

    Args:
        piece: the piece. The rows go from two keys below its lowest note to two above its highest.
    """
    notes = list(piece.notes())
    pitches = sorted({pitch for pitch, _, _ in notes})
    lowest, highest = (pitches[0], pitches[-1]) if pitches else (60, 60)  # silence is shown around middle C
    low, high = max(LOWEST, lowest - 2), min(HIGHEST, highest + 2)
    figure = Figure(figsize=(10, 1.2 + (high - low + 1) / 12), layout="constrained")
    axis = figure.subplots()
    _keyboard(axis, low, high)
    for pitch in pitches:
        steps = [(start, end - start) for key, start, end in notes if key == pitch]
        beats = [(start / piece.steps_per_beat, length / piece.steps_per_beat) for start, length in steps]
        axis.broken_barh(beats, (pitch - 0.4, 0.8), facecolor=NOTE, edgecolor="white", linewidth=0.4)
    axis.set(xlim=(0, len(piece) / piece.steps_per_beat), ylim=(low - 0.5, high + 0.5), xlabel="beat")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=16))
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def _keyboard(axis, low: int, high: int) -> None:
    """Shade the black keys, and name every C; MIDI pitch 60 is C4."""
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK:
            axis.axhspan(pitch - 0.5, pitch + 0.5, color=BLACK_KEY, linewidth=0, zorder=0)
    cs = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    for pitch in cs:
        axis.axhline(pitch - 0.5, color=OCTAVE, linewidth=0.8, zorder=0.5)
    axis.set_yticks(cs, [f"C{pitch // 12 - 1}" for pitch in cs])
