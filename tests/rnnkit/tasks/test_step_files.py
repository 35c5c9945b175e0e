"""Files with one step of a network say, step by step, what the network in Keras says of whole sequences."""

import numpy as np
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.table import cell_names
from rnnkit.tasks.one_step import OneStep
from rnnkit.tasks.quantization import _Examples

STEPS = 500
WORDS = ["good", "bad", "film", "a", "not", "very", "dull", "warm"]
TEXT = " ".join(np.random.default_rng(0).choice(WORDS, STEPS))
ROLL = (np.random.default_rng(0).random((6, 88)) < 0.05).astype("uint8")


def disturbed(model):
    """The model, with weights that are no longer where they start."""
    rng = np.random.default_rng(0)
    model.network.set_weights([weights + rng.normal(0, 0.3, weights.shape) for weights in model.network.get_weights()])
    return model


def classifier(cell="lstm", **options):
    options = {"units": 3, "bidirectional": False, "embedding_dim": 4, **options}
    model = rnnkit.SentimentClassifier(cell, **options)
    model.adapt([" ".join(WORDS[:4]), " ".join(WORDS[4:])], ["yes", "no"])
    return disturbed(model)


def tagger(**options):
    model = rnnkit.EntityRecognizer("gru", units=3, bidirectional=False, embedding_dim=4, **options)
    model.adapt([WORDS[:4], WORDS[4:]], [["B-x", "I-x", "O", "O"], ["O"] * 4])
    return disturbed(model)


