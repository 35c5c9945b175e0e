"""The folders of searches and comparisons, damaged or changed, full, and from somebody else."""

import json
import os
import pickle
import shutil

import pandas as pd
import pytest

import rnnkit
from rnnkit.errors import DataError, WriteError
from rnnkit.tuning import guided
from rnnkit.tuning.full_disk import UnwritableError
from rnnkit.tuning.results import RECORD

SEARCHED = {"learning_rate": (1e-3, 1e-1), "dropout": 0.0, "epochs": 1, "algorithm": "random", "guard": None}


def search(order, small, folder, trials=1, **options):
    return rnnkit.tune("memory", *order, **{**small, **SEARCHED, **options}, max_trials=trials, directory=folder)


@pytest.fixture(scope="module")
def searched(order, small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched") / "search"
    search(order, small, folder)
    return folder


def edited(change):
    """A change of a JSON file's content."""

    def edit(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    return edit


def text(content):
    return lambda path: path.write_bytes(content)


DAMAGE = [
    ("search.json", text(b"{")),
    ("search.json", text(b"[" * 100_000)),
    ("search.json", text(b'["memory"]')),
    ("oracle.json", text(b'{"ongoing_trials": ')),
    ("oracle.json", text(b"{}")),
    ("oracle.json", edited(lambda content: content.update(start_order=[["0"]]))),
    ("oracle.json", edited(lambda content: content["hyperparameters"].update(space=[{"class_name": "Lambda"}]))),
    ("tuner0.json", text(b"\xff\xfe")),
    ("trial_0/trial.json", text(b"null")),
    ("trial_0/trial.json", edited(lambda content: content.pop("hyperparameters"))),
    ("trial_0/trial.json", edited(lambda content: content.update(score=[1], metrics={"metrics": 3}))),
    (f"trial_0/{RECORD}", text(b"[]]")),
    (f"trial_0/{RECORD}", edited(lambda content: content.update(began="today"))),
]


@pytest.mark.parametrize(("file", "damage"), DAMAGE)
def test_a_search_that_was_damaged_is_refused_before_a_trial(file, damage, searched, order, small, tmp_path):
    folder = tmp_path / "search"
    shutil.copytree(searched, folder)
    damage(folder / file)
    with pytest.raises(DataError, match=r"^directory: the files in .* are damaged or inconsistent \(") as caught:
        search(order, small, folder, trials=2)
    assert "\n" not in str(caught.value)
    assert not (folder / "trial_1").exists()


class Marked:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_nothing_in_a_folder_is_unpickled_and_no_link_is_followed(searched, order, small, tmp_path, monkeypatch):
    folder, mark = tmp_path / "search", tmp_path / "mark"
    shutil.copytree(searched, folder)
    for name in ("workers.pickle", "trial_0/job.pickle", "trial_1/job.pickle"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(pickle.dumps(Marked(mark)))
    search(order, small, folder, trials=2, isolate=True)
    assert not mark.exists()
    pickle.loads((folder / "workers.pickle").read_bytes())
    assert mark.exists()
    (folder / "trial_0" / "link.json").symlink_to(tmp_path)
    with pytest.raises(DataError, match="is a link to outside of its folder"):
        search(order, small, folder, trials=2)


def test_weights_that_were_damaged_are_a_clear_error(searched, order, small, tmp_path):
    folder = tmp_path / "search"
    shutil.copytree(searched, folder)
    (folder / "trial_0" / "checkpoint.weights.h5").write_bytes(b"no weights")
    tuner = search(order, small, folder)
    with pytest.raises(DataError, match="are damaged or inconsistent"):
        tuner.best_model()


def test_a_full_disk_ends_a_search_and_blames_no_trial(searched, order, small, tmp_path, monkeypatch):
    folder = tmp_path / "search"
    shutil.copytree(searched, folder)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("keras.Model.save_weights", full)
        with pytest.raises(UnwritableError, match="No space left on device") as caught:
            search(order, small, folder, trials=2)
    assert isinstance(caught.value, WriteError)
    with monkeypatch.context() as patch:
        patch.setattr(guided, "write_text", full)
        with pytest.raises(OSError, match="No space left on device"):
            search(order, small, folder, trials=2)
    table = search(order, small, folder, trials=2).results
    assert list(table["status"]) == ["completed"] * 2


def test_a_comparison_that_was_damaged_is_refused(order, tmp_path):
    options = {"cells": ["gru"], "seeds": 1, "epochs": 1, "directory": tmp_path, "target": "class", "units": 2}
    rnnkit.compare("memory", *order, **options)
    runs, before = tmp_path / "runs.csv", pd.read_csv(tmp_path / "runs.csv")
    for content in (
        "",
        "model,kind\na,b\n",
        before.astype(object).assign(seconds="long").to_csv(),
        "\0\0",
        "a\nb,c,d\n",
    ):
        runs.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match="are damaged or inconsistent"):
            rnnkit.compare("memory", *order, **options)
    (tmp_path / "comparison.json").write_text("}", encoding="utf-8")
    with pytest.raises(DataError, match="are damaged or inconsistent"):
        rnnkit.compare("memory", *order, **options)
