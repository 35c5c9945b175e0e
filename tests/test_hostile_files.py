"""Files that were made to do harm: refused in one line, with nothing run, nothing written and no memory filled."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import datasets
from rnnkit.callbacks.resuming.state_files import FORMAT, StateFiles, unpacked
from rnnkit.cli.app import main
from rnnkit.datasets import imdb, jsb
from rnnkit.datasets.midi import read_midi
from rnnkit.errors import DataError, ModelFileError, ResumeError, RnnkitError
from rnnkit.study.folder import RunFolder
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.memory.spec import _sequence
from rnnkit.text import textfile
from rnnkit.text.vectors import vector_size

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
DEEP = "[" * 100_000
TEXTS = {
    "a.csv": datasets.read,
    "a.tsv": datasets.read,
    "a.jsonl": datasets.read,
    "a.conll": datasets.read,
    "a.conllu": datasets.read,
    "pairs.txt": datasets.read_pairs,
    "vectors.txt": vector_size,
}
FILES = {**TEXTS, "a.mid": read_midi}


class Marked:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def peak(action):
    """The bytes that an action took at most."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", list(TEXTS)[:-1])  # of vectors two lines are read
@pytest.mark.parametrize(
    "content", [b"a" * 30_000_000, b"\n" * 500_000, b"a\tb\n" * 200_000, (b"\n" * 3000 + b"\xff") * 10_000]
)
def test_a_packed_bomb(name, content, tmp_path, monkeypatch):
    monkeypatch.setattr(textfile, "MAX_LINE", 20_000)
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(content))

    def read():
        with pytest.raises(DataError):
            TEXTS[name](path)

    assert peak(read) < 10_000_000


def test_texts_that_pack_well_are_no_bomb(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"the same review,1\n" * 100_000))
    assert len(datasets.read(path)) == 100_000


@pytest.mark.parametrize("name", TEXTS)
def test_a_line_of_four_gigabytes(name, tmp_path):
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**32)  # with a hole in it, so that it takes no room

    def read():
        with pytest.raises(DataError, match="line 1 has more than 10000000 characters"):
            TEXTS[name](tmp_path / name)

    assert peak(read) < 100_000_000


def test_ten_million_columns_are_not_listed(tmp_path):
    (tmp_path / "a.csv").write_text("a," * 1_000_000 + "\n")
    with pytest.raises(DataError, match="and 999981 more") as caught:
        datasets.read(tmp_path / "a.csv")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_never_ends_is_not_begun(name, kind, tmp_path):
    os.mkfifo(tmp_path / name) if kind == "pipe" else (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is a pipe or a device; expected a file"):
        FILES[name](tmp_path / name)


@pytest.mark.parametrize("name", FILES)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name, content, tmp_path_factory):
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        FILES[name](path)


def test_labels_are_whole_characters_too(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "label": "\\ud800"}\n')
    with pytest.raises(DataError, match="line 1: the label holds half a character"):
        datasets.read(tmp_path / "a.jsonl")


def test_an_archive_leads_nowhere_and_fills_no_memory(tmp_path):
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / imdb.ARCHIVE, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, kind in {"../out": b"0", "/tmp/out": b"2", "aclImdb/train/pos/1_1.txt": b"1", "device": b"3"}.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        member.pax_headers = {"comment": "a" * 60_000_000}
        tar.addfile(member)

    def read():
        with pytest.raises(DataError, match="unpacks to more than 20 times its size"):
            imdb.read(tmp_path / "in")

    assert peak(read) < 50_000_000
    assert [path.name for path in tmp_path.rglob("*")] == ["in", imdb.ARCHIVE]


def test_deep_json(tmp_path):
    (tmp_path / "a.jsonl").write_text(f'{{"text": {DEEP}')
    (tmp_path / jsb.FILE).write_text(DEEP)
    (tmp_path / "config.json").write_text(f'{{"task": {DEEP}')
    with pytest.raises(DataError, match="line 1 is not JSON"):
        datasets.read(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="holds no chorales"):
        jsb.read(tmp_path)
    with pytest.raises(DataError, match="cannot be read as JSON"):
        RunFolder(tmp_path).config  # noqa: B018  (reading it is the test)
    with pytest.raises(DataError, match="as a JSON list"):
        _sequence(DEEP)


