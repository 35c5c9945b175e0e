"""A piece of music on a grid of equal steps. Legend: `T` steps."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnkit.datasets.midi import MAX_STEPS, grid_roll, read_midi
from rnnkit.datasets.piano_rolls import KEYS, LOWEST
from rnnkit.errors import ArgumentError, DataNotice
from rnnkit.errors.checks import installed, whole

if TYPE_CHECKING:
    import mido
    from matplotlib.figure import Figure

TICKS = 480  # MIDI ticks of a beat, or the largest multiple of its steps below
VELOCITY = 80
MIDI = ("mido", "pretty_midi")
SLOWEST, FASTEST = 4, 1000  # beats per minute; MIDI files hold no tempo below 3.6


class Piece:
    """A piece of music, as a model writes it: which of the piano's 88 keys sound in each step.

    A roll has no onsets, so a key that sounds in several steps on end is one note, held through them.

    ```python
    piece = Piece(roll, steps_per_beat=1, tempo=80)
    piece.save("chorale.mid")
    Piece.load("chorale.mid", steps_per_beat=1)  # the same piece
    piece.synthesize("chorale.wav")
    ```

    Args:
        roll: 0 and 1 (or bool), shape (T, 88), T at least 1; column i is MIDI pitch i + 21.
        steps_per_beat: steps per quarter note, 1 to 480.
        tempo: beats (quarter notes) a minute, 4 to 1000.

    Raises:
        ArgumentError: an argument is not as described.

    Examples:
        >>> import numpy as np
        >>> from rnnkit import Piece
        >>> roll = np.zeros((8, 88), "uint8")
        >>> roll[:4, [39, 43, 46]] = 1
        >>> piece = Piece(roll, steps_per_beat=1)
        >>> piece.roll.sum(axis=1).tolist()
        [3, 3, 3, 3, 0, 0, 0, 0]
    """

    def __init__(self, roll: np.ndarray, *, steps_per_beat: int = 4, tempo: float = 120.0):
        self.roll = _checked(roll)
        self.steps_per_beat = whole("steps_per_beat", steps_per_beat, most=TICKS)
        if not SLOWEST <= tempo <= FASTEST:
            raise ArgumentError(f"tempo: expected {SLOWEST} to {FASTEST} beats per minute, got {tempo!r}.")
        self.tempo = float(tempo)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, steps_per_beat: int = 4, max_steps: int = MAX_STEPS) -> "Piece":
        """Read a MIDI file.

        Args:
            path: the file. Drums, zero-length notes and pitches outside 21 to 108 are left out; notes that no event
                ends last until their track ends.
            steps_per_beat: the grid; notes move to its nearest step. A piece that was saved comes back with the grid
                that it was saved with.
            max_steps: the longest piece that is read.

        Returns:
            The piece, with the tempo of its first note, brought into 4 to 1000.

        Raises:
            ArgumentError: `steps_per_beat` or `max_steps` is no positive whole number.
            DataError: the file is missing, too large, not a complete MIDI file, empty, or longer than `max_steps`.

        Warns:
            DataNotice: notes of the file were left out, or what is damaged in it was repaired.
        """
        music = read_midi(path, steps_per_beat=steps_per_beat, max_steps=max_steps)
        if music.notices:
            warnings.warn(DataNotice(f"{path}: {'; '.join(music.notices)}."), stacklevel=2)
        return cls(music.roll, steps_per_beat=steps_per_beat, tempo=np.clip(music.tempo, SLOWEST, FASTEST))

    def on_grid(self, steps_per_beat: int) -> "Piece":
        """The piece on another grid: notes move to its nearest step, and last one at least.

        Raises:
            ArgumentError: `steps_per_beat` is not 1 to 480.
        """
        scale = whole("steps_per_beat", steps_per_beat, most=TICKS) / self.steps_per_beat
        roll = grid_roll(self.notes(), max(1, round(len(self) * scale)), scale)
        return Piece(roll, steps_per_beat=steps_per_beat, tempo=self.tempo)

    @property
    def seconds(self) -> float:
        """How long the piece lasts."""
        return len(self) / self.steps_per_beat * 60 / self.tempo

    def to_pianoroll(self) -> np.ndarray:
        """A copy of the roll: uint8, shape (T, 88)."""
        return self.roll.copy()

    def notes(self) -> Iterator[tuple[int, int, int]]:
        """Yield MIDI pitch, first step and step after the last of every note, key by key from the lowest."""
        edges = np.diff(self.roll.astype("int8"), axis=0, prepend=0, append=0)
        for key in np.flatnonzero(self.roll.any(axis=0)):
            starts, ends = np.flatnonzero(edges[:, key] == 1), np.flatnonzero(edges[:, key] == -1)
            for start, end in zip(starts, ends, strict=True):
                yield int(key) + LOWEST, int(start), int(end)

    def to_midi(self) -> "mido.MidiFile":
        """What `save` writes, as a `mido.MidiFile`."""
        installed("MIDI", "music", MIDI)
        import mido

        ticks = TICKS // self.steps_per_beat  # of a step
        events = [(end * ticks, 0, "note_off", pitch) for pitch, _, end in self.notes()]
        events += [(start * ticks, 1, "note_on", pitch) for pitch, start, _ in self.notes()]
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(self.tempo))])
        now = 0
        for tick, _, kind, pitch in sorted(events):  # of events at one time, ends come before beginnings
            track.append(mido.Message(kind, note=pitch, velocity=VELOCITY, time=tick - now))
            now = tick
        track.append(mido.MetaMessage("end_of_track", time=len(self) * ticks - now))
        return mido.MidiFile(type=0, ticks_per_beat=ticks * self.steps_per_beat, tracks=[track])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a MIDI file: one piano track, whose end is the end of the piece, silence included.

        Grid and notes come back from it as they are; the tempo does up to a microsecond per beat.

        Args:
            path: the file, `.mid` by custom.

        Raises:
            OSError: it cannot be written.
        """
        self.to_midi().save(Path(path))

    def synthesize(self, path: str | os.PathLike[str], *, rate: int = 22_050) -> None:
        """Write the sound of the piece, sine waves that fade, as a WAV file: one channel, 16 bits.

        Args:
            path: the file.
            rate: samples per second, at least 8400: twice the frequency of the highest key.

        Raises:
            ArgumentError: `rate` is too low, or the piece lasts longer than 15 minutes.
            OSError: the file cannot be written.
        """
        from rnnkit.tasks.music.sound import wav_bytes

        Path(path).write_bytes(wav_bytes(self, rate))

    def plot(self) -> "Figure":
        """A `matplotlib.figure.Figure`: the piano roll, with beats to the right and pitches upwards."""
        from rnnkit.report.plot import Plot
        from rnnkit.tasks.music.page import roll_panel

        return Plot("", [roll_panel(self)]).figure(width=720)

    def __len__(self) -> int:
        return len(self.roll)

    def __repr__(self) -> str:
        grid = f"{self.steps_per_beat} steps per beat, {self.tempo:.4g} beats per minute"
        return f"Piece: {len(self)} steps ({self.seconds:.1f} s), {sum(1 for _ in self.notes())} notes; {grid}"

    def _repr_html_(self) -> str:
        from rnnkit.tasks.music.sound import player_html

        return player_html(self)


def _checked(roll) -> np.ndarray:
    """A read-only copy of a roll as uint8."""
    values = np.asarray(roll)
    if values.ndim != 2 or values.shape[1] != KEYS or not len(values):
        raise ArgumentError(
            f"roll: expected the shape (T, {KEYS}), a row for each of at least one step, got {values.shape}."
        )
    if not np.isin(values, (0, 1)).all():
        raise ArgumentError("roll: expected 0 and 1 only, got other values. Probabilities must be drawn from.")
    values = values.astype("uint8")
    values.flags.writeable = False
    return values
