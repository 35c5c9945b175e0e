"""What version 0.1 wrote opens as it did: models give the same answers, and folders are taken by every command.

The files in tests/data/version_0_1 were written by version 0.1.0: a model of each task, trained for an epoch on a few
rows, with its answers, and a folder each of `rnnkit run`, `rnnkit tune` and `rnnkit compare`.
"""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import rnnkit
from rnnkit import datasets

HERE = Path(__file__).resolve().parents[1] / "data" / "version_0_1"
ANSWERS = json.loads((HERE / "answers.json").read_text(encoding="utf-8"))
TEXTS = ["a good film", "a bad film", "not good at all", "not bad at all", "good , good"]
TOKENS = [["Ada", "lives", "in", "London", "."], ["Bo", "works", "."]]


@pytest.fixture
def folder(tmp_path):
    """A copy of the folders, which commands may write to."""
    return shutil.copytree(HERE, tmp_path / "old")


@pytest.fixture(params=sorted(ANSWERS))
def saved(request):
    """A model's name, the model, and what it answered when it was saved."""
    return request.param, rnnkit.load(HERE / f"{request.param}.keras"), ANSWERS[request.param]


def test_a_model_gives_the_answers_that_it_gave(saved):
    name, model, expected = saved
    if name == "sentiment":
        np.testing.assert_allclose(model.predict(TEXTS, verbose=0), expected, atol=1e-5)
    elif name == "memory":
        test = datasets.memory("temporal-order", 12).test[:5]
        np.testing.assert_allclose(model.predict(test, verbose=0), expected, atol=1e-5)
    elif name == "entities":
        found = [[entity._asdict() for entity in each] for each in model.tag(TOKENS)]
        assert [[(each["label"], each["text"]) for each in row] for row in found] == [
            [(each["label"], each["text"]) for each in row] for row in expected
        ]
    elif name == "music":
        valid = datasets.load("music-sample").valid[:4]
        assert model.evaluate(valid, verbose=0, return_dict=True) == pytest.approx(expected, rel=1e-4)
    else:
        train = datasets.load("translation-sample").train
        metrics = model.evaluate(train[:16], verbose=0, return_dict=True)
        assert {key: metrics[key] for key in expected["metrics"]} == pytest.approx(expected["metrics"], rel=1e-4)
        assert model.translate(expected["source"]) == expected["answers"]


def test_a_model_can_be_saved_again(saved, tmp_path):
    _, model, _ = saved
    model.save(tmp_path / "again.keras")
    again = rnnkit.load(tmp_path / "again.keras")
    for old, new in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("kind", ["run", "search", "comparison"])
def test_a_folder_has_its_page(cli, folder, kind):
    done = cli("report", kind, "--out", "again.html", cwd=folder)
    assert done.code == 0, done.err
    assert "<html" in (folder / "again.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["run", "search", "sentiment.keras"])
def test_the_model_in_a_folder_answers_and_is_measured(cli, folder, kind):
    answers = cli("predict", kind, "a good film", "not good", cwd=folder)
    assert answers.code == 0, answers.err
    assert len(answers.out.splitlines()) == 2
    measured = cli("evaluate", kind, "--data", "reviews.csv", "--json", cwd=folder)
    assert measured.code == 0, measured.err
    assert 0 <= json.loads(measured.out)["accuracy"] <= 1


def test_a_run_on_a_file_says_that_its_test_part_was_another(cli, folder):
    done = cli("evaluate", "run", cwd=folder)
    assert (done.code, "split reviews.csv in another way" in done.out) == (0, True), done.err


def test_a_comparison_has_no_model_to_answer(cli, folder):
    done = cli("predict", "comparison", "a good film", cwd=folder)
    assert (done.code, "has no models" in done.err) == (2, True)


def test_modules_are_found_where_they_stood():
    from rnnkit.comparison import compare
    from rnnkit.crf import viterbi
    from rnnkit.entities.schemes import repair
    from rnnkit.layers import crf_paths
    from rnnkit.music import compare_music
    from rnnkit.tasks.entities import schemes
    from rnnkit.tasks.translation import scores
    from rnnkit.translation.scores import score_translations

    assert compare is rnnkit.compare
    assert viterbi is crf_paths.viterbi
    assert repair is schemes.repair
    assert score_translations is scores.score_translations
    assert compare_music.__module__.startswith("rnnkit.tasks.music")
    assert schemes.__spec__.name == "rnnkit.tasks.entities.schemes"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("rnnkit.music.nothing")
