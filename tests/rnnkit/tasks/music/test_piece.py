import wave
from contextlib import suppress

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnkit.datasets import midi_events, read_midi_folder
from rnnkit.datasets.midi import MAX_BYTES
from rnnkit.errors import ArgumentError, DataError, DataNotice
from rnnkit.tasks.music import Piece

rolls = arrays("uint8", st.tuples(st.integers(1, 40), st.just(88)), elements=st.integers(0, 1))
sparse = arrays("uint8", st.tuples(st.integers(1, 40), st.just(88)), elements=st.just(1), fill=st.just(0))
grids = st.sampled_from([1, 2, 3, 4, 7, 12, 480])


def roll_of(*notes, steps):
    """The roll of notes (pitch, first step, step after the last)."""
    roll = np.zeros((steps, 88), dtype="uint8")
    for pitch, start, end in notes:
        roll[start:end, pitch - 21] = 1
    return roll


def write_midi(path, *tracks, ticks=96, tempo=500_000):
    """A MIDI file of tracks of (tick, message name, channel, pitch), without the code under test."""
    file = mido.MidiFile(ticks_per_beat=ticks)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)]))
    for events in tracks:
        track, now = mido.MidiTrack(), 0
        for tick, kind, channel, pitch in events:
            track.append(mido.Message(kind, channel=channel, note=pitch, time=tick - now))
            now = tick
        file.tracks.append(track)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def note(pitch, start, end, channel=0):
    return [(start, "note_on", channel, pitch), (end, "note_off", channel, pitch)]


@pytest.fixture
def chord():
    return Piece(roll_of((60, 0, 4), (64, 0, 2), (64, 3, 4), (67, 1, 4), steps=6), steps_per_beat=2, tempo=90)


@given(rolls | sparse, grids, st.floats(4, 1000))
def test_a_saved_piece_comes_back(tmp_path_factory, roll, steps_per_beat, tempo):
    path = tmp_path_factory.mktemp("midi") / "piece.mid"
    Piece(roll, steps_per_beat=steps_per_beat, tempo=tempo).save(path)
    loaded = Piece.load(path, steps_per_beat=steps_per_beat)
    np.testing.assert_array_equal(loaded.to_pianoroll(), roll)
    assert loaded.steps_per_beat == steps_per_beat
    assert 60e6 / loaded.tempo == pytest.approx(60e6 / tempo, abs=1)  # microseconds a beat


def test_another_library_reads_the_same_notes(chord, tmp_path):
    chord.save(tmp_path / "chord.mid")
    file = mido.MidiFile(tmp_path / "chord.mid")
    assert file.length == pytest.approx(chord.seconds) == pytest.approx(2)
    now, events = 0, []
    for message in file.tracks[0]:
        now += message.time / file.ticks_per_beat * 2
        if message.type.startswith("note"):
            events.append((now, message.type, message.note))
    assert set(events[:2]) == {(0, "note_on", 60), (0, "note_on", 64)}
    assert events[2:5] == [(1, "note_on", 67), (2, "note_off", 64), (3, "note_on", 64)]
    assert set(events[5:]) == {(4, "note_off", pitch) for pitch in (60, 64, 67)}
    assert now == 6  # with the silence at the end
    (tempo,) = [message.tempo for message in file if message.type == "set_tempo"]
    assert tempo == round(60e6 / 90)


def test_what_a_piece_says(chord):
    assert len(chord) == 6
    assert list(chord.notes()) == [(60, 0, 4), (64, 0, 2), (64, 3, 4), (67, 1, 4)]
    assert repr(chord) == "Piece: 6 steps (2.0 s), 4 notes; 2 steps per beat, 90 beats per minute"
    copy = chord.to_pianoroll()
    copy[:] = 0
    assert chord.roll.sum() == 10
    with pytest.raises(ValueError, match="read-only"):
        chord.roll[0] = 1
    assert Piece(chord.roll.astype(bool)).roll.dtype == "uint8"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"roll": np.zeros((0, 88))}, r"roll: expected the shape \(T, 88\).*got \(0, 88\)"),
        ({"roll": np.zeros((4, 87))}, r"roll: .*got \(4, 87\)"),
        ({"roll": np.full((4, 88), 0.5)}, "roll: expected 0 and 1 only"),
        ({"roll": np.full((4, 88), np.nan)}, "roll: expected 0 and 1 only"),
        ({"steps_per_beat": 0}, "steps_per_beat: .*got 0"),
        ({"steps_per_beat": 1.5}, "steps_per_beat: .*got 1.5"),
        ({"steps_per_beat": 481}, "steps_per_beat: .*got 481"),
        ({"tempo": 0}, "tempo: expected 4 to 1000 .*got 0"),
        ({"tempo": float("nan")}, "tempo: .*got nan"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ArgumentError, match=named):
        Piece(**{"roll": np.zeros((4, 88)), **arguments})


