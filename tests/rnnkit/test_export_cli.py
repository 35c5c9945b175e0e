"""`rnnkit export` as a shell sees it."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import rnnkit

ALONE = """
import sys
for name in ("tensorflow", "keras", "rnnkit"):
    sys.modules[name] = None  # makes importing it an error
"""


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
    inputs = "tokens int32 (any, any), lengths int32 (any,)"
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
        (["{file}", "--format", "tflite"], "format: expected one of savedmodel, onnx, litert, web, got 'tflite'."),
        (["{file}", "--out", "{folder}/nowhere/net"], "nowhere. Make it first."),
        (["{folder}/nothing"], "is not a run folder"),
        (["{file}", "--format", "litert"], "one step at a time. Add --streaming."),
        (["{file}", "--format", "litert", "--int8"], "one step at a time. Add --streaming."),
        (["{file}", "--int8"], "int8: expected --streaming as well"),
        (["{file}", "--format", "litert", "--streaming"], "Make it with bidirectional=False."),
        (["{file}", "--states", "int8"], "states: only --int8 uses it. Add --int8, or leave --states out."),
        (["{file}", "--streaming", "--data", "sentiment-sample"], "data: only --int8 uses it. Add --int8, or leave"),
        (["{file}", "--format", "onnx", "--max-loss", "2"], "max-loss: only --int8 uses it. Add --int8, or leave"),
        (
            ["{file}", "--format", "onnx", "--int8", "--streaming", "--states", "int8"],
            "states: only LiteRT computes in integers. Add --format litert, or",
        ),
        (
            ["{file}", "--format", "onnx", "--int8", "--streaming", "--states", "int4"],
            "states: expected one of float, int8",
        ),
        (["{file}", "--streaming", "--int8"], "int8: expected --format litert or onnx, got savedmodel."),
        (["{file}", "--format", "web", "--streaming"], "format: a page takes neither --streaming nor --int8."),
        (["{file}", "--format", "web", "--int8"], "format: a page takes neither --streaming nor --int8."),
        (["{file}", "--format", "onnx", "--runtime", "{file}"], "runtime: only a page needs it. Add --format web, or"),
        (
            ["{file}", "--format", "web", "--runtime", "{file}"],
            "got another one ({file}). Run `npm pack onnxruntime-web@",
        ),
        (["{folder}/cut.keras"], "cut.keras"),
    ],
)
def test_what_cannot_be_exported_is_one_line(cli, file, arguments, message):
    file.with_name("cut.keras").write_bytes(file.read_bytes()[:2000])
    code, _, errors = cli("export", *(each.format(file=file, folder=file.parent) for each in arguments))
    assert code == 2
    assert message.format(file=file) in errors
    assert len(errors.splitlines()) == 1


@pytest.fixture(scope="module")
def streaming(tmp_path_factory):
    """A classifier that reads forwards only, and its file."""
    model = rnnkit.SentimentClassifier(units=16, embedding_dim=16, bidirectional=False)
    model.adapt(["not bad at all", "a film"], ["yes", "no"])
    rng = np.random.default_rng(0)
    model.network.set_weights([weights + rng.normal(0, 0.1, weights.shape) for weights in model.network.get_weights()])
    file = tmp_path_factory.mktemp("streaming") / "model.keras"
    model.save(file)
    return model, file


@pytest.mark.parametrize(("kind", "name"), [("onnx", "network.onnx"), ("litert", "network.tflite")])
def test_the_readmes_code_answers_without_rnnkit_and_tensorflow(cli, streaming, kind, name):
    for package in ("tf2onnx", "onnxruntime", "ai_edge_litert"):
        pytest.importorskip(package, reason="needs rnnkit[export]")
    model, file = streaming
    done = cli("export", file, "--format", kind, "--streaming")
    assert (done.code, done.err) == (0, "")
    assert f"{name}: one step, from tokens and 4 states to scores" in done.out
    readme = file.with_name(f"{name}.README.md").read_text(encoding="utf-8")
    assert "| in | `tokens` | (1,) | int32 |\n| in | `state_0` | (1, 16) | float32 |" in readme
    [_, code] = readme.split("```python\n")
    assert 'encoding="utf-8"' in code
    code = code.split("```")[0]
    assert len(code.strip().splitlines()) <= 20
    said = subprocess.run(
        [sys.executable, "-c", ALONE + code], capture_output=True, text=True, cwd=file.parent, check=True
    )
    expected = model.classify("not bad at all")
    assert said.stdout.split()[0] == expected.label
    assert f"{expected.score:.4f}"[:5] in said.stdout
    assert json.loads(file.with_name(f"{name}.json").read_text(encoding="utf-8"))["inputs"] == {"tokens": "int32"}


def test_eight_bits_are_measured_on_data_that_are_named(cli, streaming, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs rnnkit[export]")
    _, file = streaming
    texts = ["not bad at all", "a film", "bad film , not a film at all"]
    rows = [f'"{texts[number % 3]}",{["yes", "no"][number % 2]}' for number in range(60)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    arguments = ["--format", "litert", "--streaming", "--int8", "--data", tmp_path / "reviews.csv", "--out"]
    done = cli("export", file, *arguments, tmp_path / "small.tflite", "--max-loss", 50)
    assert (done.code, done.err) == (0, "")
    assert "bytes in float32; accuracy 0." in done.out
    done = cli("export", file, *arguments, tmp_path / "other.tflite", "--max-loss", -1)
    assert done.code == 2
    assert "max_loss: expected a number from 0" in done.err
    assert not (tmp_path / "other.tflite").exists()
