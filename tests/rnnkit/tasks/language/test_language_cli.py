"""`rnnkit run language-model` and `rnnkit generate` on what it wrote."""

import json

import pytest
from typer.testing import CliRunner

from rnnkit.cli.app import app
from rnnkit.errors import ArgumentError, DataError


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    text = "It was the best of times,\nit was the worst of times.\n" * 30
    (folder / "book.txt").write_text(text, encoding="utf-8")
    return folder / "book.txt"


@pytest.fixture(scope="module")
def run(book, untraced):
    folder = book.parent / "run"
    words = [
        "run",
        "language-model",
        "--data",
        str(book),
        "--units",
        "4",
        "--epochs",
        "1",
        "--batch-size",
        "8",
        "--out",
        str(folder),
    ]
    with untraced():
        answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    return folder


def generated(run, *words):
    answer = CliRunner().invoke(app, ["generate", str(run), *words], catch_exceptions=True)
    if answer.exception is not None and not isinstance(answer.exception, SystemExit):
        raise answer.exception
    return answer.stdout


def test_a_run_writes_text_and_measures_it(run):
    assert (run / "written.txt").read_text(encoding="utf-8")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert "bits_per_character" in metrics["test"]
    characters = (
        run.parent / "book.txt"
    ).stat().st_size * 0.81  # a tenth is test data, and of the rest one validation data
    assert metrics["tokens_per_second"] == pytest.approx(characters / metrics["seconds"], rel=0.1)
    assert f"{metrics['tokens_per_second']:,.0f} tokens/s" in (run / "report.html").read_text(encoding="utf-8")
    assert (run / "report.html").stat().st_size > 1000


def test_text_goes_on_from_a_prompt_by_a_seed(run):
    options = ("--prompt", "It was", "--length", "30", "--seed", "3")
    text = generated(run, *options)
    assert text.startswith("It was")
    assert len(text) == len("It was") + 30 + 1
    assert text == generated(run, *options)
    assert generated(run, "--length", "20", "--count", "2", "--seed", "3").count("\n") >= 2
    assert generated(run / "model.keras", *options) == text


def test_options_of_music_are_named(run):
    with pytest.raises(ArgumentError, match="out: a language model writes text"):
        generated(run, "-o", "piece.mid")
    with pytest.raises(ArgumentError, match="steps_per_beat, tempo: a language model writes text"):
        generated(run, "--tempo", "100", "--steps-per-beat", "2")
    with pytest.raises(ArgumentError, match="temperature: expected a positive number"):
        generated(run, "--temperature", "0")


def test_a_text_of_one_line_cannot_be_cut(tmp_path):
    (tmp_path / "line.txt").write_text("one line", encoding="utf-8")
    with pytest.raises(DataError, match="expected a text of several lines"):
        raise CliRunner().invoke(app, ["run", "language-model", "--data", str(tmp_path / "line.txt")]).exception
