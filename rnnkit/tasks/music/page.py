"""What a run of music adds to its page: the NLL compared with baselines, and the generated pieces; the piano roll."""

import functools
from collections.abc import Sequence

import pandas as pd

from rnnkit.datasets.piano_rolls import HIGHEST, LOWEST
from rnnkit.report.markup import Markup, number, table
from rnnkit.report.page import Section, figure, text
from rnnkit.report.plot import COLORS, GRID, PAPER, Panel, Plot
from rnnkit.tasks.music.piece import Piece

BEATS = 32  # of a picture
BLACK = {1, 3, 6, 8, 10}  # pitch classes


def floors(baselines: pd.DataFrame) -> Markup:
    """The NLL of models without a network, compared with the run's own, which is the last."""
    *others, (_, own) = baselines.itertuples(index=False)
    known = " and ".join(f"{number(nll)} by {name}" for name, nll in others)
    return text(f"NLL on test data is {number(own)} nats per step, lower is better. Without a network: {known}.")


def generated(statistics: pd.DataFrame, pieces: Sequence[Piece]) -> Section:
    """Pictures of generated pieces, and the statistics of all of them compared with the data's."""
    panels = [roll_panel(_beginning(piece), f"Piece {place}") for place, piece in enumerate(pieces, start=1)]
    caption = f"Each bar is a note; up to {BEATS} beats are shown. The folder pieces has the complete MIDI files."
    shown = figure(Plot("Generated from nothing", panels, caption)) if panels else None
    return Section("music", "Music", [shown, table(statistics, "Generated pieces compared with the data")])


def _beginning(piece: Piece) -> Piece:
    return Piece(piece.roll[: BEATS * piece.steps_per_beat], steps_per_beat=piece.steps_per_beat)


def roll_panel(piece: Piece, title: str = "") -> Panel:
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
