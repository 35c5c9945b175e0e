"""The notes and tempos of a MIDI file, of all that can be told of them: what is damaged elsewhere does not matter.

mido and pretty_midi refuse a file for one bad key signature, and lose notes that no event ends. Format: "Standard MIDI
Files 1.0", MIDI Manufacturers Association.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

DRUMS = 9  # the channel of percussion, counted from 0
TEMPO = 500_000  # microseconds per beat, where nothing says it
SIZES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}  # data bytes of a channel's events
SYSTEM = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # data bytes of system events that have some


class Note(NamedTuple):
    """A note of a pitch, from a tick to another."""

    pitch: int
    start: int
    end: int


@dataclass
class Events:
    """What a file holds.

    Attributes:
        ticks_per_beat: of a quarter note.
        length: ticks up to the end of the last track.
        notes: drums left out.
        tempos: tick, and microseconds per beat from there, of all tracks.
        counts: how many notes were `drums` or `unended`, data bytes `clipped` to 127, and tempos `damaged`.
    """

    ticks_per_beat: int
    length: int = 0
    notes: list[Note] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)

    @property
    def tempo(self) -> float:
        """Beats per minute where the first note begins."""
        start = min((note.start for note in self.notes), default=0)
        known = [each for each in sorted(self.tempos) if each[0] <= start]
        return 60e6 / (known[-1][1] if known else TEMPO)


def parse(content: bytes) -> Events:
    """The events of a file.

    Raises:
        ValueError: it is no MIDI file, is cut short, or its tracks share no beat.
    """
    if not content.startswith(b"MThd"):
        raise ValueError("its header is missing")
    chunks = list(_chunks(content))
    if not chunks or len(chunks[0][1]) < 6:
        raise ValueError("it is cut short")
    form, count, division = struct.unpack_from(">HHH", chunks[0][1])
    if form > 1 or not 0 < division < 0x8000:
        raise ValueError("it is not timed in beats that its tracks share (SMPTE time, or MIDI type 2)")
    tracks = [chunk for kind, chunk in chunks if kind == b"MTrk"]
    if len(tracks) < count:
        raise ValueError("it is cut short")
    events = Events(division)
    for track in tracks:
        _Track(track, events).read()
    return events


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(content):
        kind, size = struct.unpack_from(">4sI", content, place)
        if place + 8 + size > len(content):
            raise ValueError("it is cut short")
        yield kind, content[place + 8 : place + 8 + size]
        place += 8 + size


class _Track:
    """Adds a track's notes, tempos and length to the events of its file."""

    def __init__(self, content: bytes, events: Events):
        self.content, self.events = content, events
        self.place, self.tick = 0, 0
        self.sounding: dict[tuple[int, int], list[int]] = {}  # channel, pitch -> where notes began

    def read(self) -> None:
        running = 0  # the status of the channel's event before, which the next may leave out
        while self.place < len(self.content):
            self.tick += self.number()
            status = self.byte() if self.content[self.place : self.place + 1] >= b"\x80" else running
            if status == 0xFF:
                if not self.meta():
                    break
            elif status in (0xF0, 0xF7):
                self.take(self.number())
            elif status in SYSTEM or status > 0xF0:
                self.take(SYSTEM.get(status, 0))
            elif status:
                running = status
                self.channel_event(status)
            else:
                raise ValueError("an event in it has no status byte")
        self.end()

    def meta(self) -> bool:
        """Whether the track continues."""
        kind, content = self.byte(), self.take(self.number())
        if kind == 0x51:
            tempo = int.from_bytes(content)
            if len(content) == 3 and tempo:
                self.events.tempos.append((self.tick, tempo))
            else:
                self.events.counts["damaged"] += 1
        return kind != 0x2F

    def channel_event(self, status: int) -> None:
        data = self.take(SIZES[status & 0xF0])
        self.events.counts["clipped"] += sum(byte > 127 for byte in data)
        if status & 0xF0 in (0x80, 0x90):
            key, begins = (status & 0x0F, min(data[0], 127)), status & 0xF0 == 0x90 and data[1]
            self.begin(key) if begins else self.stop(key)

    def begin(self, key: tuple[int, int]) -> None:
        if key[0] == DRUMS:
            self.events.counts["drums"] += 1
        else:
            self.sounding.setdefault(key, []).append(self.tick)

    def stop(self, key: tuple[int, int]) -> None:
        """Ends all notes of a key but those that begin now: a note may be struck again where it ends."""
        starts = self.sounding.pop(key, [])
        ended = [start for start in starts if start < self.tick]
        self.events.notes += [Note(key[1], start, self.tick) for start in ended]
        if ended and len(ended) < len(starts):
            self.sounding[key] = starts[len(ended) :]

    def end(self) -> None:
        """Ends what still sounds."""
        left = [Note(key[1], start, self.tick) for key, starts in self.sounding.items() for start in starts]
        self.events.notes += left
        self.events.counts["unended"] += len(left)
        self.events.length = max(self.events.length, self.tick)

    def number(self) -> int:
        """A number of seven bits in each byte, the highest bit set in all but the last."""
        number = 0
        for _ in range(4):  # more bytes it never has
            byte = self.byte()
            number = number << 7 | byte & 0x7F
            if byte < 0x80:
                return number
        raise ValueError("a number in it is not terminated")

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        content = self.content[self.place : self.place + size]
        if len(content) < size:
            raise ValueError("it is cut short")
        self.place += size
        return content
