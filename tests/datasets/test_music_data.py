import hashlib
import io
import itertools
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from rnnkit import datasets
from rnnkit.cli.data import _size as size_text
from rnnkit.datasets import SourceFile, download, jsb, piano_rolls
from rnnkit.datasets.music_sample import generate
from rnnkit.errors import DataError
from rnnkit.tasks.music.baselines import KeyMarkov, baseline_nll

# The chords of one key of each mode in note names: an oracle apart from the generator's semitones
NAMES = {"C": 0, "C#": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "Ab": 8, "G#": 8, "A": 9, "Bb": 10, "B": 11}
C_MAJOR = {"I": "C E G", "ii": "D F A", "IV": "F A C", "V": "G B D", "vi": "A C E"}
A_MINOR = {"I": "A C E", "ii": "B D F", "IV": "D F A", "V": "E G# B", "vi": "F A C"}


@pytest.fixture(scope="module")
def sample():
    return generate()


def voices(roll):
    """MIDI pitches, shape (T, 4), of bass, tenor, alto, soprano."""
    assert (roll.sum(axis=1) == 4).all()
    return np.nonzero(roll)[1].reshape(-1, 4) + 21


def key_and_chords(pitches):
    """Tonic, mode, and for every frame numeral and which of root, third and fifth the bass has."""
    tonic = pitches[-1, 0] % 12
    minor = (tonic + 3) % 12 in pitches[-1] % 12
    table, home = (A_MINOR, 9) if minor else (C_MAJOR, 0)
    triads = {numeral: [(NAMES[note] - home) % 12 for note in notes.split()] for numeral, notes in table.items()}
    chords = []
    for frame in (pitches - tonic) % 12:
        (numeral,) = [name for name, notes in triads.items() if set(notes) == set(frame)]
        chords.append((numeral, triads[numeral].index(frame[0])))
    return tonic, "minor" if minor else "major", chords


def hymns(sample):
    return [voices(roll) for part in sample for roll in part["roll"]]


def test_sizes_and_keys(sample):
    assert [len(part) for part in datasets.load("music-sample")] == [200, 40, 40]
    for part in sample:
        assert part.columns == ("roll",)
        assert {roll.dtype.name for roll in part["roll"]} == {"uint8"}
        assert {roll.shape for roll in part["roll"]} == {(32, 88), (40, 88), (48, 88)}
    assert len({roll.tobytes() for part in sample for roll in part["roll"]}) == 280
    keys = [key_and_chords(pitches)[:2] for pitches in hymns(sample)]
    assert len(set(keys)) == 8
    assert min(keys.count(key) for key in set(keys)) > 15


def test_a_seed_is_a_sample(sample):
    def rolls(splits):
        return [roll.tobytes() for roll in splits.test["roll"]]

    assert rolls(generate()) == rolls(sample)
    assert not set(rolls(generate(1))) & set(rolls(sample))


def test_chords_follow_their_function(sample):
    for pitches in hymns(sample):
        chords = key_and_chords(pitches)[2]
        phrases = [chords[start : start + 8] for start in range(0, len(chords), 8)]
        assert all(phrase[0] == ("I", 0) and phrase[-1] == phrase[-2] for phrase in phrases)
        cadences = [tuple(phrase[-3:-1]) for phrase in phrases]
        assert all(cadence == (("V", 0), ("I", 0)) for cadence in [*cadences[1::2], cadences[-1]])
        assert all(last == ("V", 0) for _, last in cadences[:-1:2])
        for (before, _), (after, bass) in itertools.pairwise(chord for phrase in phrases for chord in phrase[:-1]):
            assert before != "V" or after in ("I", "vi") or before == after
            assert before != "ii" or after == "V"
            assert after != "ii" or bass == 1
            assert bass < 2


def test_voices_stay_in_their_ranges(sample):
    for pitches in hymns(sample):
        assert (pitches >= [40, 48, 55, 60]).all()
        assert (pitches <= [60, 67, 74, 79]).all()
        assert (np.diff(pitches[:, 1:]) <= 12).all()
        tonic = pitches[-1, 0] % 12
        assert (((pitches - tonic) % 12 == 11).sum(axis=1) <= 1).all()


def test_voice_leading(sample):
    largest, soprano = 0, []
    for pitches in hymns(sample):
        tonic = pitches[-1, 0] % 12
        for before, after in itertools.pairwise(pitches.tolist()):
            moves = [new - old for old, new in zip(before, after, strict=True)]
            assert all(abs(move) not in (6, 8, 9, 10, 11) for move in moves)
            largest = max(largest, *map(abs, moves[1:3]))
            soprano.append(abs(moves[3]))
            for low, high in itertools.combinations(range(4), 2):
                fifths_or_octaves = [(chord[high] - chord[low]) % 12 in (0, 7) for chord in (before, after)]
                if (
                    all(fifths_or_octaves)
                    and moves[low]
                    and (before[high] - before[low] - after[high] + after[low]) % 12 == 0
                ):
                    pytest.fail(f"parallels from {before} to {after}")
            for low in range(3):
                assert after[low] <= before[low + 1]
                assert after[low + 1] >= before[low]
            for old, new in zip(before, after, strict=True):
                degrees = {(old - tonic) % 12, (new - tonic) % 12}
                assert degrees != {8, 11} or abs(new - old) != 3
            assert (before[3] - tonic) % 12 != 11 or moves[3] in (0, 1)
    assert largest <= 5
    moving = [move for move in soprano if move]
    assert np.mean([move <= 2 for move in moving]) > 0.6
    assert len(moving) > 0.6 * len(soprano)