def test_the_plot_has_a_bar_for_each_note(chord, tmp_path):
    figure = chord.plot()
    (axis,) = figure.axes
    boxes = [path.get_extents() for bars in axis.collections for path in bars.get_paths()]
    drawn = sorted((round((box.y0 + box.y1) / 2), 2 * box.x0, 2 * box.x1) for box in boxes)
    assert drawn == list(chord.notes())
    assert axis.get_xlim() == (0, 3)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["C4"]
    figure.savefig(tmp_path / "roll.png")
    assert (tmp_path / "roll.png").stat().st_size > 2000
    assert not Piece(np.zeros((4, 88))).plot().axes[0].collections  # silence


def test_the_sound_has_the_frequency_of_its_note(tmp_path):
    piece = Piece(roll_of((69, 0, 2), (81, 2, 4), steps=4), steps_per_beat=2, tempo=60)
    piece.synthesize(tmp_path / "a.wav", rate=16_000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.getnframes() == 16_000 * 3
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(samples).max() > 32_000
    for second, hertz in enumerate((440, 880)):
        spectrum = np.abs(np.fft.rfft(samples[16_000 * second : 16_000 * (second + 1)]))
        assert abs(spectrum.argmax() - hertz) <= 1


def test_silence_and_limits_of_sound(chord, tmp_path):
    Piece(np.zeros((4, 88))).synthesize(tmp_path / "silence.wav")
    with wave.open(str(tmp_path / "silence.wav")) as file:
        assert not any(file.readframes(file.getnframes()))
    with pytest.raises(ArgumentError, match="rate: .*8400, got 8000"):
        chord.synthesize(tmp_path / "a.wav", rate=8000)
    with pytest.raises(ArgumentError, match="at most 15 minutes, got 16.7"):
        Piece(np.zeros((1000, 88)), steps_per_beat=1, tempo=60).synthesize(tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()


def test_a_notebook_shows_a_picture_and_a_player(chord):
    html = chord._repr_html_()
    assert html.count("data:image/png;base64,") == html.count("<audio controls") == 1
    assert "4 notes" in html
    long = Piece(np.ones((3000, 88)), steps_per_beat=1, tempo=60)
    assert len(long._repr_html_()) < 3_000_000


def test_a_folder_is_read_in_order_with_its_folders(chord, tmp_path, recwarn):
    Piece(roll_of((60, 2, 3), (62, 4, 5), steps=9), steps_per_beat=2).save(tmp_path / "b.MIDI")
    (tmp_path / "a").mkdir()
    chord.save(tmp_path / "a" / "chord.mid")
    (tmp_path / "notes.txt").write_text("no music", encoding="utf-8")
    data = read_midi_folder(tmp_path, steps_per_beat=2)
    assert data.columns == ("roll",)
    np.testing.assert_array_equal(data["roll"][0], chord.roll[:4])  # without the silence around
    np.testing.assert_array_equal(data["roll"][1], roll_of((60, 0, 1), (62, 2, 3), steps=3))
    assert not recwarn.list


def test_odd_notes(tmp_path):
    """Drums, notes without length or end, two voices on one key, keys that no piano has, and times off the grid."""
    drums = note(40, 0, 96, channel=9)
    voices = [note(60, 0, 192), note(60, 96, 288, channel=1)]
    off = [*note(62, 20, 30), *note(64, 40, 140), *note(65, 200, 200), (210, "note_on", 0, 66)]
    outside = [*note(20, 0, 96), *note(21, 96, 192), *note(108, 192, 288), *note(109, 288, 384)]
    write_midi(tmp_path / "odd.mid", drums, *voices, off, outside, tempo=10**6)
    with pytest.warns(DataNotice, match="2 notes outside the pitches 21 to 108 left out; 1 note without an end"):
        piece = Piece.load(tmp_path / "odd.mid", steps_per_beat=2)  # a step is 48 ticks
    expected = [(60, 0, 6), (62, 0, 1), (64, 1, 3), (66, 4, 5), (21, 2, 4), (108, 4, 6)]
    np.testing.assert_array_equal(piece.roll, roll_of(*expected, steps=8))
    assert piece.tempo == 60
    with pytest.warns(UserWarning, match="odd.mid: 2 notes outside the pitches 21 to 108 left out"):
        read_midi_folder(tmp_path)


def test_tempo_changes_do_not_move_the_grid(tmp_path):
    file = mido.MidiFile(ticks_per_beat=96)
    changes = [mido.MetaMessage("set_tempo", tempo=tempo, time=60) for tempo in (300_000, 900_000, 500_000)]
    notes = [mido.Message(kind, note=60, time=48) for kind in ("note_on", "note_off") * 8]
    file.tracks += [mido.MidiTrack(changes), mido.MidiTrack([changes[0], *notes])]  # and a change in a later track
    file.save(tmp_path / "rubato.mid")
    steps = Piece.load(tmp_path / "rubato.mid", steps_per_beat=8).roll[:, 39]
    np.testing.assert_array_equal(np.flatnonzero(np.diff(steps)) + 1, np.arange(5 + 4, 5 + 4 * 16, 4))


def test_halves_go_up(tmp_path):
    write_midi(tmp_path / "a.mid", [event for start in (24, 120, 216) for event in note(60, start, start + 48)])
    np.testing.assert_array_equal(
        np.flatnonzero(Piece.load(tmp_path / "a.mid", steps_per_beat=2).roll[:, 39]), [1, 3, 5]
    )


def test_files_that_are_skipped_are_named_with_the_reason(chord, tmp_path):
    chord.save(tmp_path / "good.mid")
    whole = (tmp_path / "good.mid").read_bytes()
    (tmp_path / "cut.mid").write_bytes(whole[:-20])
    (tmp_path / "text.mid").write_text("no music", encoding="utf-8")
    (tmp_path / "nothing.mid").write_bytes(b"")
    (tmp_path / "huge.mid").write_bytes(bytes(MAX_BYTES + 1))
    (tmp_path / "smpte.mid").write_bytes(whole[:12] + b"\xe7\x28" + whole[14:])
    write_midi(tmp_path / "inner" / "drums.mid", note(40, 0, 96, channel=9))
    write_midi(tmp_path / "three-hours.mid", note(60, 0, 96 * 120 * 180))
    write_midi(tmp_path / "no-length.mid", note(60, 0, 0))
    write_midi(tmp_path / "one-step.mid", note(60, 96, 100))
    with pytest.warns(UserWarning, match="1 of 10") as caught:
        data = read_midi_folder(tmp_path)
    assert len(data) == 1
    (warning,) = caught
    assert warning.filename == __file__
    first, *lines = str(warning.message).splitlines()
    assert first == f"{tmp_path}: 1 of 10 MIDI files read. Not as they are:"
    reasons = dict(line.strip().split(": skipped; ", 1) for line in lines)
    expected = {
        "cut.mid": "it is cut short",
        "huge.mid": "has 1.0 MB",
        "inner/drums.mid": "no notes",
        "no-length.mid": "its length is zero",
        "nothing.mid": "is not a complete MIDI file",
        "one-step.mid": "a single step of music",
        "smpte.mid": "not timed in beats",
        "text.mid": "is not a complete MIDI file: its header is missing",
        "three-hours.mid": "has 86400 steps at 4 steps per beat; at most 20000 are read",
    }
    assert list(reasons) == sorted(expected)
    for name, reason in expected.items():
        assert reason in reasons[name], reasons[name]
    (tmp_path / "good.mid").unlink()
    with pytest.raises(DataError, match="no MIDI file that can be used:\n  cut.mid: skipped"):
        read_midi_folder(tmp_path)


def test_a_fast_tick_cannot_fill_the_memory(tmp_path):
    write_midi(tmp_path / "a.mid", note(60, 0, 2**28 - 1), ticks=1, tempo=1)
    with pytest.raises(DataError, match="at most 20000 are read"):
        Piece.load(tmp_path / "a.mid")
    assert len(Piece.load(write_midi(tmp_path / "b.mid", note(60, 0, 10**7 + 1), ticks=30_000))) == 1333


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda path: path / "none", "is not a folder"),
        (lambda path: path, "has no MIDI file: no file in it .* ends in .mid or .midi"),
        (lambda path: write_midi(path / "a.mid", note(60, 0, 96)), "is not a folder"),
    ],
)
def test_folders_that_cannot_be_read(make, named, tmp_path):
    with pytest.raises(DataError, match=named):
        read_midi_folder(make(tmp_path))


