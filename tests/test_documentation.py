"""What the README and the pages of docs/ show works as it stands there, on less data and in fewer epochs."""

import functools
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from typer.main import get_command

import rnnkit
from rnnkit import callbacks, datasets, layers
from rnnkit.cli.app import app
from rnnkit.datasets import Dataset, Splits
from rnnkit.tasks import TASKS

_load = datasets.load  # before it is replaced
_program = functools.cache(get_command)  # made from all commands and options
ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "api")]
LESS = {r"\bepochs([= ])\d+": r"epochs\g<1>1", r"\bmax_trials=\d+": "max_trials=2", r"\bseeds=\d+": "seeds=1"}
ROWS = Splits(64, 24, 24)
STEPS = 400  # of a series
IN_FULL = ("run-folder.md",)  # the page whose commands are run to their end; others up to the first training step
CHEAP = ("data",)
LOOPS = ("music.md",)  # the page that draws so many notes that it pays to trace how
OPTIONAL = {  # blocks left out where these are not installed
    "import onnxruntime": ("onnxruntime", "tf2onnx"),
    "fastapi": ("fastapi", "httpx"),
    "ai_edge_litert": ("ai_edge_litert", "onnxruntime", "tf2onnx"),
}

REVIEWS = {"good": "a fine, warm film", "bad": "dull and far too long", "mixed": "fine at first, dull in the end"}
SENTENCES = [
    [("He", "O"), ("took", "O"), ("aspirin", "B-Drug"), ("twice", "B-Dose"), ("a", "I-Dose"), ("day", "I-Dose")],
    [("No", "O"), ("insulin", "B-Drug"), ("was", "O"), ("given", "O")],
]


class FirstStep(Exception):  # noqa: N818  (no error: as far as a command has to come)
    """A command has come to its training."""


@pytest.fixture
def workplace(tmp_path, monkeypatch, own_cells):
    """A folder with the files that pages speak of, data sets of a few rows, and trainings of one epoch."""
    memory = datasets.memory
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "load", _few)
    monkeypatch.setattr(datasets, "memory", lambda *args, **options: memory(*args, **{**options, **ROWS._asdict()}))
    monkeypatch.setattr("rnnkit.cli.quiet.start_tensorflow", lambda device, devices=1: "cpu")
    monkeypatch.setattr("rnnkit.recurrent.devices.strategy", lambda device, count: tf.distribute.get_strategy())
    monkeypatch.setattr("rnnkit.recurrent.devices.make_deterministic", lambda: None)
    for task in TASKS.values():
        monkeypatch.setattr(task, "max_epochs", 1)
    for csv in ("reviews.csv", "mine.csv"):
        rows = [(f"{text} {n}", label, n % 3) for n in range(20) for label, text in REVIEWS.items()]
        pd.DataFrame(rows, columns=["review", "verdict", "stars"]).to_csv(csv, index=False)
    hours = {"date": pd.date_range("2024-01-01", periods=900, freq="h"), "load": np.arange(900) % 24}
    pd.DataFrame({**hours, "event": np.arange(900) % 7 == 0}).to_csv("load.csv", index=False)
    for conll in ("entities.conll", "mine.conll"):
        lines = ["".join(f"{word} X O {tag}\n" for word, tag in sentence) for sentence in SENTENCES * 10]
        Path(conll).write_text("\n".join(lines), encoding="utf-8")
    for folder in ("midi", "midi-folder"):
        Path(folder).mkdir()
        for number in range(12):
            roll = np.zeros((16, 88), "uint8")
            roll[:8, 40 + number], roll[8:, 44 + number] = 1, 1
            rnnkit.Piece(roll).save(f"{folder}/{number}.mid")
    Path("book.txt").write_text("It was the best of times,\nit was the worst of times,\n" * 20, encoding="utf-8")
    Path("pairs.tsv").write_text("".join(f"good morning {n}\tguten Morgen {n}\n" for n in range(40)), encoding="utf-8")
    return tmp_path


@functools.cache
def _few(name: str) -> Splits:
    """A few rows of a data set, the shortest ones of tagged texts, and of labelled ones to train on."""
    splits = _load(name)
    if "tags" in splits.train.columns:
        splits = Splits(*map(_shortest_first, splits))
    if "label" in splits.train.columns:
        splits = Splits(_shortest_first(splits.train), splits.valid, splits.test)
    few = Splits(*(part[:rows] for part, rows in zip(splits, ROWS, strict=True)))
    return Splits(*map(_first_steps, few)) if "series" in few.train.columns else few


def _shortest_first(part: Dataset) -> Dataset:
    lengths = [len(each) for each in part[part.columns[0]]]
    return part.take(np.argsort(lengths, kind="stable"))


