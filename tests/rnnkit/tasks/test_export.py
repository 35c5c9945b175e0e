"""What `export` writes says what Keras says: for every task, every cell, several lengths and batch sizes."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.layers import GRU, MinGRU
from rnnkit.recurrent import fused_loops
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.execution import portable_loops
from rnnkit.tasks import TASKS

ROLL = np.eye(88, dtype="uint8")[40:45]
TEXTS = ["a fine film , warm and wise", "dull", "not bad at all"]
RAW = {
    "sentiment": (TEXTS, ["good", "bad", "good"]),
    "ner": ([text.split() for text in TEXTS], [["O", "B-x", "I-x", "O", "O", "O", "O"], ["O"], ["O"] * 4]),
    "music": ([ROLL, ROLL[:2], ROLL[:4]],),
    "translation": (TEXTS, ["ein feiner Film", "öde", "gar nicht übel"]),
    "memory": ([[0, 1, 2, 3, 1], [2], [1, 3]], [0, 1, 0]),
    "forecasting": ([[[0.5 * step + row] for step in range(14 + row)] for row in range(3)],),
    "language-model": (TEXTS,),
}
CELLS = dict(zip(TASKS, ["gru", "lstm", "min_gru", "simple_rnn", "lru", "indrnn", "slstm"], strict=True))
OPTIONS = {
    "memory": {"target": "class"},
    "forecasting": {"lookback": 8, "horizon": 4},
    "translation": {"attention": "additive", "input_feeding": True},
}
PARTS = [slice(1, 2), slice(0, 3)]


def built(task, **options):
    """A task with a network whose weights are no longer where they start."""
    model = TASKS[task](cell=CELLS[task], units=3, **OPTIONS.get(task, {}), **options)
    model.adapt(*RAW[task])
    rng = np.random.default_rng(0)
    model.network.set_weights([rng.normal(0, 0.2, weights.shape) for weights in model.network.get_weights()])
    return model


def inputs(model, task, rows):
    """What the network takes; a translator's targets as well, which `network_inputs` leaves to the search."""
    arrays = model.network_inputs(RAW[task][0][rows])
    if task == "translation":
        arrays["target"] = np.random.default_rng(0).integers(1, 20, (len(arrays["lengths"]), 4)).astype("int32")
    return arrays


def kinds_of_layer(names):
    """The classes that say how the layers of these cells run: those that the layers' own are made from."""
    return {type(find_cell(name).layer(2)).__mro__[1] for name in names}


def test_every_kind_of_layer_has_its_task(own_cells):
    assert kinds_of_layer(CELLS.values()) == kinds_of_layer([cell.name for cell in own_cells.values()])


@pytest.mark.parametrize("task", TASKS)
def test_a_saved_model_says_what_the_network_says(task, tmp_path):
    model = built(task)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    for rows in PARTS:
        given = inputs(model, task, rows)
        np.testing.assert_allclose(served.serve(given), model.network(given), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_an_onnx_file_says_what_the_network_says(task, tmp_path):
    runtime = _converter()
    model = built(task)
    model.export(tmp_path / "net.onnx", format="onnx", verbose=False)
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    assert {each.name for each in session.get_inputs()} == set(model.network.input)
    for rows in PARTS:
        given = inputs(model, task, rows)
        np.testing.assert_allclose(session.run(None, given)[0], model.network(given), rtol=1e-5, atol=1e-5)


LOAD = """
import sys
sys.modules["rnnkit"] = None  # makes importing it an error
import numpy, tensorflow
served = tensorflow.saved_model.load(sys.argv[1])
print(served.serve(dict(numpy.load(sys.argv[2]))).numpy().tolist())
"""


def test_a_saved_model_needs_no_rnnkit(tmp_path):
    model = built("sentiment")
    model.export(tmp_path / "served", verbose=False)
    np.savez(tmp_path / "inputs.npz", **model.network_inputs(TEXTS))
    arguments = [sys.executable, "-c", LOAD, str(tmp_path / "served"), str(tmp_path / "inputs.npz")]
    said = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    np.testing.assert_allclose(eval(said), model.predict(TEXTS, verbose=0), atol=1e-5)


def test_network_inputs_are_in_the_order_of_the_rows():
    model = built("sentiment")
    given = model.network_inputs(TEXTS)
    assert given["lengths"].tolist() == [7, 1, 4]
    assert given["tokens"].shape == (3, 7)
    assert model.vocabulary.decode(given["tokens"][2]) == ["not", "bad", "at", "all"]
    np.testing.assert_allclose(model.network(given), model.predict(TEXTS, verbose=0), atol=1e-6)


@pytest.mark.parametrize("layer", [GRU, MinGRU])
def test_a_portable_loop_is_that_of_keras(layer, monkeypatch):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    layer = layer(4, return_sequences=True)
    expected = np.array(layer(x))
    monkeypatch.setattr(fused_loops, "run", None)
    monkeypatch.setattr("rnnkit.recurrent.min_cells.gated_scan", None)
    with portable_loops():
        np.testing.assert_allclose(layer(x), expected, atol=1e-6)
    with pytest.raises(TypeError, match="NoneType"):
        layer(x)


def test_before_the_data_there_is_nothing_to_export(tmp_path):
    with pytest.raises(ArgumentError, match="has seen no data yet"):
        rnnkit.SentimentClassifier().export(tmp_path / "served")
    with pytest.raises(ArgumentError, match="has seen no data yet"):
        rnnkit.SentimentClassifier().network_inputs(TEXTS)


def test_without_the_converter_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"'onnx' needs onnx and tf2onnx. Run: pip install 'rnnkit\[export\]'"):
        built("sentiment").export(tmp_path / "net.onnx", format="onnx")


def test_what_cannot_be_converted_is_an_error_and_leaves_no_file(tmp_path, monkeypatch):
    _converter()
    monkeypatch.setattr("rnnkit.recurrent.parallel_rnn.is_portable", lambda: False)
    model = rnnkit.MusicGenerator("independent", "min_gru", units=3)
    model.adapt(*RAW["music"])
    with pytest.raises(ArgumentError, match=r"cannot be written as ONNX \(No Op registered.*\). Leave format out"):
        model.export(tmp_path / "net.onnx", format="onnx", verbose=False)
    assert list(tmp_path.iterdir()) == []


def _converter():
    """The runtime; skips where the extra is not installed."""
    pytest.importorskip("tf2onnx", reason="needs rnnkit[export]")
    return pytest.importorskip("onnxruntime", reason="needs rnnkit[export]")