def test_bad_options_and_missing_files(chord, tmp_path):
    chord.save(tmp_path / "a.mid")
    with pytest.raises(ArgumentError, match="steps_per_beat: .*got 0"):
        read_midi_folder(tmp_path, steps_per_beat=0)
    with pytest.raises(ArgumentError, match="max_steps: .*got 1.5"):
        read_midi_folder(tmp_path, max_steps=1.5)
    with pytest.raises(DataError, match="there is no file .*none.mid"):
        Piece.load(tmp_path / "none.mid")
    with pytest.raises(DataError, match="is a folder; expected a file"):
        Piece.load(tmp_path)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6), st.integers(0, 200))
def test_broken_bytes_are_a_data_error_or_music(tmp_path_factory, changes, cut):
    path = tmp_path_factory.mktemp("midi") / "broken.mid"
    Piece(roll_of((60, 0, 4), (64, 2, 6), steps=6)).save(path)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[place % len(data)] = value
    path.write_bytes(data[: len(data) - cut % 20] if cut < 100 else data)
    with suppress(DataError, DataNotice):
        assert Piece.load(path).roll.shape[1] == 88


@pytest.mark.parametrize("grid", [1, 2, 6, 24])
def test_another_grid_is_the_same_music(grid, tmp_path):
    piece = Piece(roll_of((60, 0, 6), (64, 6, 12), (67, 18, 24), steps=30), steps_per_beat=6, tempo=90)
    piece.save(tmp_path / "a.mid")
    moved, expected = piece.on_grid(grid), Piece.load(tmp_path / "a.mid", steps_per_beat=grid)
    np.testing.assert_array_equal(moved.roll, expected.roll)
    assert (moved.steps_per_beat, moved.tempo) == (grid, 90)
    assert moved.seconds == piece.seconds
    with pytest.raises(ArgumentError, match="steps_per_beat"):
        piece.on_grid(0)