def litert(path):
    """One step as the LiteRT interpreter runs it."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="needs rnnkit[export]")
    return interpreter.Interpreter(str(path), num_threads=1).get_signature_runner("step")


def onnx(path):
    """One step as onnxruntime runs it."""
    pytest.importorskip("tf2onnx", reason="needs rnnkit[export]")
    runtime = pytest.importorskip("onnxruntime", reason="needs rnnkit[export]")
    session = runtime.InferenceSession(path)
    names = [each.name for each in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(None, inputs), strict=True))


def saved_model(path):
    """One step as TensorFlow runs a SavedModel."""
    served = tf.saved_model.load(str(path))
    return lambda **inputs: {name: each.numpy() for name, each in served.step(inputs).items()}


RUNTIMES = {"litert": litert, "onnx": onnx, "tf_saved_model": saved_model}


def through_time(step, inputs, states):
    """The scores of every step of inputs (T, ...), from states of zeros."""
    scores = []
    for number in range(len(next(iter(inputs.values())))):
        found = step(**{name: array[number : number + 1] for name, array in inputs.items()}, **states)
        states = {name: found[f"new_{name}"] for name in states}
        scores.append(found["scores"][0])
    return np.array(scores)


def exported(model, path, kind="litert"):
    """The file that a model writes, ready to run; skips where the runtime is missing."""
    if kind == "onnx":
        pytest.importorskip("tf2onnx", reason="needs rnnkit[export]")
    written = model.export(path, format=kind, streaming=True, verbose=False)
    return RUNTIMES[kind](path), written.step


def inputs_of(model, raw):
    """The numbers of one example, (T, ...)."""
    return {name: array[0] for name, array in model.network_inputs([raw]).items() if name != "lengths"}


OPTIONS = [*((cell, {}) for cell in cell_names()), ("lstm", {"layers": 2, "layer_norm": True, "residual": True})]


@pytest.mark.parametrize(("cell", "options"), OPTIONS)
def test_after_500_steps_a_file_says_what_the_network_says_of_the_whole_text(cell, options, tmp_path):
    model = classifier(cell, **options)
    inputs, whole = inputs_of(model, TEXT), tf.function(model.network)
    given = {"tokens": inputs["tokens"][None], "lengths": np.array([STEPS], "int32")}
    expected = {2: whole({**given, "lengths": np.array([2], "int32")}), STEPS: whole(given)}
    for name in ("litert", "onnx"):
        step, like = exported(model, tmp_path / name, name)
        scores = through_time(step, inputs, like.zeros())
        for steps, scores_of_whole in expected.items():
            np.testing.assert_allclose(scores[steps - 1], scores_of_whole[0], atol=1e-5, err_msg=f"{name}, {steps}")


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
def test_poolings_are_carried(pooling):
    model = classifier(pooling=pooling)
    step = model.one_step()
    inputs = inputs_of(model, " ".join(WORDS))
    scores = through_time(
        lambda **given: {name: np.array(each) for name, each in step(given).items()}, inputs, step.zeros()
    )
    for steps in (2, 8):
        given = {"tokens": inputs["tokens"][None, :steps], "lengths": np.array([steps])}
        np.testing.assert_allclose(scores[steps - 1], model.network(given)[0], atol=1e-6)


def test_a_tagger_gives_the_scores_of_each_words_tags_without_the_crf(tmp_path):
    model = tagger()
    step, like = exported(model, tmp_path / "step")
    scores = through_time(step, inputs_of(model, WORDS), like.zeros())
    crf = model.network.get_layer("crf")
    for weights in (crf.transitions, crf.start, crf.end):
        weights.assign(weights * 0)
    potentials = np.array(model.network(model.network_inputs([WORDS])))[0, :, 0]
    legal = potentials > -1e6
    assert legal.sum() > len(WORDS)
    np.testing.assert_allclose(scores[legal], potentials[legal], atol=1e-5)


def test_a_language_model_gives_the_logits_of_the_next_token(tmp_path):
    model = rnnkit.LanguageModel(units=3, embedding_dim=4)
    model.adapt([TEXT[:30]])
    disturbed(model)
    step, like = exported(model, tmp_path / "step")
    scores = through_time(step, inputs_of(model, TEXT[:30]), like.zeros())
    log_probabilities = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    found = log_probabilities[np.arange(30), model.tokens.encode([TEXT[:30]])[0]]
    np.testing.assert_allclose(found, model.score(TEXT[:30])[:30], atol=1e-5)


@pytest.mark.parametrize("head", ["independent", "joint"])
def test_music_gives_the_log_odds_of_the_next_frame(head, tmp_path):
    model = rnnkit.MusicGenerator(head, "min_gru", units=3, head_units=4)
    model.adapt([ROLL])
    disturbed(model)
    step, like = exported(model, tmp_path / "step")
    inputs = like.inputs_of({"roll": ROLL})
    assert set(inputs) == ({"roll", "frame"} if head == "joint" else {"roll"})
    expected = model.network(model.network_inputs([ROLL]))[0]
    np.testing.assert_allclose(through_time(step, inputs, like.zeros()), expected, atol=1e-5)


@pytest.mark.parametrize("target", ["class", "symbols"])
def test_a_memory_model_answers_after_each_step(target, tmp_path):
    sequence = [0, 1, 2, 3, 1]
    model = rnnkit.MemoryModel(target, units=3)
    model.adapt([sequence, sequence], [sequence, sequence] if target == "symbols" else [0, 1])
    disturbed(model)
    step, like = exported(model, tmp_path / "step")
    scores = through_time(step, inputs_of(model, sequence), like.zeros())
    expected = np.array(model.network(model.network_inputs([sequence])))[0]
    np.testing.assert_allclose(scores if target == "symbols" else scores[-1], expected, atol=1e-5)


def test_a_saved_model_has_the_whole_sequence_too(tmp_path):
    model = classifier()
    step, like = exported(model, tmp_path / "served", "tf_saved_model")
    served = tf.saved_model.load(tmp_path / "served")
    given = model.network_inputs(["a good film", "dull"])
    expected = served.serve(given)
    np.testing.assert_allclose(expected, model.network(given), atol=1e-6)
    scores = through_time(step, inputs_of(model, "a good film"), like.zeros())
    np.testing.assert_allclose(scores[-1], expected[0], atol=1e-5)


def test_steps_of_several_sequences_at_a_time(tmp_path):
    model = classifier()
    step, like = exported(model, tmp_path / "step", "onnx")
    found = step(tokens=np.array([2, 3], "int32"), **like.zeros(2))["scores"]
    expected = model.network({"tokens": np.array([[2], [3]]), "lengths": np.array([1, 1])})
    np.testing.assert_allclose(found, expected, atol=1e-6)


class Upsetting(rnnkit.SentimentClassifier):
    """A user's classifier that looks ahead."""

    def make_network(self, learned):
        import keras

        network = super().make_network(learned)
        mixed = keras.layers.Conv1D(2, 3, padding="same")(network.get_layer("stack").output)
        scores = keras.layers.Dense(2)(mixed)
        return keras.Model(network.input, scores)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: classifier(bidirectional=True), "bidirectional: .* Make it with bidirectional=False"),
        (lambda: rnnkit.LanguageModel(units=2, direction="both"), "one recurrent stack, got 2"),
        (lambda: rnnkit.Translator(units=2), "reads the whole source first"),
    ],
)
def test_what_has_no_step_is_one_line(model, message, tmp_path):
    model = model()
    if model.network is None:
        model.adapt(["a film", "a dull film"], *([["ein", "zwei"]] if isinstance(model, rnnkit.Translator) else []))
    with pytest.raises(ArgumentError, match=message):
        model.export(tmp_path / "step", streaming=True)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_looks_ahead_is_seen():
    model = Upsetting("gru", units=3, bidirectional=False, embedding_dim=4)
    model.adapt([" ".join(WORDS[:4]), " ".join(WORDS[4:])], ["yes", "no"])
    with pytest.raises(ArgumentError, match="looks at several steps at a time"):
        model.one_step()


