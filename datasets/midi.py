"""MIDI files as piano rolls: one file, or a folder of the user's own.

Time is counted in beats (quarter notes), so that a piece has the same roll however fast, or with whatever changes of
tempo, it is played. A roll says which keys sound, not when they are struck: a note that is repeated without a rest
between is one long note. The pedal is not heard. Legend: `T` steps.
"""

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnkit.checks import whole
from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.piano_rolls import HIGHEST, KEYS, LOWEST
from rnnkit.errors import DataError
from rnnkit.text.textfile import regular_file

if TYPE_CHECKING:
    import mido

SUFFIXES = (".mid", ".midi")
MAX_BYTES = 1_000_000  # of a file; an hour of dense piano music has about 0.5 MB
MAX_STEPS = 20_000  # of a piece; at 4 steps a beat and 120 beats a minute this is 42 minutes


class MidiRoll(NamedTuple):
    """What was read from a MIDI file.

    Attributes:
        roll: uint8, shape (T, 88), up to the end of the last track, with the silence before and after the music.
        tempo: beats a minute at the beginning.
        outside: how many notes were left out because the piano has no key for them.
    """

    roll: np.ndarray
    tempo: float
    outside: int


def read_midi_folder(path: str | os.PathLike[str], *, steps_per_beat: int = 4, max_steps: int = MAX_STEPS) -> Dataset:
    """Read all MIDI files of a folder and of the folders in it, in the order of their names.

    A file that cannot be used is passed over, and one that has notes outside the piano's keys loses them; a warning
    names all these files with the reasons. Silence before the first and after the last note of a piece is cut, and
    pieces of a single step, in which nothing can be predicted, are passed over.

    Args:
        path: the folder. Files count that end on `.mid` or `.midi`.
        steps_per_beat: the grid: steps of a quarter note. 4 is a grid of 16th notes; notes move to the nearest step,
            and last one at least.
        max_steps: longer files, silence included, are passed over, which bounds memory.

    Returns:
        A data set with the column `roll`: uint8, shape (T, 88), of every file that could be read; see `Dataset.split`.
        Drums (channel 10) are left out, and so are notes of zero length and notes that no event ends.

    Raises:
        ArgumentError: `steps_per_beat` or `max_steps` is no positive whole number.
        DataError: there is no such folder, it has no MIDI file, or none of them can be used.
    """
    folder = Path(path)
    files = _midi_files(folder)
    rolls, notices = [], []
    for file in files:
        name = file.relative_to(folder)
        try:
            music = read_midi(file, steps_per_beat=steps_per_beat, max_steps=max_steps)
            rolls.append(_without_silence(music.roll))
        except DataError as error:
            notices.append(f"{name}: skipped; {str(error).removeprefix(f'{file} ')}")
            continue
        if music.outside:
            notices.append(f"{name}: read without {music.outside} notes that are not among the pitches 21 to 108")
    listed = "\n  ".join(notices)
    if not rolls:
        raise DataError(f"{folder} has no MIDI file that can be used:\n  {listed}")
    if notices:
        warnings.warn(
            f"{folder}: {len(rolls)} of {len(files)} MIDI files read. Not as they are:\n  {listed}", stacklevel=2
        )
    return Dataset({"roll": rolls}, name=folder.name)


def read_midi(path: str | os.PathLike[str], *, steps_per_beat: int = 4, max_steps: int = MAX_STEPS) -> MidiRoll:
    """Read one MIDI file.

    Args:
        path: the file.
        steps_per_beat, max_steps: as for `read_midi_folder`.

    Returns:
        Roll, tempo, and the count of notes that were left out. Voices that meet on one key are one note there.

    Raises:
        ArgumentError: `steps_per_beat` or `max_steps` is no positive whole number.
        DataError: the file is missing, too large, no whole MIDI file, empty, or longer than `max_steps`.
    """
    for name, value in {"steps_per_beat": steps_per_beat, "max_steps": max_steps}.items():
        whole(name, value)
    path = Path(path)
    midi = _parse(path)
    ticks = max((sum(event.time for event in track) for track in midi.tracks), default=0)
    steps = _nearest(ticks * steps_per_beat / midi.ticks_per_beat)
    if not steps:
        raise DataError(f"{path} holds no music: it has no length.")
    if steps > max_steps:
        raise DataError(
            f"{path} has {steps} steps at {steps_per_beat} steps a beat; at most {max_steps} are read. "
            "Cut it into shorter pieces, or pass a larger max_steps."
        )
    return _on_grid(path, midi, steps, steps_per_beat)


def _parse(path: Path) -> "mido.MidiFile":
    """The tracks of a MIDI file, its size checked first: events in memory take a hundred times their bytes."""
    import mido

    try:
        size = regular_file(path).stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path} has {size / 1e6:.1f} MB; a MIDI file of at most {MAX_BYTES / 1e6:.0f} MB is read.")
        midi = mido.MidiFile(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error or 'it is no MIDI file'}.") from error
    except DataError:
        raise
    except Exception as error:  # broken bytes make mido raise errors of many types
        raise DataError(f"{path} is no whole MIDI file: {_said(error)}.") from error
    if midi.ticks_per_beat < 1 or midi.type == 2:
        raise DataError(f"{path} is not timed in beats that its tracks share (SMPTE time, or MIDI type 2).")
    return midi


def _on_grid(path: Path, midi: "mido.MidiFile", steps: int, steps_per_beat: int) -> MidiRoll:
    """Put the notes of parsed tracks on the grid."""
    import pretty_midi

    try:
        with warnings.catch_warnings():
            # Tempo on later tracks: it changes seconds, and this grid counts beats.
            warnings.simplefilter("ignore", RuntimeWarning)
            music = pretty_midi.PrettyMIDI(mido_object=midi)
    except Exception as error:  # as in _parse
        raise DataError(f"{path} is no whole MIDI file: {_said(error)}.") from error
    roll, outside = np.zeros((steps, KEYS), dtype="uint8"), 0
    for pitch, start, end in _notes(music, steps_per_beat / midi.ticks_per_beat):
        outside += not LOWEST <= pitch <= HIGHEST
        if LOWEST <= pitch <= HIGHEST:
            start = min(start, steps - 1)
            roll[start : max(start + 1, end), pitch - LOWEST] = 1
    return MidiRoll(roll, float(music.get_tempo_changes()[1][0]), outside)


def _notes(music, steps_per_tick: float) -> Iterator[tuple[int, int, int]]:
    """Yield pitch, first step and step after the last of every note that is no drum's."""
    for instrument in music.instruments:
        for note in instrument.notes if not instrument.is_drum else ():
            start, end = (_nearest(music.time_to_tick(time) * steps_per_tick) for time in (note.start, note.end))
            yield note.pitch, start, end


def _nearest(steps: float) -> int:
    return math.floor(steps + 0.5)  # not round(), which takes halves to the even neighbour: an uneven grid


def _said(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _without_silence(roll: np.ndarray) -> np.ndarray:
    sounding = np.flatnonzero(roll.any(axis=1))
    if not len(sounding):
        raise DataError("it has no notes that the piano's keys can play, drums left out.")
    if sounding[0] == sounding[-1]:
        raise DataError("it has a single step of music, and nothing follows it.")
    return roll[sounding[0] : sounding[-1] + 1]


def _midi_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; expected one with MIDI files.")
    try:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    except RecursionError as error:
        raise DataError(f"{folder} has too many folders within one another. Name an inner one.") from error
    if not files:
        raise DataError(f"{folder} has no MIDI file: none in it or in its folders ends on {' or '.join(SUFFIXES)}.")
    return files
