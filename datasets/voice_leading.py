"""The rules of four-part writing: how a chord may be given to four voices, and how it may go on to the next.

Chords are Roman numerals of a key; a voicing is four MIDI pitches, of bass, tenor, alto and soprano. The rules are
those of any textbook of harmony, such as W. Piston, "Harmony", 1941.
"""

from functools import cache
from itertools import combinations, product

Voicing = tuple[int, ...]
Key = tuple[int, str]  # tonic, as a pitch class; mode

OCTAVE, FIFTH, LEADING_NOTE, MINOR_SIXTH = 12, 7, 11, 8  # semitones; the last two above the tonic
RANGES = (range(40, 61), range(48, 68), range(55, 75), range(60, 80))  # of the four voices
MOVES = ({0, 1, 2, 3, 4, 5, 7, 12}, {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5, 7})  # semitones

# Semitones of root, third and fifth above the tonic. A 6 behind the numeral puts the third into the bass.
TRIADS = {
    "major": {"I": (0, 4, 7), "ii": (2, 5, 9), "IV": (5, 9, 0), "V": (7, 11, 2), "vi": (9, 0, 4)},
    "minor": {"I": (0, 3, 7), "ii": (2, 5, 8), "IV": (5, 8, 0), "V": (7, 11, 2), "vi": (8, 0, 3)},
}


@cache
def voicings(chord: str, key: Key) -> tuple[Voicing, ...]:
    """All ways to sing a chord: complete, every voice in its range, none crossing, one leading note at most.

    Args:
        chord: a numeral of `TRIADS`, with or without a 6.
        key: tonic and mode.

    Returns:
        The voicings; neighbours among the upper three voices are an octave apart at most.
    """
    tonic, mode = key
    notes = [(tonic + interval) % OCTAVE for interval in TRIADS[mode][chord.removesuffix("6")]]
    bass = notes[1] if chord.endswith("6") else notes[0]
    choices = [[pitch for pitch in voice if pitch % OCTAVE in notes] for voice in RANGES]
    choices[0] = [pitch for pitch in choices[0] if pitch % OCTAVE == bass]
    return tuple(voicing for voicing in product(*choices) if _is_sound(voicing, len(notes), key))


@cache
def continuations(before: Voicing, chord: str, key: Key) -> tuple[Voicing, ...]:
    """The voicings of a chord that may come after a voicing.

    Args:
        before: the voicing before.
        chord, key: as for `voicings`.

    Returns:
        Those of `voicings(chord, key)` to which every voice can move; maybe none.
    """
    return tuple(after for after in voicings(chord, key) if _may_follow(before, after, key))


def _is_sound(voicing: Voicing, size: int, key: Key) -> bool:
    bass, tenor, alto, soprano = voicing
    sung = [(pitch - key[0]) % OCTAVE for pitch in voicing]
    in_order = bass < tenor < alto < soprano and max(soprano - alto, alto - tenor) <= OCTAVE
    return in_order and len(set(sung)) == size and sung.count(LEADING_NOTE) <= 1


def _may_follow(before: Voicing, after: Voicing, key: Key) -> bool:
    singable = all(abs(new - old) in moves for old, new, moves in zip(before, after, MOVES, strict=True))
    return singable and not (
        _overlap(before, after)
        or _parallel(before, after)
        or _augmented(before, after, key)
        or _stuck(before, after, key)
    )


def _overlap(before: Voicing, after: Voicing) -> bool:
    """Whether a voice goes beyond the pitch that its neighbour had."""
    return any(after[low] > before[low + 1] or after[low + 1] < before[low] for low in range(3))


def _parallel(before: Voicing, after: Voicing) -> bool:
    """Whether two voices move from a fifth to a fifth, or from an octave to an octave."""
    pairs = [pair for pair in combinations(range(4), 2) if before[pair[0]] != after[pair[0]]]
    intervals = [((before[b] - before[a]) % OCTAVE, (after[b] - after[a]) % OCTAVE) for a, b in pairs]
    return any(first == second and first in (0, FIFTH) for first, second in intervals)


def _augmented(before: Voicing, after: Voicing, key: Key) -> bool:
    """Whether a voice goes between the minor sixth degree and the leading note by an augmented second."""
    moves = [{(pitch - key[0]) % OCTAVE for pitch in move} for move in zip(before, after, strict=True)]
    near = [abs(new - old) < FIFTH for old, new in zip(before, after, strict=True)]
    return any(move == {MINOR_SIXTH, LEADING_NOTE} and small for move, small in zip(moves, near, strict=True))


def _stuck(before: Voicing, after: Voicing, key: Key) -> bool:
    """Whether the soprano leaves the leading note for anything but the tonic above it or the same note."""
    return (before[-1] - key[0]) % OCTAVE == LEADING_NOTE and after[-1] - before[-1] not in (0, 1)
