"""What a run of music adds to its page: what the NLL is worth, and what the generated pieces are like."""

from collections.abc import Sequence

import pandas as pd

from rnnkit.report.markup import Markup, number, table
from rnnkit.report.page import Section, figure, text
from rnnkit.tasks.music.piano_roll import piano_roll
from rnnkit.tasks.music.piece import Piece

BEATS = 32  # of a picture


def floors(baselines: pd.DataFrame) -> Markup:
    """The NLL of models without a network, beside the run's own, which is the last."""
    *others, (_, own) = baselines.itertuples(index=False)
    beside = " and ".join(f"{number(nll)} by {name}" for name, nll in others)
    return text(f"NLL on test data is {number(own)} nats a step, lower is better. Without a network: {beside}.")


def generated(statistics: pd.DataFrame, pieces: Sequence[Piece]) -> Section:
    """Pictures of generated pieces, and the measures of all of them beside the data's."""
    panels = [(f"Piece {place}", _picture(piece)) for place, piece in enumerate(pieces, start=1)]
    caption = f"Each bar is a note; up to {BEATS} beats are shown. The folder pieces has them whole, to be listened to."
    shown = figure("Generated from nothing", panels, caption) if panels else None
    return Section("music", "Music", [shown, table(statistics, "Generated pieces beside the data")])


def _picture(piece: Piece) -> Markup:
    """The beginning of a piece."""
    grid = piece.steps_per_beat
    shown = Piece(piece.roll[: BEATS * grid], steps_per_beat=grid)
    notes = [(pitch, start / grid, end / grid) for pitch, start, end in shown.notes()]
    beats = len(shown) / grid
    return piano_roll(notes, beats, f"Piano roll of a generated piece: {len(notes)} notes in {beats:g} beats.")
