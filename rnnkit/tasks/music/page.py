"""What a run of music adds to its page: what the NLL is worth, and what the generated pieces are like."""

from collections.abc import Sequence

import pandas as pd

from rnnkit.report.markup import Markup, number, table
from rnnkit.report.page import Section, figure, text
from rnnkit.report.plot import Plot
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.music.roll_plot import roll_panel

BEATS = 32  # of a picture


def floors(baselines: pd.DataFrame) -> Markup:
    """The NLL of models without a network, beside the run's own, which is the last."""
    *others, (_, own) = baselines.itertuples(index=False)
    beside = " and ".join(f"{number(nll)} by {name}" for name, nll in others)
    return text(f"NLL on test data is {number(own)} nats a step, lower is better. Without a network: {beside}.")


def generated(statistics: pd.DataFrame, pieces: Sequence[Piece]) -> Section:
    """Pictures of generated pieces, and the measures of all of them beside the data's."""
    panels = [roll_panel(_beginning(piece), f"Piece {place}") for place, piece in enumerate(pieces, start=1)]
    caption = f"Each bar is a note; up to {BEATS} beats are shown. The folder pieces has them whole, to be listened to."
    shown = figure(Plot("Generated from nothing", panels, caption)) if panels else None
    return Section("music", "Music", [shown, table(statistics, "Generated pieces compared with the data")])


def _beginning(piece: Piece) -> Piece:
    return Piece(piece.roll[: BEATS * piece.steps_per_beat], steps_per_beat=piece.steps_per_beat)
