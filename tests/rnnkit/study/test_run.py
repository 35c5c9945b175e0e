"""What a run does once, and what it leaves in its folder."""

import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from rnnkit import datasets
from rnnkit.datasets import Splits
from rnnkit.study.folder import RunFolder
from rnnkit.study.run import prepare, train
from rnnkit.tasks import TASKS, SentimentClassifier
from rnnkit.tasks.config import RunConfig

SIZES = Splits(80, 70, 66)  # more than the 64 examples of a diagnosis


def shortest(part, size):
    return part.take(sorted(range(len(part)), key=lambda row: part["text"][row].count(" "))[:size])


@pytest.fixture(scope="module")
def run(untraced_fits, tmp_path_factory):
    """A finished run's folder, what it trained, and how often it encoded each number of rows with their targets."""
    sample = datasets.load("sentiment-sample")
    splits = Splits(*(shortest(part, size) for part, size in zip(sample, SIZES, strict=True)))
    encoded, encode = Counter(), SentimentClassifier.encode

    def counted(self, data, *, target=True):
        encoded[len(data["text"])] += target
        return encode(self, data, target=target)

    config = RunConfig("sentiment", cell="gru", units=3, epochs=2, clip="global_norm:0.05")
    folder = RunFolder.create(tmp_path_factory.mktemp("run") / "run", config.as_dict())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SentimentClassifier, "encode", counted)
        trained = train(config, splits, model=prepare(config, splits))
    folder.write(trained)
    return folder, trained, encoded


def test_each_part_of_the_data_is_encoded_once(run):
    _, _, encoded = run
    assert {size: encoded[size] for size in SIZES} == dict.fromkeys(SIZES, 1)


@pytest.mark.parametrize("task", TASKS)
def test_a_data_set_with_the_columns_of_a_task_is_taken_as_it_is(task):
    model = TASKS[task]()
    train, _, _ = datasets.memory("copy", 3, train=8) if task == "memory" else datasets.load(f"{task}-sample")
    assert model.read(train) is train
    assert model.read(train[:4]) is not train


def test_the_steps_of_a_run_are_in_its_folder(run):
    folder, trained, _ = run
    steps = folder.table("steps")
    assert list(steps["step"]) == list(range(len(steps)))
    assert list(steps["status"].unique()) == ["taken"]
    np.testing.assert_array_equal(steps["clipped"], trained.health.steps["clipped"])
    np.testing.assert_allclose(steps["norm_before"], trained.health.steps["norm_before"])
    frame = folder.table("gradients")
    squares = (frame["norm_before"] ** 2).groupby(frame["step"]).sum()
    np.testing.assert_allclose(steps["norm_before"] ** 2, squares, rtol=1e-4)


def test_of_a_folder_of_version_0_1_the_steps_are_derived(run, tmp_path):
    folder, _, _ = run
    shutil.copytree(folder.path, tmp_path / "run", ignore=shutil.ignore_patterns("steps.csv", "conclusion.json"))
    old, names = RunFolder(tmp_path / "run"), ["step", "norm_before", "norm_after", "clipped", "status"]
    pd.testing.assert_frame_equal(old.steps[names], folder.steps[names], rtol=1e-4)
    assert folder.steps["clipped"].any()
    (old.path / "diagnosis" / "said.json").write_text('{"missing": "too long"}', encoding="utf-8")
    assert old.diagnosis[1] == {"missing": "too long"}


def test_the_epoch_that_was_kept_is_the_best_on_validation(run):
    _, trained, _ = run
    best = trained.history["val_accuracy"].max()
    kept = trained.history.iloc[trained.model.kept_epoch]
    assert kept["val_accuracy"] == best == pytest.approx(trained.metrics["valid"]["accuracy"])
