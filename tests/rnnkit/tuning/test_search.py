"""Whole searches, as small as they can be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras_tuner
import numpy as np
import pandas as pd
import pytest

import rnnkit
from rnnkit import datasets
from rnnkit.errors import ArgumentError
from rnnkit.tuning import TrialGuard
from rnnkit.tuning.plan import plan

pytestmark = pytest.mark.usefixtures("untraced_fits")
HEALTHY, SICK = 0.01, 1e38
BAD_INPUT = {
    "max_trials": ({"max_trials": 0}, "max_trials: expected a positive integer, got 0"),
    "minutes": ({"minutes": 0}, "minutes: expected a positive number"),
    "epochs": ({"epochs": -1}, "epochs: expected a positive integer"),
    "objective": ({"objective": "val_f1"}, "unknown objective 'val_f1'. Known for memory: val_loss, val_mse"),
    "algorithm": ({"algorithm": "genetic"}, "algorithm: expected one of bayesian, random, hyperband, grid"),
    "empty": ({"learning_rate": 0.01}, "nothing is left to search"),
    "argument": ({"colour": ["red", "blue"]}, "colour: MemoryModel has no such argument"),
    "task": ({"task": "weather"}, "task: expected one of sentiment"),
}


def search(order, small, folder, **changes):
    arguments = {**small, "epochs": 1, "say": None, "algorithm": "random", "max_trials": 2, "task": "memory"}
    arguments |= {"dropout": 0.0, "learning_rate": [HEALTHY, 0.02, 0.03], "guard": None, **changes}
    return rnnkit.tune(arguments.pop("task"), *order, directory=folder, **arguments)


@pytest.fixture(scope="module")
def grid(untraced_fits, order, small, tmp_path_factory):
    """A finished search with a trial that cannot be rescued, its arguments and what it said."""
    folder, said = tmp_path_factory.mktemp("grid") / "search", []
    arguments = {"algorithm": "grid", "max_trials": None, "learning_rate": [SICK, HEALTHY], "guard": "auto"}
    arguments |= {"clipping": ["none", "norm"], "threshold": 0.5, "epochs": 2}
    return search(order, small, folder, **arguments, say=said.append), arguments, said


def test_the_table_has_a_row_a_trial_and_the_reason_of_each_failure(grid):
    tuner, _, said = grid
    table = tuner.results
    assert list(zip(table["learning_rate"], table["clipping"], strict=True)) == [
        *((SICK, "none"), (SICK, "norm")),
        *((HEALTHY, "none"), (HEALTHY, "norm")),
    ]
    assert list(table["status"]) == ["failed", "failed", "completed", "completed"]
    assert table["reason"].str.startswith("non-finite").tolist() == [True, True, False, False]
    done = table[table["status"] == "completed"]
    assert (done["score"] == done["val_loss"]).all()
    assert (done["epochs"] == 2).all()
    assert (done[["seconds", "parameters", "grad_norm", "grad_norm_max"]] > 0).all(axis=None)
    assert table["clip_rate"].iloc[2] == 0
    assert (done["skipped_steps"] == 0).all()
    assert len(said) == 4
    assert said[0].startswith("trial 1  0:")
    assert "failed after" in said[0]
    assert "none completed yet" in said[0]
    assert f"val_loss {done['score'].iloc[0]:.4f}" in said[2]
    written = pd.read_csv(Path(tuner.project_dir) / "results.csv")
    np.testing.assert_allclose(written["score"], table["score"].astype(float))
    page = (Path(tuner.project_dir) / "report.html").read_text(encoding="utf-8")
    assert "2 failed" in page
    assert "non-finite: " in page


def test_the_page_is_made_again_from_the_folder_alone(grid, cli, tmp_path):
    folder = Path(grid[0].project_dir)
    done = cli("report", folder, "--out", tmp_path / "page.html")
    assert done.out.strip() == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == (folder / "report.html").read_bytes()


def test_the_best_model_has_the_metric_of_the_table_also_in_a_fresh_process(grid, order, tmp_path):
    tuner, _, _ = grid
    model, score = tuner.best_model(), tuner.results["score"].min()
    assert model.evaluate(order[1], verbose=0, return_dict=True)["loss"] == pytest.approx(score, rel=1e-5)
    assert int(model.optimizer.iterations) > 0
    model.save(tmp_path / "best.keras")
    code = "import sys, json, rnnkit; from rnnkit.datasets import Dataset\n"
    code += "model = rnnkit.load(sys.argv[1]); data = Dataset(json.loads(sys.argv[2]))\n"
    code += "print(model.evaluate(data, verbose=0, return_dict=True)['loss'])"
    data = json.dumps({name: order[1][name] for name in order[1].columns})
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "best.keras"), data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert float(done.stdout) == pytest.approx(score, rel=1e-5)


def test_a_finished_search_is_found_again_and_another_one_refused(grid, order, small):
    tuner, arguments, _ = grid
    again = search(order, small, tuner.project_dir, **arguments)
    pd.testing.assert_frame_equal(again.results, tuner.results)
    for changes, named in {
        "seed": ({"seed": 1}, r"seed \(0, now 1\)"),
        "space": ({"units": 2}, "space"),
        "objective": ({"objective": "val_accuracy"}, "objective"),
        "algorithm": ({"algorithm": "random"}, "algorithm"),
    }.values():
        with pytest.raises(ArgumentError, match=f"differs in {named}"):
            search(order, small, tuner.project_dir, **{**arguments, **changes})
    with pytest.raises(ArgumentError, match=r"differs in train"):
        search((order[1], order[1]), small, tuner.project_dir, **arguments)


def test_plot_and_importance(grid):
    tuner, _, _ = grid
    left, right = tuner.plot().axes
    best, done, failed = (line.get_xydata() for line in left.lines)
    assert (len(best), np.isfinite(done).all(axis=1).sum(), len(failed)) == (4, 2, 2)
    assert right.get_xlim() == (0, 1)
    assert set(tuner.importance.index) == {"learning_rate", "clipping", "threshold"} - {"threshold"}


def test_a_search_whose_every_trial_fails_says_why_once(order, small, tmp_path, capfd):
    with pytest.raises(ArgumentError) as error:
        search(order, small, tmp_path / "a", learning_rate=[SICK, 2 * SICK], guard="auto", max_trials=5, epochs=2)
    assert str(error.value).startswith("space: every trial has failed: non-finite: ")
    assert "of 2)" in str(error.value)
    assert "Traceback" not in str(error.value) + capfd.readouterr().err


def test_time_ends_the_trial_with_its_epoch_and_the_search(order, small, tmp_path):
    tuner = search(order, small, tmp_path / "a", minutes=1e-6, max_trials=None, epochs=50)
    table = tuner.results
    assert (list(table["status"]), list(table["epochs"])) == (["completed"], [1])
    assert list(table["reason"]) == ["cut short by the time budget"]
    assert tuner.time_left < 0


@pytest.mark.slow
def test_hyperband_goes_on_with_its_best_trials(order, small, tmp_path):
    tuner = search(
        order, small, tmp_path / "a", algorithm="hyperband", max_trials=None, epochs=3, learning_rate=(1e-3, 1e-1)
    )
    table = tuner.results
    assert list(table["epochs"]) == [1, 1, 1, 2, 3, 3]
    values = [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]
    first = table.loc[:2].sort_values("score").iloc[0]
    assert values[3]["tuner/trial_id"] == first["trial"]
    assert table.loc[3, "learning_rate"] == first["learning_rate"]


def test_a_bayesian_search_models_what_it_has_seen(order, small, tmp_path, monkeypatch):
    fitted = []
    regressor = __import__("sklearn.gaussian_process").gaussian_process.GaussianProcessRegressor
    fit = regressor.fit
    monkeypatch.setattr(regressor, "fit", lambda self, x, y: fitted.append(len(x)) or fit(self, x, y))
    tuner = search(order, small, tmp_path / "a", algorithm="bayesian", max_trials=4, learning_rate=(1e-3, 1e-1))
    assert fitted == [3]
    assert (tuner.results["status"] == "completed").all()


def test_a_trial_in_a_process_of_its_own_is_the_same_trial(order, small, tmp_path):
    objective = keras_tuner.Objective("grad_norm_max", "min")
    one = {"max_trials": 1, "objective": objective, "guard": TrialGuard(chance=None)}
    here = search(order, small, tmp_path / "a", **one).results
    there = search(order, small, tmp_path / "b", **one, isolate=True)
    timed = ["seconds", "wall"]
    pd.testing.assert_frame_equal(there.results.drop(columns=timed), here.drop(columns=timed), rtol=1e-4)
    assert there.best_model().built


def test_a_process_that_dies_is_a_failed_trial(order, small, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ArgumentError, match=r"the trial's process ended with code 1: it printed nothing \(2 of 2\)"):
        search(order, small, tmp_path / "a", isolate=True)


KILLED = """
import json, sys, rnnkit
from rnnkit.datasets import Dataset
arguments, order = json.loads(sys.argv[1])
rnnkit.tune("memory", *map(Dataset, order), say=lambda line: print(line, flush=True), guard=None, **arguments)
"""


@pytest.mark.slow
def test_a_killed_search_goes_on_and_ends_as_if_it_had_not_been(order, small, tmp_path):
    values = {**small, "dropout": 0.0, "learning_rate": [0.01, 0.02, 0.03], "epochs": 1, "algorithm": "grid"}
    killed = {**values, "max_trials": 2, "directory": str(tmp_path / "killed")}
    data = [{name: part[name] for name in part.columns} for part in order]
    command = [sys.executable, "-W", "ignore", "-c", KILLED, json.dumps([killed, data])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline().startswith("trial 1 of 2")
        while not (tmp_path / "killed" / "trial_1" / "trial.json").exists():
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    finished = json.loads((tmp_path / "killed" / "trial_0" / "record.json").read_text(encoding="utf-8"))
    resumed = search(order, small, killed.pop("directory"), **killed)
    whole = search(order, small, tmp_path / "whole", **killed)
    assert list(resumed.results["trial"]) == ["0", "1"]
    assert resumed.record("0") == finished
    same = ["trial", "status", "learning_rate", "score"]
    pd.testing.assert_frame_equal(resumed.results[same], whole.results[same], rtol=1e-4)


def test_the_search_can_look_for_a_long_memory(order, small, tmp_path):
    guard = TrialGuard(chance=None, limits={"gain_max": 0.0}, limits_from=1)
    goal = {"objective": ["horizon_min", "val_loss"], "max_trials": 1, "guard": guard}
    table = search(order, small, tmp_path / "a", **goal).results
    assert (table[["gain_min", "gain_max", "horizon_min"]] > 0).all(axis=None)
    assert table["score"].iloc[0] == pytest.approx(table["val_loss"].iloc[0] - table["horizon_min"].iloc[0])
    with pytest.raises(ArgumentError, match=r"limit: gain_max is \S+, above 0 \(1 of 1\)"):
        search(order, small, tmp_path / "b", **goal, epochs=2)


def test_a_bayesian_search_of_many_trials_is_warned_of(order, small):
    space = {**small, "learning_rate": [0.01, 0.02]}
    with pytest.warns(UserWarning, match="algorithm: .* For 101 trials take algorithm='hyperband' or 'random'"):
        plan("memory", *order, max_trials=101, **space)
    plan("memory", *order, max_trials=100, **space)  # warnings are errors here
    plan("memory", *order, "random", max_trials=101, **space)


def test_a_larger_budget_goes_on(order, small, tmp_path):
    first = search(order, small, tmp_path / "a", max_trials=1)
    more = search(order, small, tmp_path / "a", max_trials=2)
    assert len(more.results) == 2
    pd.testing.assert_frame_equal(more.results.head(1), first.results, check_dtype=False)


@pytest.mark.parametrize(("changes", "named"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_costs_no_training(changes, named, order, small, tmp_path):
    with pytest.raises(ArgumentError) as error:
        search(order, small, tmp_path / "a", **changes)
    assert named in str(error.value)
    assert not (tmp_path / "a").exists()


TINY = {
    "sentiment": {"embedding_dim": 3, "units": 3, "bidirectional": False, "pooling": "max", "word_dropout": 0.0},
    "ner": {"embedding_dim": 3, "units": 3, "char_units": 2, "bidirectional": False, "word_dropout": 0.0},
    "music": {"units": 4},
    "translation": {
        "units": 4,
        "embedding_dim": 4,
        "attention": "general",
        "tokenization": "words",
        "label_smoothing": 0.1,
    },
}


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=() if task in ("ner", "translation") else pytest.mark.slow) for task in TINY]
)
def test_each_sample_can_be_searched(task, tmp_path):
    train, valid, _ = datasets.load(f"{task}-sample")
    space = {**TINY[task], "layers": 1, "cell": ["gru", "lstm"], "dropout": 0.1, "clipping": "global_norm"}
    budget = {"max_trials": 1, "epochs": 1, "algorithm": "random", "guard": TrialGuard(chance=None), "say": None}
    tuner = rnnkit.tune(task, train[:32], valid[:16], directory=tmp_path / "a", batch_size=16, **budget, **space)
    assert list(tuner.results["status"]) == ["completed"]
    monitor = tuner.hypermodel.task.monitor[0]
    assert tuner.results["score"].iloc[0] == tuner.results[monitor].iloc[0]
