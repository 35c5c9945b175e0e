"""A generated sample of music: hymns in four parts, written by the rules that every student of harmony learns.

- a hymn has a key, one of eight, and 4 to 6 phrases of eight beats; a frame is a beat, and a phrase ends on a chord of
  two beats: on the dominant half-way (a half cadence), or on the tonic that the dominant leads to (an authentic one);
- chords follow each other by their function: from the tonic to what prepares the dominant, and from there back;
- every chord is complete, its voices stay in their ranges, do not cross, and never double the leading note;
- from chord to chord the voices move little, never in parallel fifths, octaves or unisons, by no tritone and no
  augmented second, and none goes beyond where its neighbour was; the leading note in the soprano rises to the tonic;
- the soprano sings a melody: mostly steps, in an arch that rises to the middle of each phrase and falls to its end.

Key and place in the phrase decide what comes next, and neither can be heard from one frame: there is something to
remember.
"""

import math
import random
from collections.abc import Iterator
from itertools import islice

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.piano_rolls import piano_roll
from rnnkit.datasets.source import Source
from rnnkit.datasets.voice_leading import Key, Voicing, continuations, voicings

SIZES = {"train": 200, "valid": 40, "test": 40}
TONICS = {"major": (0, 2, 5, 7), "minor": (2, 4, 7, 9)}  # pitch classes: C, D, F, G; D, E, G, A
PHRASES = (4, 5, 6)
CHORDS = 7  # of a phrase; the last one lasts two beats
LOW, RISE = 65, 8  # of the melody's arch, in semitones: where a phrase begins and ends, and how far it rises

FOLLOWS = {  # chord -> what may follow it, the more often the more likely
    "I": ("IV", "IV", "V", "vi", "ii6", "I6", "V6"),
    "I6": ("IV", "ii6", "V"),
    "ii6": ("V",),
    "IV": ("V", "V", "ii6", "I"),
    "V": ("I", "I", "I", "vi", "I6"),
    "V6": ("I",),
    "vi": ("IV", "ii6"),
}


def generate(seed: int = 0) -> Splits:
    """Write the sample: 200, 40 and 40 hymns, none of them twice.

    Args:
        seed: another seed gives other hymns of the same kind.

    Returns:
        `(train, valid, test)` with the column `roll`: uint8, shape (T, 88), with T 32, 40 or 48 and four keys sounding
        in every frame.
    """
    rng = random.Random(seed)
    seen: set[tuple[Voicing, ...]] = set()
    return Splits(*(_part(part, _hymns(rng, seen)) for part in SIZES))


def _part(part: str, hymns: Iterator[tuple[Voicing, ...]]) -> Dataset:
    return Dataset({"roll": [piano_roll(hymn) for hymn in islice(hymns, SIZES[part])]})


def _hymns(rng: random.Random, seen: set[tuple[Voicing, ...]]) -> Iterator[tuple[Voicing, ...]]:
    """Yield hymns without end, none of them twice: the voicing of each beat."""
    while True:
        mode = rng.choice(list(TONICS))
        key = rng.choice(TONICS[mode]), mode
        phrases = _phrases(rng, rng.choice(PHRASES))
        chosen = _sung(rng, key, [chord for phrase in phrases for chord in phrase]) or []  # some have no way through
        hymn = tuple(voicing for n, voicing in enumerate(chosen, start=1) for _ in range(1 + (n % CHORDS == 0)))
        if hymn and hymn not in seen:
            seen.add(hymn)
            yield hymn


def _phrases(rng: random.Random, count: int) -> list[list[str]]:
    """The chords of each phrase: half and authentic cadences in turn, and an authentic one at the end."""
    return [_phrase(rng, authentic=n % 2 == 1 or n == count - 1) for n in range(count)]


def _phrase(rng: random.Random, authentic: bool) -> list[str]:
    """Seven chords from the tonic to a cadence: walks at random until one ends as it must."""
    while True:
        chords = ["I"]
        while len(chords) < CHORDS:
            chords.append(rng.choice(FOLLOWS[chords[-1]]))
        if chords[-2:] == ["V", "I"] if authentic else chords[-1] == "V":
            return chords


def _sung(rng: random.Random, key: Key, chords: list[str]) -> list[Voicing] | None:
    """One voicing for each chord; where the rules leave no way on, the one before is chosen again."""
    chosen: list[Voicing] = []
    untried = [iter(_ranked(rng, key, chords, chosen))]
    while untried:
        del chosen[len(untried) - 1 :]
        voicing = next(untried[-1], None)
        if voicing is None:
            untried.pop()
            continue
        chosen.append(voicing)
        if len(chosen) == len(chords):
            return chosen
        untried.append(iter(_ranked(rng, key, chords, chosen)))
    return None


def _ranked(rng: random.Random, key: Key, chords: list[str], chosen: list[Voicing]) -> list[Voicing]:
    """The voicings that may come next, in a random order in which the good ones tend to be first."""
    place, before = len(chosen), chosen[-1] if chosen else None
    found = continuations(before, chords[place], key) if before else voicings(chords[place], key)
    # With this noise the first of the order is drawn in proportion to exp(-cost): the Gumbel trick.
    return sorted(found, key=lambda voicing: _cost(before, voicing, place % CHORDS) + math.log(rng.expovariate(1)))


def _cost(before: Voicing | None, voicing: Voicing, place: int) -> float:
    """What speaks against a voicing: a soprano off the arch of the melody, at rest, or leaping; much movement below."""
    arch = LOW + RISE * math.sin(math.pi * place / (CHORDS - 1))
    cost = abs(voicing[-1] - arch)
    if before is None:
        return cost
    bass, tenor, alto, soprano = (abs(new - old) for old, new in zip(before, voicing, strict=True))
    return cost + (soprano if soprano > 2 else 2 * (soprano == 0)) + (tenor + alto) / 2 + bass / 6


SOURCE = Source(
    name="music-sample",
    task="music",
    description="Generated hymns in four parts, in eight keys, by the rules of voice leading, as piano rolls.",
    licence="Apache-2.0, as rnnkit",
    homepage="rnnkit.datasets.music_sample",
    steps_per_beat=1,
    read=lambda folder: generate(),
)
