"""Canaries: what `rnnkit.compat` takes from KerasTuner keeps its meaning."""

import contextlib
from pathlib import Path

import keras
import keras_tuner
import pytest

from rnnkit import compat

pytestmark = pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")  # KerasTuner's


class Failing(keras_tuner.HyperModel):
    """Has three values to choose from, and fails with each."""

    def build(self, hp):
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Choice("units", [1, 2, 3]))])

    def fit(self, hp, model, *data, **options):
        raise keras_tuner.errors.FailedTrialError("too small")


def searched(tmp_path, kind=keras_tuner.RandomSearch, **options):
    """A tuner of `Failing`."""
    goal = keras_tuner.Objective("val_loss", "min")
    return kind(Failing(), goal, directory=tmp_path, project_name="search", **options)


def ended(oracle, trial, score=0.5):
    """Ends a trial as a tuner does."""
    oracle.update_trial(trial.trial_id, {"val_loss": score}, step=2)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_an_oracle_has_what_searches_read(tmp_path, capsys):
    oracle = searched(tmp_path, max_trials=2).oracle
    oracle.verbose = 0
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    ended(oracle, second)
    assert list(oracle.trials) == oracle.start_order == ["0", "1"]
    assert (oracle.end_order, oracle.ongoing_trials, oracle.tuner_ids) == (["1"], {"a": first}, {"a", "b"})
    assert capsys.readouterr().out == ""


def test_metrics_of_a_trial_have_a_history(tmp_path):
    oracle = searched(tmp_path, max_trials=1).oracle
    trial = oracle.create_trial("a")
    ended(oracle, trial, 0.25)
    [(name, history)] = oracle.get_trial("0").metrics.metrics.items()
    assert (name, [each.mean() for each in history.get_history()]) == ("val_loss", [0.25])
    again = keras_tuner.engine.trial.Trial.load(tmp_path / "search" / "trial_0" / "trial.json")
    assert (again.trial_id, again.hyperparameters.values, again.score) == ("0", trial.hyperparameters.values, 0.25)


def test_the_service_of_a_chief_gives_trials_and_says_when_there_are_none(tmp_path):
    tuner, messages = searched(tmp_path, max_trials=1), compat.chief_messages()
    service = compat.chief_service()(tuner.oracle)
    assert not service.stop_triggered
    ask = messages.get_service().CreateTrialRequest
    first = keras_tuner.engine.trial.Trial.from_proto(service.CreateTrial(ask(tuner_id="a"), None).trial)
    assert (first.trial_id, first.status, service.oracle) == ("0", "RUNNING", tuner.oracle)
    end = messages.get_service().EndTrialRequest(trial=first.to_proto())
    first.status = "FAILED"
    service.EndTrial(messages.get_service().EndTrialRequest(trial=first.to_proto()), None)
    assert tuner.oracle.end_order == ["0"]
    last = keras_tuner.engine.trial.Trial.from_proto(service.CreateTrial(ask(tuner_id="a"), None).trial)
    assert (last.status, service.stop_triggered) == ("STOPPED", True)
    assert callable(messages.get_service_grpc().add_OracleServicer_to_server)
    assert end.trial.trial_id == "0"


def test_a_worker_has_an_oracle_behind_its_client(tmp_path, monkeypatch):
    for name, value in {"ORACLE_IP": "127.0.0.1", "ORACLE_PORT": "1", "TUNER_ID": "worker-1"}.items():
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    tuner = searched(tmp_path, max_trials=1)
    assert not isinstance(tuner.oracle, keras_tuner.Oracle)
    assert isinstance(compat.own_oracle(tuner.oracle), keras_tuner.Oracle)


def test_a_trial_that_is_to_be_repeated_can_be_forgotten(tmp_path):
    for forget, expected in ((False, "0"), (True, "1")):
        oracle = searched(tmp_path / str(forget), max_trials=3).oracle
        oracle.create_trial("a")
        oracle.save()
        oracle.reload()
        if forget:
            compat.forget_retry(oracle, "0")
            compat.forget_retry(oracle, "0")
        assert oracle.create_trial("b").trial_id == expected


def test_a_grid_that_is_loaded_goes_on_where_it_was(tmp_path):
    oracle = searched(tmp_path, keras_tuner.GridSearch).oracle
    for _ in range(2):
        ended(oracle, oracle.create_trial("a"))
    oracle.save()
    again = searched(tmp_path, keras_tuner.GridSearch).oracle
    again.reload()
    compat.resume_grid(again)
    assert again.create_trial("a").hyperparameters.values["units"] == 3


def test_the_files_of_a_search_are_written_by_a_function(tmp_path):
    tuner, written = searched(tmp_path, max_trials=1), []
    with compat.search_files_by(lambda path, value: written.append(Path(path).name)):
        tuner.save()
        tuner.oracle.create_trial("a")
    assert written == ["oracle.json", "tuner0.json", "trial.json", "oracle.json"]
    tuner.save()
    assert (tmp_path / "search" / "tuner0.json").is_file()


def test_a_failed_trial_prints_its_traceback_unless_told_not_to(tmp_path, capsys):
    for folder, silent in (("a", False), ("b", True)):
        tuner = searched(tmp_path / folder, max_trials=1, max_consecutive_failed_trials=9)
        with compat.without_trial_tracebacks() if silent else contextlib.nullcontext():
            tuner.search(verbose=0)
        assert ("too small" in capsys.readouterr().err) is not silent
