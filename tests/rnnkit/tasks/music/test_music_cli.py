"""`rnnkit run music`, and what can be done with its run."""

import json
import wave

import mido
import numpy as np
import pandas as pd
import pytest

import rnnkit
from rnnkit import datasets
from rnnkit.tasks.music import Piece
from rnnkit.tasks.music.grid import grid_of, load_music

STEPS = 16
ROOTS = [60, 62, 64, 65, 67]


def tune(place):
    """A piece of thirds, each held for one or two steps."""
    roll = np.zeros((STEPS, 88), dtype="uint8")
    for step in range(STEPS):
        root = ROOTS[(place + step * (1 + place % 2) // 2) % len(ROOTS)]
        roll[step, [root - 21, root - 17]] = 1
    return Piece(roll, steps_per_beat=2)


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    """A folder of twelve MIDI files and a broken one."""
    folder = tmp_path_factory.mktemp("tunes")
    for place in range(12):
        tune(place).save(folder / f"{place:02}.mid")
    (folder / "broken.mid").write_bytes((folder / "00.mid").read_bytes()[:-9])
    return folder


@pytest.fixture(scope="module")
def run(cli, untraced_fits, tunes, tmp_path_factory):
    """A finished run, and what it printed."""
    folder = tmp_path_factory.mktemp("music") / "run"
    options = ["--steps-per-beat", 2, "--head", "joint", "--units", 4, "--epochs", 1, "--batch-size", 5, "--json"]
    done = cli("run", "music", "--data", tunes, *options, "--out", folder)
    assert done.code == 0, done.err
    return folder, done


def test_a_run_leaves_pieces_and_measures(run):
    folder, done = run
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(done.out.splitlines()[-1]) == metrics
    assert {"nll", "accuracy"} < metrics["test"].keys() == metrics["valid"].keys()
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["head"], config["steps_per_beat"]) == ("joint", 2)
    names = {f"piece-{number}.{kind}" for number in range(1, 5) for kind in ("mid", "png")}
    assert {file.name for file in (folder / "pieces").iterdir()} == names
    assert mido.MidiFile(folder / "pieces" / "piece-1.mid").length == STEPS / 2 * 0.5  # beats of half a second
    statistics = pd.read_csv(folder / "statistics.csv", index_col="measure")
    assert {"training", "test", "generated", "what it is"} == set(statistics)
    assert statistics.loc["pieces", ["training", "test", "generated"]].tolist() == [10, 1, 20]
    assert statistics.loc["chord_size", "training"] == 2
    baselines = pd.read_csv(folder / "baselines.csv", index_col="model")["nll"]
    assert list(baselines.index) == ["train marginals", "per-key Markov chain", "this model"]
    assert baselines["this model"] == pytest.approx(metrics["test"]["nll"])


def test_a_run_says_what_was_skipped_and_what_the_figures_are_worth(run):
    folder, done = run
    assert "12 of 13 MIDI files read" in done.err
    assert "broken.mid: skipped; is not a complete MIDI file" in done.err
    assert "music on" in done.err
    assert "(10 train, 1 valid, 1 test)" in done.err
    assert "pitch_class_distance" in done.err
    assert "Without a network: train marginals" in done.err
    assert f"rnnkit generate {folder} -o piece.mid" in done.err
    assert "UserWarning" not in done.err


def test_a_run_is_measured_again(cli, run, tunes):
    folder, done = run
    again = cli("evaluate", folder, "--json")
    assert json.loads(again.out) == pytest.approx(json.loads(done.out.splitlines()[-1])["test"], rel=1e-4)
    other = cli("evaluate", folder, "--data", tunes)
    assert (other.code, "12 examples" in other.out, "broken.mid" in other.out) == (0, True, True)
    assert "40 examples" in cli("evaluate", folder, "--data", "music-sample").out


def test_the_page_has_pictures_and_measures(cli, run, tmp_path):
    folder, _ = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count('aria-label="Piano roll of a piece') == 2
    assert "Without a network:" in page
    assert "pitch_class_distance" in page
    done = cli("report", folder, "--out", tmp_path / "page.html")
    assert (done.code, (tmp_path / "page.html").read_text(encoding="utf-8")) == (0, page)


def test_a_piece_is_that_of_the_loaded_model(cli, run, tmp_path):
    folder, _ = run
    done = cli("generate", folder, "-o", tmp_path / "a.mid", "--seed", 5, "--temperature", 0.9, "--top-k", 4)
    assert done.code == 0, done.err
    expected = rnnkit.load(folder / "model.keras").generate(seed=5, temperature=0.9, top_k=4)
    assert expected.steps_per_beat == 2
    np.testing.assert_array_equal(Piece.load(tmp_path / "a.mid", steps_per_beat=2).roll, expected.roll)
    assert f"{tmp_path / 'a.mid'}  {expected!r}" in done.out
    again = ["--seed", 5, "--temperature", 0.9, "--top-k", 4, "--steps-per-beat", 4, "--tempo", 60]
    assert cli("generate", folder / "model.keras", "-o", tmp_path / "b.mid", *again).code == 0
    slow = Piece.load(tmp_path / "b.mid", steps_per_beat=4)
    np.testing.assert_array_equal(slow.roll, expected.roll)
    assert slow.tempo == 60


def test_a_seed_is_drawn_and_said(cli, run, tmp_path):
    folder, _ = run
    first = cli("generate", folder, "-o", tmp_path / "a.mid")
    seed = first.out.split()[-1]
    assert cli("generate", folder, "-o", tmp_path / "b.mid", "--seed", seed).code == 0
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()


def test_several_pieces_go_on_from_a_primer_with_sound_and_picture(cli, run, tmp_path):
    folder, _ = run
    tune(3).save(tmp_path / "primer.mid")
    files = ["-o", tmp_path / "new.mid", "--wav", tmp_path / "new.wav", "--plot", tmp_path / "new.png"]
    done = cli("generate", folder, "--primer", tmp_path / "primer.mid", "--length", 24, "--count", 2, *files)
    assert done.code == 0, done.err
    for number in (1, 2):
        piece = Piece.load(tmp_path / f"new-{number}.mid", steps_per_beat=2)
        assert len(piece) == 24
        np.testing.assert_array_equal(piece.roll[:STEPS], tune(3).roll)
        assert (tmp_path / f"new-{number}.png").read_bytes().startswith(b"\x89PNG")
        with wave.open(str(tmp_path / f"new-{number}.wav")) as sound:
            assert sound.getnframes() > sound.getframerate() * piece.seconds
    assert not (tmp_path / "new.mid").exists()


def test_files_are_replaced_only_when_asked(cli, run, tmp_path):
    folder, _ = run
    (tmp_path / "new-2.mid").write_text("mine", encoding="utf-8")
    done = cli("generate", folder, "-o", tmp_path / "new.mid", "--count", 2)
    assert (done.code, "new-2.mid exists already" in done.err) == (2, True)
    assert (tmp_path / "new-2.mid").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "new-1.mid").exists()
    assert cli("generate", folder, "-o", tmp_path / "new.mid", "--count", 2, "--overwrite").code == 0
    assert len(Piece.load(tmp_path / "new-2.mid", steps_per_beat=2)) == STEPS


