"""Rolls as training data: in which forms they come, and what is learned of them. Legend: `T` frames."""

import numpy as np

from rnnkit.datasets.piano_rolls import KEYS
from rnnkit.errors import DataError
from rnnkit.tasks.music.piece import Piece


def roll_column(x) -> list:
    """The raw rolls of `x`, as they are.

    Args:
        x: a `Dataset` or DataFrame with the column `roll`; or a list of rolls or `Piece`s.

    Raises:
        DataError: it is nothing of that, or empty.
    """
    if hasattr(x, "columns"):
        if "roll" not in x.columns:
            raise DataError(f"x: expected the column roll. There are: {', '.join(map(str, x.columns))}.")
        x = x["roll"]
    if isinstance(x, Piece | str | bytes | dict) or not hasattr(x, "__iter__"):
        raise DataError(f"x: expected a list of rolls or Pieces, or a Dataset, got {type(x).__name__}.")
    values = list(x)
    if not values:
        raise DataError("x: the data set is empty. Give at least one piece.")
    return values


def check_rolls(values) -> list[np.ndarray]:
    """Rolls and `Piece`s as arrays, int8, shape (T, 88); one that is no roll is named by its place."""
    return [_checked(row, value) for row, value in enumerate(values)]


def longest_runs(roll: np.ndarray) -> tuple[int, int]:
    """For how many frames one chord sounds without change at the longest, and for how many nothing sounds."""
    lengths, sounding = runs([roll])
    return int(lengths[sounding].max(initial=0)), int(lengths[~sounding].max(initial=0))


def runs(rolls: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How long each run of equal frames is, in frames, and whether anything sounds in it; all rolls on end."""
    starts = [np.flatnonzero(np.r_[True, (roll[1:] != roll[:-1]).any(axis=1)]) for roll in rolls]
    lengths = [np.diff(places, append=len(roll)) for places, roll in zip(starts, rolls, strict=True)]
    sounding = [roll[places].any(axis=1) for places, roll in zip(starts, rolls, strict=True)]
    return np.concatenate([np.zeros(0, int), *lengths]), np.concatenate([np.zeros(0, bool), *sounding])


def _checked(row: int, value) -> np.ndarray:
    try:
        roll = np.asarray(value.roll if isinstance(value, Piece) else value)
    except ValueError:  # lists of different lengths
        roll = np.asarray(None)
    if roll.ndim != 2 or roll.shape[1] != KEYS or not len(roll):
        advice = " Give a list of rolls, [roll]." if roll.shape == (KEYS,) else ""
        raise DataError(
            f"x: expected rolls of 0 and 1 of shape (T, {KEYS}) with at least one frame; row {row} is an array of "
            f"{roll.dtype} of shape {roll.shape}.{advice}"
        )
    if not np.isin(roll, (0, 1)).all():
        raise DataError(f"x: expected rolls of 0 and 1; row {row} has other numbers. Give velocities as roll > 0.")
    return roll.astype("int8")
