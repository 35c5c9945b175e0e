"""What a user has, in five lines or one command; that the pages' lines work is seen to in test_documentation.py."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import tensorflow as tf
from typer.main import get_command

import rnnkit
from rnnkit.cli.app import app

DOCS = Path(__file__).resolve().parents[1] / "docs"
KINDS = ("Reviews in a CSV file", "Entities in CoNLL columns", "A folder of MIDI files", "Sentence pairs in a TSV file")


def blocks(text, language):
    return [
        [line for line in block.splitlines() if line.strip()]
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_data_takes_five_lines_or_one_command(kind):
    page = (DOCS / "your-own-data.md").read_text(encoding="utf-8")
    section = page.partition(f"## {kind}\n")[2].partition("\n## ")[0]
    assert [len(block) for block in blocks(section, "python")] == [5]
    assert [len(block) for block in blocks(section, "sh")] == [1]


def test_a_model_takes_five_lines():
    page = (DOCS / "your-own-model.md").read_text(encoding="utf-8")
    model, watched, *_ = blocks(page, "python")
    assert "keras.Sequential" in "".join(model)
    assert len(watched) == 5


@pytest.mark.slow
def test_a_tsv_file_becomes_a_translator_that_answers(untraced_fits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnkit.cli.quiet.start_tensorflow", lambda *devices: "cpu")
    monkeypatch.setattr("rnnkit.recurrent.devices.strategy", lambda *devices: tf.distribute.get_strategy())
    Path("pairs.tsv").write_text("".join(f"good morning {n}\tguten Morgen {n}\n" for n in range(40)), encoding="utf-8")
    small = ["--units", "3", "--epochs", "1", "--out", "run", "--json"]
    get_command(app).main(["run", "translation", "--data", "pairs.tsv", *small], standalone_mode=False)
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics["data"] == "pairs.tsv"
    assert set(metrics["test"]) >= {"bleu", "chrf"}
    assert isinstance(rnnkit.load("run/model.keras").translate("good morning"), str)


def test_pandas_goes_in_and_comes_out():
    frame = pd.DataFrame({"text": ["a fine film", "dull", "fine"], "label": ["good", "bad", "good"]}, index=list("abc"))
    model = rnnkit.SentimentClassifier(units=3, embedding_dim=3)
    model.adapt(frame)
    answers = pd.DataFrame(model.classify(frame["text"]), index=frame.index)
    assert list(answers.columns) == ["label", "score"]
    by_hand = model.predict(frame, verbose=0)
    assert answers["label"].tolist() == [model.labels[row.argmax()] for row in by_hand]
    assert model.evaluate(frame, return_dict=True, verbose=0) == model.evaluate(
        frame["text"], frame["label"], return_dict=True, verbose=0
    )