NUMBERS = st.integers() | st.sampled_from([2**31, -(2**63), 10**400]) | st.floats()
PLAIN = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@given(st.dictionaries(st.sampled_from([*RunConfig().as_dict(), "other"]), JSON, max_size=4))
def test_a_configuration_is_of_the_right_types_or_refused(values):
    try:
        config = RunConfig.from_dict({"task": "sentiment", **values})
    except RnnkitError:
        return
    values = config.as_dict()
    assert {type(values.pop(name)) for name in ("deterministic", "tensorboard")} == {bool}
    assert all(type(value) in (str, int, type(None)) for value in values.values())
    assert max(value for value in (config.units, config.layers, config.epochs, 1) if value is not None) <= 10**6


BAD_CONFIGS = [
    "",
    "[]",
    "null",
    "{}}",
    DEEP,
    "\x00",
    '{"task": []}',
    '{"task": 5}',
    '{"units": "many"}',
    '{"seed": 1e400}',
]
COMMANDS = ["report", "evaluate", "predict", "translate", "run --resume"]


@pytest.mark.parametrize("content", [*BAD_CONFIGS, '{"task": "\\u001b[2J\\ud800"}', '{"units": 99999999999999999999}'])
@pytest.mark.parametrize("command", [*COMMANDS, "generate -o a.mid"])
def test_a_bad_configuration_is_one_line_at_the_command_line(command, content, tmp_path, monkeypatch, capsys):
    (tmp_path / "config.json").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rnnkit", *command.split(), str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n"), said[:6]) == (2, 1, "error:")
    assert "\x1b" not in said
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.parametrize("name", ["report.html", "state/00000001.part", "translations", "model.keras"])
def test_a_run_folder_has_no_links_that_lead_out_of_it(name, tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside"
    (run / name).parent.mkdir(parents=True)
    (run / "config.json").write_text("{}")
    outside.write_text("mine")
    (run / name).symlink_to(outside)
    with pytest.raises(DataError, match=f"{name} is a link to outside of its folder"):
        RunFolder(run)
    (run / name).unlink()
    (run / name).symlink_to(run / "config.json")
    RunFolder(run)
    (run / name).unlink()
    os.mkfifo(run / name)
    with pytest.raises(DataError, match=f"{name} is a pipe or a device"):
        RunFolder(run)


def saved(members, compression=zipfile.ZIP_STORED):
    """A save of `Resume` with a right checksum."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return FORMAT + hashlib.sha256(out.getvalue()).hexdigest().encode() + b"\n" + out.getvalue()


def array(value):
    out = io.BytesIO()
    np.save(out, value, allow_pickle=True)
    return out.getvalue()


def test_a_pickle_in_a_save_is_not_run(tmp_path):
    mark, folder = tmp_path / "mark", tmp_path / "state"
    tree = array(np.frombuffer(b'{"__array__": 0}', "uint8"))
    objects = array(np.array([Marked(mark)], dtype=object))
    folder.mkdir()
    for number, member in enumerate([objects, pickle.dumps(Marked(mark))], 1):
        (folder / f"{number}.state").write_bytes(saved({"tree": tree, "0": member}))
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(ResumeError, match="all saves in .* are damaged"):
        StateFiles(folder).read()
    assert not mark.exists()
    np.load(io.BytesIO(objects), allow_pickle=True)
    assert mark.exists()  # it would have run


def test_a_save_takes_no_more_memory_than_its_file():
    bomb = saved({"tree": array(np.zeros(50_000_000, "uint8"))}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="it is compressed, which no save is"):
        unpacked(bomb)
    tree = array(np.frombuffer(json.dumps([{"__array__": 0}] * 1000).encode(), "uint8"))
    again = saved({"tree": tree, "0": array(np.zeros(10**6, "uint8"))})
    assert peak(lambda: unpacked(again)) < 10_000_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The bytes of a saved model by member."""
    import keras

    path = tmp_path_factory.mktemp("model") / "a.keras"
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    network.compile("sgd", "mse")
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def changed(model, change, path, **more):
    """The model file with another configuration, or further members."""
    config = json.loads(model["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**model, "config.json": json.dumps(config), **more}.items():
            archive.writestr(name, content)
    return path


def test_code_in_a_lambda_layer_is_not_run(tmp_path, monkeypatch):
    import keras

    import rnnkit

    monkeypatch.chdir(tmp_path)
    mark = Path("mark")
    layer = keras.layers.Lambda(lambda x: (open("mark", "w").close(), x)[1])
    keras.Sequential([keras.Input((3,)), layer]).save("a.keras")
    mark.unlink()
    with pytest.raises(ModelFileError, match="Lambda.*disallowed"):
        rnnkit.load("a.keras")
    assert not mark.exists()
    rnnkit.load("a.keras", safe_mode=False)
    assert mark.exists()  # it would have run


def named(module, name):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "exec"), ("marks_its_import", "f")])
@pytest.mark.parametrize("place", ["loss", "initializer", "layer"])
def test_a_model_file_imports_nothing(model, module, name, place, tmp_path, monkeypatch):
    import rnnkit

    (tmp_path / "marks_its_import.py").write_text("f = open('mark', 'w').close\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def change(config):
        layer = config["config"]["layers"][-1]
        if place == "layer":
            layer.update(module=module, class_name=name, registered_name=None)
        elif place == "loss":
            config["compile_config"]["loss"] = named(module, name)
        else:
            layer["config"]["kernel_initializer"] = named(module, name)

    with pytest.raises(ModelFileError):
        rnnkit.load(changed(model, change, tmp_path / "a.keras"))
    assert not Path("mark").exists()
    assert "marks_its_import" not in sys.modules


def test_a_model_file_that_unpacks_to_any_size(model, tmp_path):
    import rnnkit

    path = changed(model, lambda config: None, tmp_path / "a.keras", **{"../../out": "x", "big": bytes(101_000_000)})

    def load():
        with pytest.raises(ModelFileError, match="unpacks to 101 MB, 100 times its size or more"):
            rnnkit.load(path)

    assert peak(load) < 10_000_000


def test_deep_json_in_a_model_file_and_what_keras_says_of_it_is_short(model, tmp_path):
    import rnnkit

    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**model, "config.json": DEEP}.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match="cannot be read as a Keras model"):
        rnnkit.load(path)
    changed(model, lambda config: config["config"]["layers"][-1].update(class_name="a" * 100_000), path)
    with pytest.raises(ModelFileError) as caught:
        rnnkit.load(path)
    assert len(str(caught.value)) < 2000