@pytest.fixture(scope="module")
def places(run, tunes, tmp_path_factory):
    """Paths by name: good ones and bad ones."""
    import keras

    tmp_path = tmp_path_factory.mktemp("here")
    tune(0).save(tmp_path / "primer.mid")
    Piece(np.zeros((4, 88))).save(tmp_path / "silence.mid")
    (tmp_path / "cut.mid").write_bytes((tmp_path / "primer.mid").read_bytes()[:-9])
    (tmp_path / "nothing.mid").write_bytes(b"")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"task": "sentiment"}', encoding="utf-8")
    (tmp_path / "few").mkdir()
    for place in range(9):
        tune(place).save(tmp_path / "few" / f"{place}.mid")
    dense = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    dense.save(tmp_path / "dense.keras")
    return {"run": run[0], "tunes": tunes, "here": tmp_path}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("generate {here}/none -o {here}/a.mid", "is not a run folder"),
        ("generate {here}/none.keras -o {here}/a.mid", "there is no model file"),
        ("generate {here}/dense.keras -o {here}/a.mid", "contains a Sequential, expected a MusicGenerator"),
        ("generate {here}/other -o {here}/a.mid", "is a run of sentiment; expected one of music"),
        ("generate {run} -o {here}/a.mid --primer {here}/none.mid", "there is no file"),
        ("generate {run} -o {here}/a.mid --primer {here}/cut.mid", "is not a complete MIDI file"),
        ("generate {run} -o {here}/a.mid --primer {here}/nothing.mid", "is not a complete MIDI file"),
        ("generate {run} -o {here}/a.mid --primer {here}/silence.mid", "silence.mid has no notes"),
        ("generate {run} -o {here}/a.mid --primer {here}/primer.mid --length 16", "16"),
        ("generate {run} -o {here}/a.mid --temperature 0", "temperature: expected a positive number, got 0"),
        ("generate {run} -o {here}/a.mid --temperature -1", "temperature: expected a positive number, got -1"),
        ("generate {run} -o {here}/a.mid --temperature nan", "temperature: expected a positive number, got nan"),
        ("generate {run} -o {here}/a.mid --top-k 0", "top_k: expected a positive integer, got 0"),
        ("generate {run} -o {here}/a.mid --top-p 1.5", "top_p: expected a probability in (0, 1], got 1.5"),
        ("generate {run} -o {here}/a.mid --length 0", "length: expected a positive integer, got 0"),
        ("generate {run} -o {here}/a.mid --tempo 0", "tempo: expected 4 to 1000 beats per minute"),
        ("generate {run} -o {here}/a.mid --steps-per-beat 0", "steps_per_beat: expected a whole number from 1 to 480"),
        (
            "generate {run} -o {here}/a.mid --count 0",
            "count: expected at least 1, and 1000000 steps in all at most, got 0",
        ),
        ("generate {run} -o {here}/a.mid --length 1000001", "1000000 steps in all at most, got 1"),
        ("generate {run} -o {here}/a.mid --count 99999 --length 11", "1000000 steps in all at most, got 99999"),
        ("generate {run} -o {here}/a.mid --seed -1", "seed: expected a whole number from 0, got -1"),
        ("generate {run} -o {here}/none/a.mid", "there is no folder"),
        ("generate {run} -o {here}/a.wav", "expected a name that ends in .mid or .midi"),
        ("generate {run} -o {here}/a.mid --plot {here}/a.txt", "plot: expected a name that ends in .png or .svg"),
        ("generate {run} -o {here}/primer.mid", "primer.mid exists already"),
        ("generate {run}", "out: expected the MIDI file to write"),
        ("predict {run} text", "Use rnnkit generate"),
        ("run music --data {here}/other", "has no MIDI file"),
        ("run music --data {here}/primer.mid", "is not a folder"),
        ("run music --data {here}/few", "has 9 pieces that can be used; a run needs at least 10"),
        (
            "run music --data {tunes} --steps-per-beat 0",
            "steps_per_beat: expected a whole number from 1 to 1000000, got 0",
        ),
        ("run music --data {tunes} --steps-per-beat 481", "steps_per_beat: expected a whole number from 1 to 480"),
        ("run music --steps-per-beat 2", "'music-sample' has its own"),
        ("run music --seed -1", "seed: expected a whole number from 0 to 4294967295, got -1"),
        ("run music --head chords", "head: expected one of independent, joint, got 'chords'"),
        ("run sentiment --head joint", "No such option: --head"),
        ("run music --data sst2", "data for sentiment"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(cli, places, arguments, named, monkeypatch):
    monkeypatch.chdir(places["here"])
    before = {file: file.stat().st_mtime_ns for file in places["here"].rglob("*")}
    done = cli(*arguments.format(**places).split())
    assert done.code == 2, done.err
    assert named in done.err
    assert "Traceback" not in done.err
    assert {file: file.stat().st_mtime_ns for file in places["here"].rglob("*")} == before


def test_what_cannot_be_written_is_said(cli, run, tmp_path, monkeypatch):
    def half(piece, path):
        path.write_bytes(b"MThd")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Piece, "save", half)
    (tmp_path / "a.mid").write_bytes(b"before")
    done = cli("generate", run[0], "-o", tmp_path / "a.mid", "--overwrite")
    assert (done.code, "a.mid cannot be written (No space left on device)" in done.err) == (2, True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.mid", b"before")]


def test_every_collection_has_its_grid():
    collections = [name for name in datasets.names() if datasets.info(name).task == "music"]
    assert [grid_of(name) for name in collections] == [1, 1, 2, 2, 2]
    assert (grid_of("jsb", 3), grid_of("a folder"), grid_of("sst2")) == (3, 4, 4)
    pieces, rolls = load_music("music-sample").test["roll"], datasets.load("music-sample").test["roll"]
    assert {piece.steps_per_beat for piece in pieces} == {1}
    assert all((piece.roll == roll).all() for piece, roll in zip(pieces, rolls, strict=True))


def test_a_split_is_by_piece_and_always_the_same(tunes):
    from rnnkit.study.run import open_data
    from rnnkit.tasks.config import RunConfig

    config = RunConfig("music", str(tunes), steps_per_beat=2)
    with pytest.warns(UserWarning, match="broken.mid"):
        first, second = open_data(config), open_data(config)
    parts = [[piece.roll.tobytes() for piece in part["roll"]] for part in first]
    assert parts == [[piece.roll.tobytes() for piece in part["roll"]] for part in second]
    assert [len(part) for part in parts] == [10, 1, 1]
    with pytest.warns(UserWarning, match="broken.mid"):
        everything = {roll.tobytes() for roll in datasets.read_midi_folder(tunes, steps_per_beat=2)["roll"]}
    assert {roll for part in parts for roll in part} == everything