def test_the_melody_is_an_arch(sample):
    tops = np.mean(
        [pitches[start : start + 7, 3] for pitches in hymns(sample) for start in range(0, len(pitches), 8)], 0
    )
    assert tops.argmax() in (2, 3, 4)
    assert tops.max() - max(tops[0], tops[6]) > 2


def chord(frame):
    """Bass and pitch classes."""
    pitches = np.flatnonzero(frame)
    return (pitches[0] % 12, *np.unique(pitches % 12))


def steps_by_chord(rolls):
    """All steps and the ones before them, as pieces of two steps, by the chord of the first."""
    found = defaultdict(list)
    for roll in rolls:
        for place in range(len(roll) - 1):
            found[chord(roll[place])].append(roll[place : place + 2])
    return found


def test_there_is_structure_to_learn(sample):
    train, test = sample.train["roll"], sample.test["roll"]
    floor, chain = baseline_nll(train, test).values()
    known = {chord: KeyMarkov().fit(steps) for chord, steps in steps_by_chord(train).items()}
    any_chord = KeyMarkov().fit(train)
    totals = [known.get(chord, any_chord).nll(steps) * len(steps) for chord, steps in steps_by_chord(test).items()]
    bigram = sum(totals) / sum(len(roll) - 1 for roll in test)
    assert [floor, chain, bigram] == pytest.approx([10.79, 10.41, 7.87], abs=0.05)  # nats a frame


@pytest.mark.parametrize("source", [piano_rolls.NOTTINGHAM, piano_rolls.MUSE_DATA, piano_rolls.PIANO_MIDI])
def test_rolls_are_read_from_a_mat_file(source, tmp_path):
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    cells = {}
    for count, part in enumerate(("train", "valid", "test"), start=1):
        cells[f"{part}data"] = np.empty((1, count), dtype=object)
        for place in range(count):
            cells[f"{part}data"][0, place] = rng.integers(0, 2, (3 + place, 88), dtype="uint8")
    savemat(tmp_path / source.files[0].name, cells)
    for name, part in source.splits(tmp_path)._asdict().items():
        assert part.name == f"{source.name} {name}"
        for roll, cell in zip(part["roll"], cells[f"{name}data"][0], strict=True):
            np.testing.assert_array_equal(roll, cell)
            assert roll.dtype == "uint8"


def test_jsb_is_read_from_its_json(tmp_path):
    text = '{"test": [[[21], []]], "valid": [[[60]], [[60, 64, 67], [108, 21]]], "train": [[[72]]]}'
    (tmp_path / jsb.FILE).write_text(text, encoding="utf-8")
    train, valid, test = jsb.read(tmp_path)
    assert [[np.argwhere(roll).tolist() for roll in part["roll"]] for part in (train, valid, test)] == [
        [[[0, 51]]],
        [[[0, 39]], [[0, 39], [0, 43], [0, 46], [1, 0], [1, 87]]],
        [[[0, 0]]],
    ]
    assert test["roll"][0].shape == (2, 88)


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import sys; from rnnkit import datasets; from rnnkit.tasks import music; "
    code += "print([m for m in ('scipy', 'mido', 'pretty_midi', 'matplotlib') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


class Response(io.BytesIO):
    length = None  # the server does not say


def test_a_file_of_unknown_size_is_fetched_and_listed(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "urlopen", lambda *arguments, **options: Response(b"rolls"))
    file = SourceFile("a.mat", "https://example.org/a.mat", hashlib.sha256(b"rolls").hexdigest(), None)
    assert download.ensure(file, tmp_path).read_bytes() == b"rolls"
    sizes = {name: size_text(datasets.info(name)) for name in datasets.names()}
    assert {name: sizes[name] for name in ("music-sample", "jsb", "nottingham", "muse_data", "piano_midi")} == {
        "music-sample": "generated",
        "jsb": "407 kB",
        "nottingham": "372 kB",
        "muse_data": "not known",
        "piano_midi": "not known",
    }


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "sizes", "floor", "chain"),
    [("jsb", [229, 76, 77], 11.091, 10.491), ("nottingham", [694, 173, 170], 10.261, 5.153)],
)
def test_published_sizes_and_known_floors(public_data, name, sizes, floor, chain):
    train, valid, test = datasets.load(name)
    assert [len(part) for part in (train, valid, test)] == sizes
    assert {(roll.dtype.name, roll.shape[1], roll.max()) for part in (train, valid, test) for roll in part["roll"]} == {
        ("uint8", 88, 1)
    }
    found = baseline_nll(train["roll"], test["roll"])
    assert found["train marginals"] == pytest.approx(floor, abs=5e-4)
    assert found["per-key Markov chain"] == pytest.approx(chain, abs=5e-4)


@pytest.mark.realdata
def test_both_files_of_the_chorales_say_the_same(public_data):
    mat = piano_rolls.read_mat(Path(public_data, "jsb", "JSB_Chorales.mat"))
    for one, other in zip(datasets.load("jsb"), mat, strict=True):
        assert [roll.tobytes() for roll in one["roll"]] == [roll.tobytes() for roll in other["roll"]]
        assert [roll.shape for roll in one["roll"]] == [roll.shape for roll in other["roll"]]


@pytest.mark.parametrize("pitch", [20, 109, -1])
def test_a_pitch_that_a_piano_does_not_have_is_refused(pitch):
    with pytest.raises(DataError, match=f"expected pitches from 21 to 108, got .60, {pitch}."):
        piano_rolls.piano_roll([[60], [60, pitch]])