def test_notes_that_never_end_last_until_their_track_ends(tmp_path):
    held = [(0, "note_on", 0, 60), *note(64, 48, 96), *note(65, 96, 192)]
    write_midi(tmp_path / "a.mid", held, note(70, 0, 384))
    with pytest.warns(DataNotice, match="a.mid: 1 note without an end held until the end of the track"):
        piece = Piece.load(tmp_path / "a.mid", steps_per_beat=2)
    np.testing.assert_array_equal(piece.roll, roll_of((60, 0, 4), (64, 1, 2), (65, 2, 4), (70, 0, 8), steps=8))


def test_the_tempo_of_any_track(tmp_path):
    file = mido.MidiFile(ticks_per_beat=96)
    notes = [mido.Message(kind, note=60, time=96) for kind in ("note_on", "note_off")]
    tempos = [mido.MetaMessage("set_tempo", tempo=tempo, time=time) for tempo, time in ((10**6, 0), (750_000, 96))]
    file.tracks += [mido.MidiTrack(), mido.MidiTrack(notes), mido.MidiTrack(tempos)]
    file.save(tmp_path / "a.mid")
    assert Piece.load(tmp_path / "a.mid").tempo == 80  # where the first note begins


def test_damage_that_does_not_matter(tmp_path):
    """A bad key signature, a tempo that is none, an unknown event, a sysex, and a velocity above 127."""
    file = write_midi(tmp_path / "a.mid", note(60, 0, 96))
    good = file.read_bytes()
    odd = b"\0\xff\x59\x02\x63\x63" + b"\0\xff\x51\x02\x01\x02" + b"\0\xff\x60\x01\x00" + b"\0\xf0\x02\x01\xf7"
    track = odd + b"\0\x90\x3c\xff" + b"\x60\x3c\x00" + b"\0\xff\x2f\x00"  # the end by running status
    head = good[:8] + b"\0\1\0\1" + good[12:14]
    file.write_bytes(head + b"MTrk" + len(track).to_bytes(4) + track)
    with pytest.raises(mido.midifiles.meta.KeySignatureError):
        mido.MidiFile(file)
    with pytest.warns(DataNotice, match="1 byte above 127 read as 127; 1 tempo that cannot be read passed over"):
        piece = Piece.load(file)
    np.testing.assert_array_equal(piece.roll, roll_of((60, 0, 4), steps=4))
    assert piece.tempo == 120


def test_drums_alone_are_said(tmp_path):
    write_midi(tmp_path / "a.mid", note(40, 0, 96, channel=9))
    with pytest.warns(DataNotice, match=r"it has only drums \(channel 10\), which are left out"):
        assert not Piece.load(tmp_path / "a.mid").roll.any()
    with pytest.raises(DataError, match=r"it has only drums \(channel 10\)"):
        read_midi_folder(tmp_path)


events = st.tuples(
    st.integers(0, 200), st.sampled_from(["note_on", "note_off"]), st.sampled_from([0, 1]), st.integers(40, 43)
)


@given(st.lists(st.lists(events, max_size=12), min_size=1, max_size=3))
def test_notes_are_those_of_pretty_midi(tmp_path_factory, tracks):
    """But for notes that no event ends, which it drops: all are ended here."""
    ends = [(300, "note_off", channel, pitch) for channel in (0, 1) for pitch in range(40, 44)]
    path = tmp_path_factory.mktemp("midi") / "a.mid"
    write_midi(path, *(sorted(track, key=lambda event: event[0]) + ends for track in tracks))
    music = pretty_midi.PrettyMIDI(str(path))
    expected = [
        (note.pitch, music.time_to_tick(note.start), music.time_to_tick(note.end))
        for instrument in music.instruments
        for note in instrument.notes
    ]
    assert sorted(midi_events.parse(path.read_bytes()).notes) == sorted(expected)
