"""A task that another package brings: a folder with a model and a spec, and one entry point. Every command knows it."""

import json
import os
import subprocess
import sys

import pytest

MODEL = '''
import keras
import numpy as np

from rnnkit.tasks import Task


@keras.saving.register_keras_serializable(package="toy")
class Counter(Task):
    """Counts the ones in a list of zeros and ones."""

    columns = ("sequence", "target")
    rank = 1
    monitor = ("val_loss", "min")
    max_epochs = 2

    def __init__(self, cell="gru", units=4, layers=1, *, scale=1.0, **options):
        super().__init__(cell, units, layers, return_sequences=False, **options)
        self.scale = scale

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}

    def learn(self, data):
        return {"most": max(data["target"])}

    def make_network(self, learned):
        sequence, lengths = keras.Input((None,), name="sequence"), keras.Input((), dtype="int32", name="lengths")
        count = keras.layers.Dense(1)(self.stack(sequence[..., None], lengths))
        return keras.Model({"sequence": sequence, "lengths": lengths}, learned["most"] * self.scale * count)

    def encode(self, data, *, target=True):
        rows = [np.array(row, "float32") for row in data["sequence"]]
        lengths = np.array([len(row) for row in rows], "int32")
        y = np.array(data["target"], "float32") if target else None
        return {"x": {"sequence": rows, "lengths": lengths}, "y": y, "lengths": lengths}

    def default_compile(self):
        return {"optimizer": "adam", "loss": "mse", "metrics": []}

    def preview(self, data, rows=6):
        import pandas as pd

        part = data[:rows]
        return pd.DataFrame({"target": part["target"], "predicted": self.predict(part, verbose=0).ravel()})
'''
SPEC = '''
import json

import numpy as np

from rnnkit.datasets import Dataset, Splits
from rnnkit.tasks.options import Option
from rnnkit.tasks.spec import TaskSpec


class CountingSpec(TaskSpec):
    """Lists of zeros and ones, generated."""

    task, model = "counting", "toy_counting.model:Counter"
    title, about, time = "Counting", "Count ones.", "a moment"
    sample, cell, headline = "bits-24", "gru", ("loss",)
    options = (Option("longest", "Length of the longest list.", int, 12, "Data", "N"),)
    examples = ("rnnkit run counting --longest 9",)
    objectives = {"loss": "min"}
    space = {"units": [3, 4]}

    def splits(self, config):
        rng = np.random.default_rng(0)
        rows = [rng.integers(0, 2, config.longest - n % 3).tolist() for n in range(60)]
        whole = Dataset({"sequence": rows, "target": [sum(row) for row in rows]})
        return Splits(whole[:40], whole[40:50], whole[50:])

    def test_data(self, config):
        return self.splits(config).test

    def answers(self, model, texts, as_json):
        for answer in model.predict([json.loads(text) for text in texts], verbose=0).ravel():
            yield f"{answer:.3f}"
'''


SHELL = """
import contextlib, io, json, sys
import tensorflow as tf
tf.config.run_functions_eagerly(True)  # to trace a few steps takes longer than they do
for line in sys.stdin:
    sys.argv = ["rnnkit", *json.loads(line)]
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        from rnnkit.cli import main
        code = 1
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    print(json.dumps([code, out.getvalue(), errors.getvalue()]), flush=True)
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Runs `rnnkit` where the package with the task is installed: one process for all commands."""
    root = tmp_path_factory.mktemp("site")
    package, info = root / "toy_counting", root / "toy_counting-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text(MODEL)
    (package / "spec.py").write_text(SPEC)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rnnkit.tasks]\ncounting = toy_counting.spec:CountingSpec\n")
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "100", "TERM": "dumb"}
    command, pipe = [sys.executable, "-c", SHELL], subprocess.PIPE
    with subprocess.Popen(command, cwd=root, env=environment, stdin=pipe, stdout=pipe, text=True) as process:

        def run(*arguments):
            print(json.dumps([str(each) for each in arguments]), file=process.stdin, flush=True)
            return subprocess.CompletedProcess(arguments, *json.loads(process.stdout.readline()))

        run.root = root
        yield run
        process.stdin.close()


@pytest.fixture(scope="module")
def trained(shell):
    """A run of the task to its end."""
    options = ["--units", 3, "--longest", 10, "--set", "scale=0.5", "--set", "learning_rate=0.01"]
    return shell("run", "counting", *options, "--out", "run", "--json")


def test_a_run_ends_with_its_metrics_and_a_command_to_try(shell, trained):
    assert trained.returncode == 0, trained.stderr
    metrics = json.loads(trained.stdout.splitlines()[-1])
    assert (metrics["task"], metrics["data"], metrics["cell"]) == ("counting", "bits-24", "gru")
    config = json.loads((shell.root / "run" / "config.json").read_text())
    assert (config["longest"], config["settings"]) == (10, {"scale": 0.5, "learning_rate": 0.01})
    assert "rnnkit evaluate run" in trained.stderr
    assert "Counting on bits-24" in (shell.root / "run" / "report.html").read_text()


def test_its_model_is_used_by_every_command(shell, trained):
    again = shell("evaluate", "run", "--json")
    loss = json.loads((shell.root / "run" / "metrics.json").read_text())["test"]["loss"]
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["loss"] == pytest.approx(loss, rel=1e-4)
    answers = shell("predict", "run", "[1, 0, 1]", "[0, 0]")
    assert len([float(line) for line in answers.stdout.splitlines()]) == 2, answers.stderr
    found = shell("diagnose", "run", "--examples", 4)
    assert found.returncode == 0, found.stderr
    assert shell("report", "run", "--out", "again.html").returncode == 0
    assert "Counting on bits-24" in (shell.root / "again.html").read_text()


def test_it_can_be_searched_and_its_cells_compared(shell):
    search = shell("tune", "counting", "--trials", 1, "--epochs", 1, "--out", "search")
    assert search.returncode == 0, search.stderr
    assert (shell.root / "search" / "best.keras").is_file()
    compared = shell("compare", "counting", "--cells", "gru", "--seeds", 1, "--epochs", 1, "--out", "comparison")
    assert compared.returncode == 0, compared.stderr
    assert (shell.root / "comparison" / "summary.csv").is_file()


def test_the_help_lists_it_with_its_own_options(shell):
    assert "Count ones." in shell("run").stdout
    text = shell("run", "counting", "--help").stdout
    assert "--longest" in text
    assert "--attention" not in text
    assert "rnnkit run counting --longest 9" in text