def test_an_operation_that_litert_lacks_is_named(tmp_path, monkeypatch):
    model = classifier()
    own = OneStep.call
    monkeypatch.setattr(
        OneStep,
        "call",
        lambda self, inputs: {**own(self, inputs), "x": tf.linalg.logdet(tf.eye(2) + inputs["state_0"][:, :1, None])},
    )
    with pytest.raises(ArgumentError, match=r"LiteRT like this: it lacks Cholesky"):
        model.export(tmp_path / "step", format="litert", streaming=True)
    assert list(tmp_path.iterdir()) == []


def texts(count=40):
    """Texts of several lengths with their labels, of words that say it."""
    rng = np.random.default_rng(1)
    labels = [["yes", "no"][number % 2] for number in range(count)]
    halves = {"yes": WORDS[:4], "no": WORDS[4:]}
    return [" ".join(rng.choice(halves[label], 4 + number % 9)) for number, label in enumerate(labels)], labels


@pytest.fixture(scope="module")
def trained():
    pytest.importorskip("ai_edge_litert", reason="needs rnnkit[export]")
    model = rnnkit.SentimentClassifier(units=16, bidirectional=False, embedding_dim=64, dropout=0.0)
    model.adapt(*texts())
    halves = [model.vocabulary.encode(words) for words in (WORDS[:4], WORDS[4:])]
    [vectors] = model.network.get_layer("embedding").get_weights()
    for half, sign in zip(halves, (1, -1), strict=True):
        vectors[half] = sign * np.random.default_rng(0).uniform(0.2, 0.4, (4, 1))
    model.network.get_layer("embedding").set_weights([vectors])
    return model


