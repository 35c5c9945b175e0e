"""Memory over many epochs of the largest tasks, with all callbacks of a run, and over the models of searches."""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.datasets import Dataset
from rnnkit.study.graphs import graphs_freed
from rnnkit.tasks import TASKS

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "long_runs.py"
EPOCHS, SETTLED = 24, 14  # what TensorFlow and the C library keep for later grows in the first dozen of them
GROWTH = 2.0  # MiB
LARGEST = ("ner", "translation")  # the script measures every task


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_flat_over_many_epochs():
    options = ["--tasks", ",".join(LARGEST), "--epochs", str(EPOCHS), "--examples", "16", "--units", "4"]
    command = [sys.executable, SCRIPT, "--here", *options]
    one_arena = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # what is kept counts, not what lies between
    done = subprocess.run(command, capture_output=True, text=True, timeout=880, env=one_arena)
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [run["task"] for run in runs] == list(LARGEST)
    for run in runs:
        assert len(run["memory"]) == EPOCHS
        early, late = run["counts"]
        assert (late["variables"], late["graphs"]) == (early["variables"], early["graphs"]), run["task"]
    growth = {run["task"]: round(run["memory"][-1] - run["memory"][SETTLED], 1) for run in runs}
    assert max(growth.values()) < GROWTH, growth


TEXTS = Dataset({"text": ["good film", "bad film"] * 8, "label": ["yes", "no"] * 8})
SENTENCES = Dataset({"tokens": [["good", "film"], ["bad"]] * 8, "tags": [["O", "B-X"], ["O"]] * 8})
NUMBERS = Dataset({"sequence": [[1, 2], [2, 1]] * 8, "target": [0, 1] * 8})
SMALL = {"units": 3, "layers": 1, "dropout": 0.0, "clipping": "none", "batch_size": 8}
MODELS = {  # every gradient that is written by hand, and Keras' dense Adam
    "fused loop": ("sentiment", TEXTS, {"cell": "lstm", "embedding_dim": 3}),
    "scan": ("sentiment", TEXTS, {"cell": "min_gru", "embedding_dim": 3}),
    "CRF": ("ner", SENTENCES, {"cell": "gru", "embedding_dim": 3, "char_units": 2}),
    "omega": ("memory", NUMBERS, {"cell": "simple_rnn", "target": "class", "omega": 0.1}),
}


def graphs():
    """How many graphs are alive; `isinstance` would wake lazy objects."""
    gc.collect()
    return sum(issubclass(type(each), tf.Graph) for each in gc.get_objects())


def test_a_search_leaves_no_graph_of_its_models_behind(tmp_path):
    task, data, options = MODELS["fused loop"]
    alive = []
    rnnkit.tune(
        task, data, data, "random", directory=tmp_path / "search", max_trials=3, epochs=1, guard=None,
        say=lambda line: alive.append(graphs()), **SMALL, **options,
    )  # fmt: skip
    assert alive[1] == alive[2]  # without `graphs_freed` a model leaves 20 to 49 behind


@pytest.mark.parametrize("model", [model for model in MODELS if model != "fused loop"])
def test_no_graph_of_a_model_is_left_behind(model):
    task, data, options = MODELS[model]
    alive = []
    for _ in range(3):
        with graphs_freed():
            TASKS[task](units=3, layers=1, dropout=0.0, **options).fit(data, batch_size=8, epochs=1, verbose=0)
            keras.backend.clear_session()
        alive.append(graphs())
    assert alive[1] == alive[2]


def test_a_comparison_leaves_no_graph_of_its_models_behind(tmp_path):
    alive = []
    rnnkit.compare(
        "memory", NUMBERS, NUMBERS, cells=["gru"], seeds=3, directory=tmp_path / "cells", epochs=1, units=3,
        target="class", baselines=False, say=lambda line: alive.append(graphs()),
    )  # fmt: skip
    assert len(alive) >= 3
    assert alive[-1] == alive[-2]