def fuzz(*arguments):
    command = [sys.executable, str(BENCHMARKS / "fuzz.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, "COLUMNS": "80"})


def test_a_slice_of_the_fuzzing(tmp_path):
    done = fuzz("--inputs", "1000", "--seed", "5", "--keep", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert all(int(row[2]) + int(row[3]) == int(row[1]) for row in rows)
    assert sum(int(row[1]) for row in rows[:-1]) == int(rows[-1][1]) >= 1000
    assert os.listdir(tmp_path) == []


CONTROL = """
import os, pickle, sys, time, types
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import fuzz
for each in (fuzz.signal.SIGALRM, fuzz.signal.SIGPROF):
    fuzz.signal.signal(each, fuzz._too_slow)
folder = Path(sys.argv[2]) / "in"
folder.mkdir()
options = types.SimpleNamespace(seconds=0.2, keep=Path(sys.argv[2]) / "keep")
watch = fuzz.Watch(folder)
def read(act):
    return fuzz._outcome(fuzz.Reader(1, "a", [], None, act), folder / "a", watch, options, "a", b"")
def hidden(act):
    try: act()
    except BaseException: raise fuzz.RnnkitError
def bad():
    raise ValueError
print(read(lambda path: 1), read(lambda path: hidden(bad)), read(lambda path: path.write_text("x")))
print(*(read(lambda path: act()) for act in (
    bad,
    lambda: time.sleep(5),
    lambda: os.system("true"),
    lambda: pickle.loads(b"cos\\nsystem\\n."),
    lambda: (folder.parent / "out").write_text("x"),
    lambda: hidden(lambda: os.system("true")),
)))
"""


def test_the_fuzzing_sees_what_it_looks_for(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CONTROL, str(BENCHMARKS), str(tmp_path)], capture_output=True, text=True, timeout=280
    )
    assert done.stdout.splitlines() == ["accepted refused accepted", " ".join(["failed"] * 6)], done.stderr
    assert not (tmp_path / "out").exists()
