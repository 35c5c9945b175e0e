"""`rnnkit export` as a shell sees it."""

import numpy as np
import pytest
import tensorflow as tf

import rnnkit


@pytest.fixture(scope="module")
def model():
    made = rnnkit.SentimentClassifier(units=2, embedding_dim=2)
    made.adapt(["good film", "bad"], ["yes", "no"])
    return made


@pytest.fixture
def file(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_a_saved_model_stands_beside_the_file_and_answers_as_the_network_does(cli, model, file):
    done = cli("export", file)
    path = file.with_name("exported")
    inputs = "tokens int32 (any, any), lengths int32 (any)"
    assert (done.code, done.out) == (0, f"{path}: from {inputs} to scores float32 (any, 2)\n")
    given = model.network_inputs(["good", "a bad film"])
    served = tf.saved_model.load(path)
    np.testing.assert_allclose(served.serve(given), model.network(given), atol=1e-6)
    again = cli("export", file)
    assert again.code == 2
    assert "exists already. Name another path" in again.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}", "--format", "tflite"], "format: expected one of savedmodel, onnx, got 'tflite'."),
        (["{file}", "--out", "{folder}/nowhere/net"], "nowhere. Make it first."),
        (["{folder}/nothing"], "is not a run folder"),
    ],
)
def test_what_cannot_be_exported_is_one_line(cli, file, arguments, message):
    code, _, errors = cli("export", *(each.format(file=file, folder=file.parent) for each in arguments))
    assert code == 2
    assert message in errors
    assert len(errors.splitlines()) == 1
