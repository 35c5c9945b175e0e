"""Mistakes on the command line that are told before TensorFlow, which takes seconds to load, is imported."""

import json
import subprocess
import sys

import pytest

from rnnkit.errors import ArgumentError
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.specs import SPECS

MISTAKES = {
    "run sentiment --out .": "out: . exists already and is not overwritten.",
    "run sentiment --cell lstmm": "cell: unknown cell 'lstmm'. Did you mean 'lstm'?",
    "run sentiment --clip nrom:1": "clip: unknown rule 'nrom'. Did you mean 'norm'?",
    "run sentiment --clip norm:-1": "clip: expected a positive number, got -1.0.",
    "run sentiment --clip percentile:101": "clip: expected a positive number of at most 100, got 101.0.",
    "run sentiment --device tpu": "device: expected one of auto, cpu, gpu, got 'tpu'.",
    "run sentiment --set dropuot=0.2": "Did you mean 'dropout'?",
    "run sentiment --set dropout=2": "dropout: expected a fraction in [0, 1), got 2.",
    "run sentiment --set bidirectional=5": "bidirectional: expected true or false, got 5.",
    "run sentiment --set embedding_dim=wide": "embedding_dim: expected a number, got 'wide'.",
    "run sentiment --set learning_rate=-1": "learning_rate: expected a number that is not negative, got -1.",
    "run memory --units 1000000 --layers 1000": "Give fewer units.",
    "tune --trials 3": "task: expected a task before the option --trials, one of sentiment, ner,",
    "run sentimental": "task: unknown task 'sentimental'. Did you mean 'sentiment'?",
    "run sentiment --data sst3": "is neither a data set nor a file. Did you mean 'sst2'?",
    "run sentiment --data reviews.csv --text txet": 'has no column \'txet\'; its columns are: "text", "label". Did',
    "run sentiment --unitss 3": "No such option: --unitss",
    "tune sentiment --dry-run --search dropuot=0.1:0.2": "Did you mean 'dropout'?",
    "tune sentiment --dry-run --search dropout=0.4:0.2": "expected NAME=LOW:HIGH, two numbers, the lower one first",
    "tune sentiment --dry-run --search dropout=0.4:3": "dropout: expected a fraction in [0, 1), got 3.",
    "tune sentiment --dry-run --search cell=lstm,grru": "unknown cell 'grru'. Did you mean 'gru'?",
    "tune sentiment --dry-run --search clipping=none,nrom": "unknown rule 'nrom'. Did you mean 'norm'?",
    "tune sentiment --dry-run --objective val_acuracy": "unknown objective 'val_acuracy'. Did you mean 'val_accuracy'?",
    "tune sentiment --dry-run --algorithm beysian": "algorithm: expected one of bayesian, random, hyperband, grid",
    "tune sentiment --trials 0": "trials: expected a positive integer, got 0.",
    "tune sentiment --out .": "out: . exists already and has no search.json.",
    "compare sentiment --cells lstm,grru": "unknown cell 'grru'. Did you mean 'gru'?",
    "compare sentiment --out .": "out: . exists already and has no comparison.json.",
    "predict nothing text": "run: nothing is not a run folder",
    "diagnose reviews.csv": "run: reviews.csv is not a run folder",
    "data show sst3": "Did you mean 'sst2'?",
    "runs nothing": "folder: there is no folder nothing.",
    "runs .": "folder: . contains no runs.",
}
SCRIPT = """
import contextlib, io, json, shlex, sys
from rnnkit.cli import main
told = {}
for line in json.loads(sys.argv.pop()):
    sys.argv[1:] = shlex.split(line)
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            main()
        except SystemExit as ended:
            told[line] = [ended.code, errors.getvalue(), "tensorflow" in sys.modules]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each mistake gives, in one process that has imported nothing before: code, standard error, TensorFlow."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "reviews.csv").write_text("text,label\n" + "good,1\nbad,0\n" * 10, encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, json.dumps(list(MISTAKES))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_told_without_tensorflow(told, line):
    code, errors, tensorflow = told[line]
    assert code == 2
    assert MISTAKES[line] in " ".join(errors.replace("│", " ").split())
    assert not tensorflow


def test_a_gpu_without_a_driver_is_told_at_once(monkeypatch):
    monkeypatch.setattr("rnnkit.recurrent.devices.DRIVERS", ())
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(RuntimeError, match="device: 'gpu' was asked for, but no driver of a GPU is loaded"):
        RunConfig("sentiment", device="gpu").checked()


@pytest.mark.parametrize("task", SPECS)
def test_what_a_task_goes_by_and_its_own_defaults_pass(task):
    spec = SPECS[task]
    assert spec.task_class.monitor[0] in spec.known_objectives
    RunConfig(task, units=4096).checked()
    with pytest.raises(ArgumentError, match="units: expected a number whose weights fit into memory, got 1000000"):
        RunConfig(task, units=1_000_000, layers=1000).checked()


def test_what_cannot_be_computed_is_one_line_with_what_to_do(cli, monkeypatch):
    """A layer that TensorFlow cannot make, and one that the memory cannot hold."""
    import tensorflow as tf

    def fail(error):
        def act(name):
            raise error

        monkeypatch.setattr("rnnkit.datasets.path", act)
        return cli("data", "path", "sst2")

    code, _, errors = fail(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\na tensor"))
    assert (code, errors.count("\n")) == (2, 1)
    assert "the memory does not suffice (OOM when allocating). Give a smaller --batch-size or fewer --units." in errors
    code, _, errors = fail(MemoryError("Unable to allocate 7 TiB"))
    assert (code, "the memory does not suffice (Unable to allocate 7 TiB)" in errors) == (2, True)
    code, _, errors = fail(tf.errors.InvalidArgumentError(None, None, "shapes differ"))
    assert (code, errors.count("\n")) == (2, 1)
    assert "TensorFlow cannot compute this (shapes differ)." in errors
    with pytest.raises(ZeroDivisionError):  # no mistake of the user's
        fail(ZeroDivisionError())
