"""What a user asks of generated music, checked and as the sampler takes it. Legend: `T` frames."""

import math
import os
from typing import Any

import numpy as np

from rnnkit.datasets.piano_rolls import KEYS
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.sampling import NO_LIMIT, sampling_settings

USUAL_GRID = 4  # steps of a quarter note, where nothing says it


def sampler_settings(temperature, top_k, top_p, max_hold, max_silence) -> dict[str, np.generic]:
    """The scalars that `RollSampler` takes.

    Raises:
        ArgumentError: one of them is out of its range.
    """
    settings = sampling_settings(temperature, top_k, top_p)
    for name, frames in {"max_hold": max_hold, "max_silence": max_silence}.items():
        if frames != math.inf:
            whole(name, frames)
    return {
        **settings,
        "max_hold": np.int32(min(max_hold, NO_LIMIT)),
        "max_silence": np.int32(min(max_silence, NO_LIMIT)),
    }


def read_primer(primer, steps_per_beat: int | None):
    """The path of a MIDI file, or a `Piece`, as a `Piece` on a grid; anything else as it is.

    Args:
        primer: what the user gave.
        steps_per_beat: the grid on which a piece is written; None where nothing says it.

    Raises:
        DataError: the file cannot be read.
    """
    if isinstance(primer, str | os.PathLike):
        return Piece.load(primer, steps_per_beat=steps_per_beat or USUAL_GRID)
    is_off = isinstance(primer, Piece) and steps_per_beat not in (None, primer.steps_per_beat)
    return primer.on_grid(steps_per_beat) if is_off else primer


def find_grid(given, primer, learned) -> dict[str, Any]:
    """The first `steps_per_beat` and `tempo` that is said, as arguments of `Piece`.

    Args:
        given: what the user gave, None where nothing.
        primer: a `Piece` brings its own.
        learned: that of the training data, where they have one.
    """
    own = {name: getattr(primer, name) for name in given} if isinstance(primer, Piece) else {}
    named = {name: value for name, value in given.items() if value is not None}
    return {"steps_per_beat": USUAL_GRID, "tempo": 120.0, **learned, **own, **named}


def primer_roll(primer) -> np.ndarray:
    """The frames to go on from, (T, 88); none for None.

    Args:
        primer: a `Piece`; a roll; or None.

    Raises:
        ArgumentError: it is nothing of that, or has no frames.
    """
    if primer is None:
        return np.zeros((0, KEYS), "uint8")
    try:
        return primer.roll if isinstance(primer, Piece) else Piece(primer).roll
    except (ArgumentError, ValueError) as error:
        raise ArgumentError(
            f"primer: expected a Piece, a roll or the path of a MIDI file ({error}). To begin from nothing, leave it "
            "out."
        ) from error


def lengthen(primer: np.ndarray, length: int) -> np.ndarray:
    """The primer with silence after it up to a length: uint8, shape (length, 88).

    Raises:
        ArgumentError: it leaves no frame to write.
    """
    if len(primer) >= length:
        raise ArgumentError(
            f"primer, length: the primer has {len(primer)} frames, and the length of the piece, {length}, includes it. "
            "Ask for a greater length, or give a shorter primer."
        )
    return np.pad(primer, ((0, length - len(primer)), (0, 0)))


def common_grid(pieces) -> dict[str, float]:
    """`steps_per_beat` and the median `tempo` of training data that are `Piece`s of one grid; else nothing."""
    grids = {piece.steps_per_beat if isinstance(piece, Piece) else 0 for piece in pieces}
    if len(grids) > 1 or 0 in grids:
        return {}
    return {"steps_per_beat": grids.pop(), "tempo": float(np.median([piece.tempo for piece in pieces]))}
