"""Searches that several processes share."""

import os
import subprocess

import keras_tuner
import pytest
from keras_tuner.engine.trial import Trial

import rnnkit
from rnnkit.compat import chief_messages, search_files_by
from rnnkit.errors import ArgumentError
from rnnkit.study.files import write_json
from rnnkit.study.work_folder import join_folder, open_folder
from rnnkit.tuning import hypermodel, processes
from rnnkit.tuning.chief import Chief, part_in_search
from rnnkit.tuning.guided import without_noise
from rnnkit.tuning.processes import environment
from rnnkit.tuning.results import covered
from rnnkit.tuning.tuners import make_tuner

RATES = {"learning_rate": [0.01, 0.02, 0.03, 0.04, 0.05], "dropout": 0.0}


@pytest.mark.slow
def test_two_workers_share_a_search_and_finish_it_though_one_is_killed(order, small, tmp_path, monkeypatch):
    started, said = [], []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    def say(line):
        if not said:
            started[1].kill()
        said.append(line)

    monkeypatch.setattr(processes.subprocess, "Popen", Recorded)
    arguments = {**small, **RATES, "epochs": 1, "algorithm": "random", "guard": None}
    shared = rnnkit.tune(
        "memory", *order, **arguments, max_trials=3, directory=tmp_path / "shared", workers=2, isolate=False, say=say
    )
    monkeypatch.undo()
    table = shared.results
    assert list(table["trial"]) == ["0", "1", "2"]
    assert list(table["status"]) == ["completed"] * 3
    assert sorted(shared.oracle.end_order) == list(table["trial"])
    assert table["learning_rate"].nunique() == 3
    assert set(table["learning_rate"]) <= set(RATES["learning_rate"])
    assert [line.split("  ")[0] for line in said] == [f"trial {n} of 3" for n in (1, 2, 3)]
    assert len(started) == 3
    assert all(process.poll() is not None for process in started)
    best = shared.best_model().evaluate(order[1], verbose=0, return_dict=True)["loss"]
    assert best == pytest.approx(table["score"].min(), rel=1e-5)


@pytest.fixture
def chief(small, tmp_path):
    """A chief whose search has begun, without workers."""
    model = hypermodel("memory", **small, **RATES)
    goal = keras_tuner.Objective("val_loss", "min")
    folder = tmp_path / "search"
    made = make_tuner(keras_tuner.RandomSearch, model, goal, folder, max_trials=3, epochs=1, seed=0)
    with search_files_by(write_json), without_noise():
        made.save()
        yield Chief(made)


class Request:
    def __init__(self, worker):
        self.tuner_id = worker


def asked(chief, worker):
    return chief._thread.submit(chief.CreateTrial, Request(worker), None).result().trial


def test_a_trial_is_given_back_once_and_then_has_failed(chief):
    first, other = asked(chief, "a"), asked(chief, "b")
    assert (first.trial_id, other.trial_id) == ("0", "1")
    assert chief.lost("a", "its worker was killed (SIGKILL)")
    assert asked(chief, "a").trial_id == "0"
    assert chief.lost("a", "its worker was killed (SIGKILL)")
    assert asked(chief, "a").trial_id == "2"
    table = chief.tuner.results.set_index("trial")
    assert list(table["status"]) == ["failed", "running", "running"]
    assert table.loc["0", "reason"] == "its worker was killed (SIGKILL), 2 times"
    assert not chief.is_done


def ended(chief, message):
    trial = Trial.from_proto(message)
    trial.status = "COMPLETED"
    chief.oracle.update_trial(trial.trial_id, {"val_loss": 0.5}, step=0)
    request = chief_messages().get_service().EndTrialRequest(trial=trial.to_proto())
    chief._thread.submit(chief.EndTrial, request, None).result()


def test_a_trial_of_a_chief_that_was_killed_ends_once(chief):
    trial = asked(chief, "a")
    chief.oracle.save()
    chief.oracle.reload()  # a new chief: what ran is to be repeated
    assert chief.oracle._retry_queue == ["0"]
    for _ in range(2):
        ended(chief, trial)
    assert chief.oracle.end_order == ["0"]
    assert chief.oracle.trials["0"].hyperparameters.values["learning_rate"] in RATES["learning_rate"]
    assert asked(chief, "a").trial_id == "1"


def test_an_error_of_the_chief_is_raised_where_it_waits(chief):
    trial = asked(chief, "a")
    chief.tuner.on_trial_end = lambda trial: 1 / 0
    with pytest.raises(ZeroDivisionError):
        ended(chief, trial)
    with pytest.raises(ZeroDivisionError):
        _ = chief.is_done


def test_a_worker_that_ends_twice_without_a_trial_is_given_up(chief):
    assert chief.lost("a", "it ended")
    assert not chief.lost("a", "it ended")


def test_time_that_is_over_ends_the_search_for_those_that_have_no_trial(chief, monkeypatch):
    asked(chief, "a")
    asked(chief, "b")
    chief.oracle.end_trial(chief.oracle.ongoing_trials["b"])
    chief.tuner.minutes = 1e-9
    monkeypatch.setattr(type(chief.tuner), "spent", 1.0)
    assert asked(chief, "a").trial_id == "0"
    assert Trial.from_proto(asked(chief, "b")).status == "STOPPED"
    assert chief.stop_triggered
    assert not chief.is_done  # a still has its trial


def test_workers_that_cannot_start_end_the_search_with_their_words(order, small, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ArgumentError, match=r"workers: none is left, its worker ended with code 1: it printed nothing"):
        rnnkit.tune("memory", *order, **small, **RATES, max_trials=2, directory=tmp_path / "a", workers=2, say=None)


def test_the_part_of_a_process_comes_from_its_environment(order, tmp_path, monkeypatch):
    assert part_in_search() is None
    for argument in (0, "two"):
        with pytest.raises(ArgumentError, match="workers: expected a positive integer"):
            rnnkit.tune("memory", *order, workers=argument)
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker-3")
    with pytest.raises(ArgumentError, match="KERASTUNER_ORACLE_PORT"):
        part_in_search()
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    assert part_in_search() == "worker"
    with pytest.raises(ArgumentError, match="workers: this process is a worker already"):
        rnnkit.tune("memory", *order, workers=2)
    with pytest.raises(ArgumentError, match="directory: machines that share"):
        rnnkit.tune("memory", *order)
    monkeypatch.setitem(os.environ, "KERASTUNER_TUNER_ID", "chief")
    assert part_in_search() == "chief"


def test_a_worker_waits_for_the_folder_of_its_search_and_joins_no_other(tmp_path):
    with pytest.raises(ArgumentError, match="Start the chief"):
        join_folder(tmp_path / "a", "work.json", {"seed": 1}, patience=0.0)
    open_folder(tmp_path / "a", "work.json", {"seed": 1})
    assert join_folder(tmp_path / "a", "work.json", {"seed": 1}) == tmp_path / "a"
    with pytest.raises(ArgumentError, match="differs in seed"):
        join_folder(tmp_path / "a", "work.json", {"seed": 2})


@pytest.mark.parametrize(("visible", "hidden"), [([], True), (["gpu"], False)])
def test_processes_run_on_the_devices_of_their_parent_and_share_a_gpu(visible, hidden, monkeypatch):
    import tensorflow as tf

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: visible)
    found = environment()
    assert found["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert (found.get("CUDA_VISIBLE_DEVICES") == "-1") is hidden
    assert found["PATH"] == os.environ["PATH"]


def test_covered_time_counts_once():
    assert covered([]) == 0
    assert covered([(10, 5), (0, 2), (12, 1), (14, 3)]) == 2 + 7
