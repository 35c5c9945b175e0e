"""Measures of music, against counting by hand and by plain loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets.piano_rolls import piano_roll
from rnnkit.errors import ArgumentError
from rnnkit.tasks.music import Piece, compare_music, music_statistics, pitch_classes
from rnnkit.tasks.music.statistics import MEASURES

C, F, NOTHING = (60, 64, 67), (53, 57, 60, 65), ()
HYMN = piano_roll([C, C, F, NOTHING, NOTHING, NOTHING, C, C, C, F])
NOTES = piano_roll([(21,), (108,)])

# Few keys and few frames, so that frames are often alike and often empty
frames = st.lists(st.sets(st.sampled_from([21, 60, 64, 108]), max_size=2), min_size=1, max_size=12)


def test_a_hymn_counted_by_hand():
    assert music_statistics([Piece(HYMN), NOTES]).to_dict() == {
        "pieces": 2,
        "steps": 12,
        "chord_size": (5 * 3 + 2 * 4 + 2) / 9,
        "repeated": 5 / 10,
        "longest_hold": 3,
        "empty": 3 / 12,
        "longest_silence": 3,
        "lowest": 21,
        "highest": 108,
        "distinct": (3 + 2) / 12,
    }


@given(st.lists(frames, min_size=1, max_size=4))
def test_measures_against_plain_loops(pieces):
    found = music_statistics([piano_roll(piece) for piece in pieces])
    everything = [frame for piece in pieces for frame in piece]
    runs = [(bool(frame), len(list(run))) for piece in pieces for frame, run in itertools.groupby(piece)]
    pairs = [before == after for piece in pieces for before, after in itertools.pairwise(piece)]
    sizes = [len(frame) for frame in everything if frame]
    assert found["chord_size"] == pytest.approx(np.mean(sizes) if sizes else np.nan, nan_ok=True)
    assert found["repeated"] == pytest.approx(np.mean(pairs) if pairs else np.nan, nan_ok=True)
    assert found["longest_hold"] == max([length for sounds, length in runs if sounds], default=0)
    assert found["longest_silence"] == max([length for sounds, length in runs if not sounds], default=0)
    assert found["empty"] == pytest.approx(np.mean([not frame for frame in everything]))
    new = [frame not in piece[:place] for piece in pieces for place, frame in enumerate(piece)]
    assert found["distinct"] == pytest.approx(np.mean(new))


def test_a_piece_does_not_go_on_in_the_next_one():
    assert music_statistics([piano_roll([C, C]), piano_roll([C])])["longest_hold"] == 2
    assert np.isnan(music_statistics([piano_roll([C]), piano_roll([C])])["repeated"])


def test_one_piece_is_taken_for_itself():
    assert music_statistics(Piece(HYMN)).equals(music_statistics([HYMN]))
    assert compare_music([HYMN], generated=Piece(HYMN)).loc["pieces", "generated"] == 1


def test_silence_has_no_pitch():
    found = compare_music([HYMN], silence=[np.zeros((4, 88))], nothing=[])
    assert (found.loc["empty", "silence"], found.loc["longest_silence", "silence"]) == (1, 4)
    assert (found.loc["pieces", "nothing"], found.loc["steps", "nothing"]) == (0, 0)
    for measure in ("chord_size", "lowest", "highest", "pitch_class_distance"):
        assert found.loc[measure, ["silence", "nothing"]].isna().all()


def test_pitch_classes_count_the_time_of_each_key():
    expected = np.zeros(12)
    expected[[0, 4, 7]] = [4, 1, 1]  # C in three octaves
    roll = piano_roll([(24, 60, 64), (108, 67), (60,)])
    np.testing.assert_allclose(pitch_classes([roll]), expected / 6)
    assert pitch_classes([NOTES])[[0, 9]].tolist() == [0.5, 0.5]  # the piano goes from A to C


@given(frames, frames)
def test_the_distance_of_pitch_classes_is_that_of_the_best_telling_apart(first, second):
    """Total variation by its other definition: the largest difference in probability over all sets of classes."""
    shares = []
    for piece in (first, second):
        classes = [pitch % 12 for frame in piece for pitch in frame]
        shares.append([classes.count(each) / len(classes) if classes else np.nan for each in (0, 4, 9)])
    gaps = np.subtract(*shares)
    most = max(np.dot(gaps, some) for some in itertools.product((1, 0), repeat=3))
    table = compare_music([piano_roll(first)], other=[piano_roll(second)])
    assert table.loc["pitch_class_distance", "other"] == pytest.approx(most, nan_ok=True)


def test_a_table_has_a_row_for_each_measure_and_a_column_for_each_collection():
    table = compare_music([HYMN], test=[NOTES], generated=[Piece(HYMN)])
    assert list(table.columns) == ["training", "test", "generated"]
    assert list(table.index) == list(MEASURES)
    assert table["training"].equals(table["generated"])
    assert table.loc["pitch_class_distance", "training"] == 0
    assert table.loc["pitch_class_distance", "test"] == pytest.approx(1 - 9 / 23)


def test_what_is_no_roll_is_named():
    with pytest.raises(ArgumentError, match=r"roll: expected the shape \(T, 88\)"):
        music_statistics([HYMN[:, :80]])
    with pytest.raises(ArgumentError, match="roll: expected 0 and 1 only"):
        compare_music([HYMN], other=[HYMN * 0.5])