def _first_steps(part: Dataset) -> Dataset:
    return Dataset({"series": [each.cut(min(len(each), each.start + STEPS)) for each in part["series"]]})


@pytest.mark.filterwarnings("ignore:.* did not leave .* in 1 epochs")  # which is all that they train for here
@pytest.mark.filterwarnings("ignore:x. .* tokens do not fill one batch")  # of the few rows that there are here
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page(page, workplace, request, monkeypatch, capsys):
    """Its blocks, in order and in one namespace."""
    request.getfixturevalue("untraced_fits" if page.name in LOOPS else "untraced_test")
    namespace = {"__name__": page.stem}
    if page.name not in IN_FULL:
        monkeypatch.setattr("rnnkit.study.run.train", _first_step)
    for language, block in re.findall(r"^```(python|sh)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M):
        if language == "python" and _has_all(block):
            exec(compile(_less(block), page.name, "exec"), namespace)
            continue
        for line in re.findall(r"^rnnkit (.*)$", _less(block), re.MULTILINE):
            _command(shlex.split(line), in_full=page.name in IN_FULL)
    CHECKS.get(page.name, lambda namespace, said: None)(namespace, capsys.readouterr().out)


def _has_all(block: str) -> bool:
    needed = [name for line, names in OPTIONAL.items() if line in block for name in names]
    return all(map(importlib.util.find_spec, needed))


def _less(block: str) -> str:
    for pattern, less in LESS.items():
        block = re.sub(pattern, less, block)
    return block


def _command(words: list[str], in_full: bool) -> None:
    """Runs a command as far as it costs little; of the others, sees that names and values are understood."""
    program = _program(app)
    command, rest = program.commands[words[0]], words[1:]
    if rest and hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    given = command.make_context(command.name, rest).params if rest or command.name not in ("run", "data") else {}
    if in_full or words == ["run"] or words[0] in CHEAP or given.get("dry_run"):
        program.main(words, standalone_mode=False)
    elif words[0] == "run" and not _is_download(given["data"]):
        with pytest.raises(FirstStep):
            program.main(words, standalone_mode=False)


def _is_download(data: str | None) -> bool:
    return data is not None and datasets.is_known(data) and bool(datasets.info(data).files)


def _first_step(*args, **options):
    raise FirstStep


def _front_door(namespace, said):
    assert "Classified(label=" in said
    assert "Try first: normalization" in said
    assert Path("reviews.keras").stat().st_size > 1000


def _ones_own(namespace, said):
    assert namespace["classifier"].labels == ["bad", "good", "mixed"]
    assert namespace["tagger"].types == ["Dose", "Drug"]
    assert rnnkit.Piece.load("new.mid").roll.shape == (16, 88)
    assert isinstance(namespace["translator"].translate("good morning 3"), str)
    assert "accuracy" in said


def _watched(namespace, said):
    health = namespace["health"]
    assert health.steps["status"].eq("taken").all()
    assert health.steps["clipped"].any()
    assert "Verdict:" in said


CHECKS = {"README.md": _front_door, "your-own-data.md": _ones_own, "your-own-model.md": _watched}


def test_the_readme_is_read_in_a_minute():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 900


def test_the_links_of_the_readme_lead_somewhere_here_and_on_a_package_index():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((.*?)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "setup.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    repository = project["urls"]["Repository"]
    absolute = re.findall(r"\]\((.*?)\)", script.with_absolute_links(text, repository))
    kinds = {link: f"{repository}/{'raw' if link.endswith('.png') else 'blob'}/main/{link}" for link in links}
    assert absolute == [kinds[link] for link in links]


@pytest.mark.parametrize("module", [rnnkit, callbacks, datasets, layers], ids=lambda module: module.__name__)
def test_the_reference_has_everything_public(module):
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    names = [name for name in module.__all__ if name == "MEMORY_PROBLEMS" or callable(getattr(module, name))]
    assert [name for name in names if not re.search(rf"(heading: {module.__name__}\.|`){name}\b", text)] == []


def test_the_cell_guide_has_only_figures_of_the_results():
    guide = (ROOT / "docs" / "which-cell.md").read_text(encoding="utf-8")
    table = guide.partition("## On real data")[2].partition("**Not measured yet**")[0]
    figures = re.findall(r"\d+\.\d+", table)
    assert len(figures) > 10
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert [each for each in figures if each not in results] == []


def test_pictures_are_small():
    pictures = list((ROOT / "docs" / "figures").iterdir())
    assert pictures
    assert [path.name for path in pictures if path.stat().st_size > 100_000] == []
