"""MIDI files as piano rolls: one file, or a folder of the user's own.

Time is counted in beats (quarter notes), so that a piece has the same roll however fast, or with whatever changes of
tempo, it is played. A roll says which keys sound, not when they are struck: a note that is repeated without a rest
between is one long note. The pedal is not heard. Legend: `T` steps.
"""

import math
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.midi_events import Events, parse
from rnnkit.datasets.piano_rolls import HIGHEST, KEYS, LOWEST
from rnnkit.errors import DataError, DataNotice
from rnnkit.errors.checks import whole
from rnnkit.text.textfile import regular_file

SUFFIXES = (".mid", ".midi")
MAX_BYTES = 1_000_000  # of a file; an hour of dense piano music has about 0.5 MB
MAX_STEPS = 20_000  # of a piece; at 4 steps per beat and 120 beats per minute this is 42 minutes


class MidiRoll(NamedTuple):
    """What was read from a MIDI file.

    Attributes:
        roll: uint8, shape (T, 88), up to the end of the last track, with the silence before and after the music.
        tempo: beats per minute where the first note begins, from whichever track.
        notices: what was left out or repaired.
    """

    roll: np.ndarray
    tempo: float
    notices: tuple[str, ...]


def read_midi_folder(path: str | os.PathLike[str], *, steps_per_beat: int = 4, max_steps: int = MAX_STEPS) -> Dataset:
    """Read all MIDI files of a folder and of the folders in it, in the order of their names.

    A file that cannot be used is passed over, one that has notes outside the piano's keys loses them, and a note that
    no event ends lasts until its track ends; a warning names all these files with the reasons. Silence before the first
    and after the last note of a piece is cut, and pieces of a single step, in which nothing can be predicted, are
    passed over.

    Args:
        path: the folder. Files count that end on `.mid` or `.midi`.
        steps_per_beat: the grid: steps per quarter note. 4 is a grid of 16th notes; notes move to the nearest step,
            and last one at least.
        max_steps: longer files, silence included, are passed over, which bounds memory.

    Returns:
        A data set with the column `roll`: uint8, shape (T, 88), of every file that could be read; see `Dataset.split`.
        Drums (channel 10) are left out, and so are notes of zero length.

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
            rolls.append(_without_silence(music))
        except DataError as error:
            notices.append(f"{name}: skipped; {str(error).removeprefix(f'{file} ')}")
            continue
        notices += [f"{name}: {notice}" for notice in music.notices]
    listed = "\n  ".join(notices)
    if not rolls:
        raise DataError(f"{folder} has no MIDI file that can be used:\n  {listed}")
    if notices:
        told = f"{folder}: {len(rolls)} of {len(files)} MIDI files read. Not as they are:\n  {listed}"
        warnings.warn(DataNotice(told), stacklevel=2)
    return Dataset({"roll": rolls}, name=folder.name)


def read_midi(path: str | os.PathLike[str], *, steps_per_beat: int = 4, max_steps: int = MAX_STEPS) -> MidiRoll:
    """Read one MIDI file.

    Args:
        path: the file.
        steps_per_beat, max_steps: as for `read_midi_folder`.

    Returns:
        Roll, tempo, and what of the file was left out or repaired. Voices that meet on one key are one note there.

    Raises:
        ArgumentError: `steps_per_beat` or `max_steps` is no positive whole number.
        DataError: the file is missing, too large, no whole MIDI file, empty, or longer than `max_steps`.
    """
    for name, value in {"steps_per_beat": steps_per_beat, "max_steps": max_steps}.items():
        whole(name, value)
    path = Path(path)
    events = _events(path)
    steps = _nearest(events.length * steps_per_beat / events.ticks_per_beat)
    if not steps:
        raise DataError(f"{path} has no music: its length is zero.")
    if steps > max_steps:
        raise DataError(
            f"{path} has {steps} steps at {steps_per_beat} steps per beat; at most {max_steps} are read.",
            advice="Cut it into shorter pieces, or pass a larger <max_steps>.",
        )
    return _on_grid(events, steps, steps_per_beat / events.ticks_per_beat)


def _events(path: Path) -> Events:
    """The events of a file, its size checked first: in memory they take a hundred times their bytes."""
    try:
        size = regular_file(path).stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path} has {size / 1e6:.1f} MB; a MIDI file of at most {MAX_BYTES / 1e6:.0f} MB is read.")
        return parse(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{path} is not a complete MIDI file: {error}.") from error


def _on_grid(events: Events, steps: int, steps_per_tick: float) -> MidiRoll:
    """Put notes on the grid."""
    played = [note for note in events.notes if LOWEST <= note.pitch <= HIGHEST]
    roll = grid_roll(played, steps, steps_per_tick)
    counts, outside = events.counts, len(events.notes) - len(played)
    told = [
        (outside, "note", f"outside the pitches {LOWEST} to {HIGHEST} left out"),
        (counts["unended"], "note", "without an end held until the end of the track"),
        (counts["clipped"], "byte", "above 127 read as 127"),
        (counts["damaged"], "tempo", "that cannot be read passed over"),
    ]
    notices = [f"{count} {what}{'s' if count > 1 else ''} {text}" for count, what, text in told if count]
    if counts["drums"] and not events.notes:
        notices.append("it has only drums (channel 10), which are left out")
    return MidiRoll(roll, events.tempo, tuple(notices))


def grid_roll(notes: Iterable[tuple[int, float, float]], steps: int, scale: float) -> np.ndarray:
    """The roll of notes (MIDI pitch, start, end), whose times are moved to the nearest step.

    Args:
        notes: of pitches 21 to 108; each gets one step at least.
        steps: T.
        scale: steps per unit of the notes' times.

    Returns:
        uint8, shape (T, 88).
    """
    roll = np.zeros((steps, KEYS), dtype="uint8")
    for pitch, start, end in notes:
        first = min(_nearest(start * scale), steps - 1)
        roll[first : max(first + 1, _nearest(end * scale)), pitch - LOWEST] = 1
    return roll


def _nearest(steps: float) -> int:
    return math.floor(steps + 0.5)  # not round(), which takes halves to the even neighbour: an uneven grid


def _without_silence(music: MidiRoll) -> np.ndarray:
    sounding = np.flatnonzero(music.roll.any(axis=1))
    if not len(sounding):
        raise DataError(
            f"it has no notes that the piano's keys can play; {'; '.join(music.notices) or 'it is silent'}."
        )
    if sounding[0] == sounding[-1]:
        raise DataError("it has a single step of music, and nothing follows it.")
    return music.roll[sounding[0] : sounding[-1] + 1]


def _midi_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; expected one with MIDI files.")
    try:
        files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    except RecursionError as error:
        raise DataError(f"{folder} has too many folders within one another. Name an inner one.") from error
    if not files:
        raise DataError(f"{folder} has no MIDI file: no file in it or in its folders ends in {' or '.join(SUFFIXES)}.")
    return files
