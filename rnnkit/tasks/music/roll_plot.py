"""The picture of a piece."""

import functools
from typing import TYPE_CHECKING

from rnnkit.datasets.piano_rolls import HIGHEST, LOWEST
from rnnkit.report.plot import COLORS, GRID, PAPER, Panel

if TYPE_CHECKING:
    from rnnkit.tasks.music.piece import Piece

BLACK = {1, 3, 6, 8, 10}  # pitch classes


def roll_panel(piece: "Piece", title: str = "") -> Panel:
    """Bars for notes over rows for keys: beats to the right, pitches upwards, black keys shaded, a line at each C.

    Args:
        piece: the piece. The rows go from two keys below its lowest note to two above its highest.
        title: of the panel.
    """
    notes, beats = list(piece.notes()), len(piece) / piece.steps_per_beat
    alt = f"Piano roll of a piece: {len(notes)} notes in {beats:g} beats."
    return Panel(title, functools.partial(_roll, notes=notes, beats=beats, grid=piece.steps_per_beat), alt)


def _roll(axis, notes: list[tuple[int, int, int]], beats: float, grid: int) -> None:
    pitches = sorted({pitch for pitch, _, _ in notes})
    lowest, highest = (pitches[0], pitches[-1]) if pitches else (60, 60)  # silence is shown around middle C
    low, high = max(LOWEST, lowest - 2), min(HIGHEST, highest + 2)
    _keyboard(axis, low, high)
    for pitch in pitches:
        bars = [(start / grid, (end - start) / grid) for key, start, end in notes if key == pitch]
        axis.broken_barh(bars, (pitch - 0.4, 0.8), facecolor=COLORS[0], edgecolor=PAPER, linewidth=0.4)
    axis.set(xlim=(0, beats), ylim=(low - 0.5, high + 0.5), xlabel="beat")


def _keyboard(axis, low: int, high: int) -> None:
    """Shade the black keys, and name every C; MIDI pitch 60 is C4."""
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK:
            axis.axhspan(pitch - 0.5, pitch + 0.5, color=GRID, alpha=0.6, linewidth=0, zorder=0)
    cs = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axis.set_yticks(cs, [f"C{pitch // 12 - 1}" for pitch in cs])