@pytest.mark.parametrize(
    ("kind", "states"), [("litert", "float"), ("litert", "int8"), ("litert", "int16"), ("onnx", "float")]
)
def test_eight_bits_are_smaller_and_lose_little(trained, kind, states, tmp_path):
    options = {"format": kind, "streaming": True, "int8": True, "states": states, "calibration": texts()}
    written = trained.export(tmp_path / "step", **options, max_loss=15)
    assert written.size < 0.7 * written.float_size
    assert written.size == written.path.stat().st_size
    assert written.metric == "accuracy"
    assert written.calibrated + written.measured == len(texts()[0])
    assert written.calibrated == (0 if states == "float" else 20)
    given = inputs_of(trained, TEXT[:80])
    scores = through_time(RUNTIMES[kind](written.path), given, written.step.zeros())
    assert len(scores)
    whole = {"tokens": given["tokens"][None], "lengths": np.array([len(given["tokens"])])}
    np.testing.assert_allclose(scores[-1], trained.network(whole)[0], atol=0.2 if states == "int8" else 0.02)
    assert not np.allclose(scores[-1], trained.network(whole)[0], atol=1e-7)


def test_the_loss_is_measured_on_other_sequences_than_those_that_give_the_ranges(trained, monkeypatch):
    step, examples, read = trained.one_step(), _Examples(trained, texts(), with_ranges=True), []
    inputs = examples.inputs
    monkeypatch.setattr(examples, "inputs", lambda step, row, most: read.append(row) or inputs(step, row, most))

    def run(tokens, **states):
        return {"scores": np.zeros((1, 2), "float32"), **{f"new_{name}": state for name, state in states.items()}}

    assert list(examples.steps(run, step))
    calibrating = set(read)
    read.clear()
    examples.quality(run, step)
    assert len(calibrating) == 20
    assert sorted([*calibrating, *read]) == list(range(40))


def test_the_quality_of_a_tagger_is_that_of_evaluate(untraced_test, monkeypatch):
    monkeypatch.setattr("rnnkit.tasks.quantization.LEAST_STEPS", 1)
    model = tagger()
    data = [WORDS, WORDS[:5], WORDS[2:5]], [["B-x", "I-x", "O", "O"] * 2, ["O"] * 5, ["B-x"] * 3]
    step = model.one_step()
    found = _Examples(model, data, with_ranges=False).quality(
        lambda **given: {name: np.array(each) for name, each in step(given).items()}, step
    )
    assert found == pytest.approx(model.evaluate(*data, verbose=0, return_dict=True)["f1"])
    assert 0 < found < 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"calibration": (["good film " * 100], ["yes"]), "states": "int8"}, "expected two sequences or more"),
        ({"calibration": None}, "calibration: expected data"),
        ({"calibration": (["good film"], ["yes"])}, "at least 200 steps in all, got 2"),
        ({"calibration": (["good film"] * 200, ["yes", "no"] * 100)}, "all 200 sequences have 2 steps"),
        ({"max_loss": -1}, "max_loss: expected a number from 0"),
        ({"states": "int4"}, "states: expected one of float, int8, int16"),
        ({"format": "onnx", "states": "int8"}, "needs int8=True and format 'litert'"),
        ({"format": "tf_saved_model"}, "int8: expected format 'litert' or 'onnx'"),
        ({"format": "openvino"}, "format: expected one of tf_saved_model, onnx, litert with streaming"),
        ({"streaming": False}, "Set streaming=True too"),
    ],
)
def test_what_cannot_be_in_eight_bits_is_one_line(trained, given, message, tmp_path):
    options = {"format": "litert", "streaming": True, "int8": True, "calibration": texts(), **given}
    with pytest.raises((ArgumentError, DataError), match=message):
        trained.export(tmp_path / "step", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_loss_above_the_limit_leaves_no_file(trained, tmp_path, monkeypatch):
    measured = iter([0.9, 0.8])
    monkeypatch.setattr("rnnkit.tasks.quantization._Examples.quality", lambda *arguments: next(measured))
    options = {"format": "litert", "streaming": True, "int8": True, "calibration": texts()}
    with pytest.raises(ArgumentError, match=r"accuracy goes from 0.9 to 0.8, a loss of 10.00, which is more than 1.0"):
        trained.export(tmp_path / "step", **options)
    assert list(tmp_path.iterdir()) == []
