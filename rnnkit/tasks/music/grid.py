"""Music for a run: as `Piece`s, from which a model learns how long a step is; rolls alone do not say it."""

import os

from rnnkit import datasets
from rnnkit.datasets import Dataset, Splits
from rnnkit.tasks.music.generation import USUAL_GRID
from rnnkit.tasks.music.piece import Piece


def grid_of(data: str, steps_per_beat: int | None = None) -> int:
    """Steps per quarter note.

    Args:
        data: a data set's name, or the path of a folder of MIDI files.
        steps_per_beat: with which the folder was read, if that was asked for.
    """
    known = datasets.info(data).steps_per_beat if datasets.is_known(data) else None
    return steps_per_beat or known or USUAL_GRID


def load_music(name: str) -> Splits:
    """A data set of rolls by its name, as `datasets.load` gives it, with `Piece`s in the column `roll`."""
    return Splits(*(_pieces(part, grid_of(name)) for part in datasets.load(name)))


def read_music(path: str | os.PathLike[str], steps_per_beat: int | None = None) -> Dataset:
    """A folder of MIDI files, as `datasets.read_midi_folder` reads it, with `Piece`s in the column `roll`."""
    grid = grid_of(str(path), steps_per_beat)
    return _pieces(datasets.read_midi_folder(path, steps_per_beat=grid), grid)


def _pieces(data: Dataset, steps_per_beat: int) -> Dataset:
    return Dataset({"roll": [Piece(roll, steps_per_beat=steps_per_beat) for roll in data["roll"]]}, name=data.name)
