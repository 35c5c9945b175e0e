"""Runs in a list and side by side, from folders made by hand."""

import json

import pandas as pd
import pytest

from rnnkit.errors import ArgumentError, DataError
from rnnkit.study.side_by_side import runs_in, side_by_side

CONFIG = {"task": "sentiment", "data": "sst2", "cell": "lstm", "units": 8, "seed": 0, "settings": None}


@pytest.fixture
def folder(tmp_path):
    """Two finished runs that differ in two settings, one of another task, and one that is not finished."""
    scores = {"first": 0.75, "second": 0.8125, "tagger": 0.5}
    own = {"second": {"units": 16, "settings": {"dropout": 0.2}}, "tagger": {"task": "ner"}}
    for name in (*scores, "unfinished"):
        run = tmp_path / name
        (run / "state").mkdir(parents=True)
        (run / "config.json").write_text(json.dumps({**CONFIG, **own.get(name, {})}), encoding="utf-8")
        history = pd.DataFrame(
            {"epoch": [0, 1], "loss": [0.7, 0.6], "val_accuracy": [0.6, 0.7], "val_loss": [0.7, 0.65]}
        )
        history.to_csv(run / "history.csv", index=False)
        if name in scores:
            test = {"loss": 0.5, "accuracy": scores[name]}
            metrics = {"task": "ner" if name == "tagger" else "sentiment", "test": test, "valid": test}
            text = json.dumps({**metrics, "epochs": 2, "seconds": 12.5})
            (run / "metrics.json").write_text(text, encoding="utf-8")
    (tmp_path / "unfinished" / "state" / "00000001.state").write_bytes(b"")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_the_runs_of_a_folder_have_their_scores_and_say_if_they_are_not_finished(folder):
    found = runs_in(folder).set_index("run")
    assert set(found.index) == {"first", "second", "tagger", "unfinished"}
    assert found.loc["second", ["score", "test", "epochs"]].tolist() == ["accuracy", 0.8125, 2]
    assert found.loc["unfinished", ["score", "epochs"]].tolist() == ["not finished", 2]
    with pytest.raises(DataError, match="there is no folder .*none"):
        runs_in(folder / "none")


def test_the_commands_print_and_write_them(cli, folder):
    listed = cli("runs", folder)
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    assert listed.code == 0
    assert "0.812" in lines["second"]
    assert "not finished" in lines["unfinished"]
    done = cli("report", "first", "second", cwd=folder)
    assert (done.code, done.out) == (0, "runs.html\n")
    assert (folder / "runs.html").is_file()
    again = cli("report", folder / "first", folder / "unfinished")
    assert (again.code, "with rnnkit run --resume" in again.err) == (2, True)


def test_the_page_shows_where_settings_differ_and_the_scores(folder):
    page = side_by_side([folder / "first", folder / "second"])
    names = [name for name in ("units", "dropout", "seed", "cell") if f"<td>{name}</td>" in page]
    assert names == ["units", "dropout"]
    assert '<td data-head="first">8</td><td data-head="second">16</td>' in page
    assert '<td data-head="first">0.75</td><td data-head="second">0.8125</td>' in page
    assert "--units 16 --set dropout=0.2" in page
    assert page.count("<svg") == 2  # of accuracy and of loss
    assert "Accuracy on validation data by epoch, one line per run." in page
    with pytest.raises(ArgumentError, match="expected runs of one task, got ner, sentiment"):
        side_by_side([folder / "first", folder / "tagger"])
