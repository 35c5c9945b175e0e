"""`rnnkit run --resume` as a shell sees it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import rnnkit

REVIEWS = ["good film", "bad film", "not good", "not bad at all", "good, good", "a bad plot"] * 6
LABELS = ["positive", "negative"] * 18
BY_THE_CLOCK = ["gain_min", "gain_max", "horizon_min"]  # measured where there is time


SHELL = """
from rnnkit import compat
with compat.quiet_start():
    import tensorflow as tf
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # as in the process of the tests
from rnnkit.cli import main
main()
"""


def started(*arguments):
    command = [sys.executable, "-c", SHELL, *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "160", "TERM": "dumb"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )


def trained(folder, data):
    options = ["--data", data, "--text", "review", "--label", "verdict", "--units", 3, "--cell", "gru", "--epochs", 2]
    options += ["--set", "bidirectional=false", "--batch-size", 8, "--seed", 3, "--clip", "zscore"]
    return ["run", "sentiment", *options, "--out", folder]


def wait_for(file, process):
    while not file.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def results(folder):
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("history", "gradients", "spectrum", "samples")}
    tables["history"] = tables["history"].drop(columns=BY_THE_CLOCK)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    model = rnnkit.load(folder / "model.keras")
    kept = {name: metrics[name] for name in ("test", "valid", "epochs")}
    return tables, kept, [*model.weights, *model.optimizer.variables]


@pytest.mark.slow
def test_a_run_that_is_interrupted_and_killed_goes_on_to_the_same_end(cli, tmp_path):
    data, whole, broken = tmp_path / "reviews.csv", tmp_path / "whole", tmp_path / "broken"
    pd.DataFrame({"review": REVIEWS, "verdict": LABELS}).to_csv(data, index=False)
    assert cli(*trained(whole, data)).code == 0
    assert not (whole / "state").exists()
    with started(*trained(broken, data)) as process:
        wait_for(broken / "state" / "00000001.state", process)
        time.sleep(0.5)  # the first step is being traced now
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    line = f"rnnkit run --resume {broken} (with --finish, the best epoch so far is kept instead)"
    assert errors == f"Interrupted. Resume with: {line}\n"
    last = max(int(file.stem) for file in (broken / "state").glob("*.state"))
    with started("run", "--resume", broken) as process:
        wait_for(broken / "state" / f"{last + 1:08d}.state", process)  # the second epoch begins
        process.kill()
    assert not (broken / "metrics.json").exists()

    content = data.read_text(encoding="utf-8")
    data.write_text(content.replace("film", "movie"), encoding="utf-8")
    code, _, errors = cli("run", "--resume", broken)
    assert code == 2
    assert "holds another training: build config was" in errors  # the vocabulary is another
    data.write_text(content, encoding="utf-8")

    code, out, errors = cli("run", "--resume", broken, "--json")
    assert code == 0, errors
    assert "epoch   2" in errors
    assert "epoch   1" not in errors
    (tables, metrics, weights), (expected, expected_metrics, expected_weights) = results(broken), results(whole)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, expected[name], check_exact=True)
    assert metrics == expected_metrics
    for one, other in zip(weights, expected_weights, strict=True):
        np.testing.assert_array_equal(one, other)
    code, again, errors = cli("run", "--resume", broken, "--json")
    assert code == 0
    assert f"is finished. Continue it with: rnnkit run --resume {broken} --epochs N" in errors
    assert json.loads(again.splitlines()[-1]) == json.loads(out.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--epochs", "3"], "task: expected a task (sentiment, ner, "),
        (["run", "--finish", "sentiment"], "or --resume before --finish; see rnnkit run --help."),
        (["run", "sentiment", "--finish"], "or --resume before --finish; see rnnkit run --help."),
        (["run", "--resume", "{run}", "--finish", "--epochs", "3"], "finish, epochs: --finish trains no further."),
        (["predict", "{run}", "good"], "or keep its best epoch with rnnkit run --resume {run} --finish."),
        (["report", "{run}"], "is not finished. Resume it with rnnkit run --resume {run}, or keep"),
        (["run", "--resume", "nothing"], "is not a run folder"),
        (["run", "music", "--resume", "{run}"], "is a run of sentiment. Leave music out."),
        (["run", "sentiment", "--resume", "{run}", "--epochs", "3", "--batch-size", "32"], "Leave out --batch-size."),
    ],
)
def test_what_cannot_be_resumed_is_one_line(cli, tmp_path, arguments, message):
    (tmp_path / "config.json").write_text('{"task": "sentiment", "device": "cpu"}', encoding="utf-8")
    code, _, errors = cli(*(each.format(run=tmp_path) for each in arguments))
    assert code == 2
    assert message.format(run=tmp_path) in errors


def tables(folder):
    return {name: (folder / f"{name}.csv").read_bytes() for name in ("history", "samples", "spectrum")}


def test_a_run_is_finished_early_and_continued(cli, tmp_path, monkeypatch, untraced_fits):
    """Stopped in epoch 2 of 3 it has the results of a run of one epoch; continued to two, those of a run of two."""
    from rnnkit.study.training import HistoryFile

    monkeypatch.setattr("rnnkit.callbacks.through_time.Clock.allows", lambda clock, budget: True)
    data, run = tmp_path / "reviews.csv", tmp_path / "run"
    pd.DataFrame({"review": REVIEWS, "verdict": LABELS}).to_csv(data, index=False)
    for epochs in (1, 2):
        assert cli(*trained(tmp_path / str(epochs), data), "--epochs", epochs).code == 0

    def interrupt(history, epoch, logs=None, write=HistoryFile.on_epoch_end):
        write(history, epoch, logs)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(HistoryFile, "on_epoch_end", interrupt)
        assert cli(*trained(run, data), "--epochs", 3, "--tensorboard").code == 130
    assert (run / "history.csv").read_bytes() == (tmp_path / "1" / "history.csv").read_bytes()
    assert any((run / "tensorboard").rglob("events*"))
    assert cli("predict", run, "good").code == 2

    assert cli("run", "--resume", run, "--finish").code == 0
    assert tables(run) == tables(tmp_path / "1")
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["epochs"] == 1
    assert "--finish" not in cli("predict", run, "good").err
    assert "has 1 already. Give a larger number, got 1" in cli("run", "--resume", run, "--epochs", 1).err
    assert cli("run", "--resume", run, "--epochs", 2).code == 0
    assert tables(run) == tables(tmp_path / "2")
    assert len(list((run / "final_state").iterdir())) == 1
