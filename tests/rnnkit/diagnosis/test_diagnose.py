"""The diagnosis as users call it: any Keras model, nothing changed, clear errors."""

from xml.etree import ElementTree

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import rnnkit
from rnnkit.diagnosis import Diagnosis, diagnose
from rnnkit.errors import ArgumentError, DataError, DeviceError
from rnnkit.layers import RecurrentStack

STEPS, BATCH = 12, 4
LAYERS = [
    "layer",
    "direction",
    "path",
    "gain",
    "gain_low",
    "gain_high",
    "r2",
    "half_life",
    "horizon",
    "horizon_reached",
    "left",
    "dead",
    "followed",
    "median_length",
    "credit_horizon",
    "forget_gate",
    "jacobian_sigma",
    "reach",
    "needed",
    "status",
]


@keras.saving.register_keras_serializable(package="rnnkit_tests")
class Subclassed(keras.Model):
    """A model of plain Python that calls one layer twice, with everything in it that a call can change."""

    def __init__(self, fail=False):
        super().__init__()
        self.first = keras.layers.GRU(4, return_sequences=True, dropout=0.3, seed=1)
        self.stack = RecurrentStack("lstm", 4, bidirectional=True, dropout=0.2)
        self.norm = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(0.5, seed=2)
        self.shared = keras.layers.SimpleRNN(8, return_sequences=True, activity_regularizer="l2")
        self.dense = keras.layers.Dense(2)

    def call(self, inputs, training=False):
        x = self.norm(self.stack(self.first(inputs), training=training), training=training)
        x = self.drop(self.shared(self.shared(x)), training=training)
        return self.dense(x)


@pytest.fixture
def probe(noise):
    return noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2)


def test_tables_of_a_subclassed_model(probe):
    model = Subclassed()
    model.compile("sgd", "mse")
    model(probe[0])
    found = diagnose(model, *probe, lyapunov=False)
    assert isinstance(found, Diagnosis)
    assert list(found.layers.columns) == LAYERS
    assert list(found.profile.columns) == ["layer", "direction", "path", "steps_back", "decay", "rank"]
    assert list(found.credit.columns) == ["layer", "direction", "steps_back", "credit"]
    assert list(found.truncation.columns) == ["layer", "direction", "steps", "cosine", "norm"]
    assert found.lyapunov.empty
    joint = found.layers[found.layers["path"] == "joint"]
    names = [layer.rpartition("/")[2] for layer in joint["layer"]]
    assert names == [model.first.name, "forward_0", "backward_0", model.shared.name]  # its calls are one row
    assert list(joint["direction"]) == ["forward", "forward", "backward", "forward"]
    assert found.training.depth == 3
    assert list(found.layers[found.layers["layer"].str.contains("forward_0")]["path"]) == ["joint", "h", "c"]
    assert (joint["median_length"] == STEPS).all()
    assert set(found.gates["gate"]) == set("zrhifco")
    assert found.profile.groupby(["layer", "path"])["steps_back"].max().eq(STEPS - 1).all()
    assert np.isfinite(found.profile[["decay", "rank"]].to_numpy()).all()


def test_a_diagnosis_prints_and_shows_its_verdict_its_cure_and_a_row_a_layer(compiled, noise):
    model = compiled(keras.layers.SimpleRNN(4, name="<rnn>"), keras.layers.Dense(1))
    found = diagnose(model, 1e4 * (1 + noise(BATCH, STEPS, 3)), noise(BATCH, 1), lyapunov=False)
    first, *lines = repr(found).splitlines()
    assert first == "Diagnosis"
    assert [line.strip() for line in lines[:-1]] == found.verdict.splitlines()
    assert lines[-1] == f"  Try first: {found.cure}"
    page = ElementTree.fromstring(f"<div>{found._repr_html_()}</div>")  # what is not escaped cannot be read
    assert [line.text for line in page.iter("li")] == found.verdict.splitlines()
    assert page.find("p/b").text == f"Try first: {found.cure.name}."
    assert page.find("pre").text == found.cure.line
    shown = dict(zip((each.text for each in page.iter("th")), (each.text for each in page.iter("td")), strict=True))
    assert shown["layer"] == found.facts.layers[0].layer
    assert int(shown["horizon"]) == found.layers["horizon"][0]


def snapshot(model):
    layers = {
        layer.path or layer.name: {
            name: (id(value), list(value) if isinstance(value, list) else None) for name, value in vars(layer).items()
        }
        for layer in model._flatten_layers()
    }
    variables = [np.array(variable) for variable in [*model.variables, *model.metrics_variables]]
    return layers, variables, np.array(model.optimizer.iterations), model.train_function


def assert_unchanged(before, after):
    assert before[0] == after[0]
    for first, second in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(first, second)
    assert before[2:] == after[2:]
    assert before[3] is not None


class Trap:
    """A loss that raises when it is set."""

    set = False

    def __call__(self, y, y_pred):
        if self.set:
            raise RuntimeError("sprung")
        return ops.mean((y - y_pred) ** 2)


def test_nothing_is_changed_even_after_an_exception(probe):
    model, trap = Subclassed(), Trap()
    model.compile("sgd", trap, metrics=["mae"])
    model.fit(*probe, verbose=0)
    before = snapshot(model)
    diagnose(model, *probe)
    assert_unchanged(before, snapshot(model))
    trap.set = True
    with pytest.raises(RuntimeError, match="sprung"):
        diagnose(model, *probe)
    assert_unchanged(before, snapshot(model))
    trap.set = False
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        diagnose(model, probe[0][:, :, :2], probe[1])  # fails inside the forward pass
    assert_unchanged(before, snapshot(model))


def test_training_goes_on_as_if_there_had_been_no_probe(probe, compiled):
    weights = []
    for probed in (False, True):
        keras.utils.set_random_seed(3)
        model = compiled(keras.layers.GRU(4, return_sequences=True, dropout=0.3), keras.layers.Dense(2))
        model.fit(*probe, verbose=0)
        if probed:
            diagnose(model, *probe)
        model.fit(*probe, verbose=0)
        weights.append(model.get_weights())
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_carried_state_is_used_and_put_back(noise):
    inputs = keras.Input(batch_shape=(BATCH, STEPS, 3))
    rnn = keras.layers.GRU(4, stateful=True, return_sequences=True)
    model = keras.Model(inputs, keras.layers.Dense(2)(rnn(inputs)))
    model.compile("sgd", "mse")
    x, y = noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2)
    model(x)
    state = np.array(rnn.states[0])
    assert state.any()
    first, second = diagnose(model, x, y).layers, diagnose(model, x, y).layers
    np.testing.assert_array_equal(np.array(rnn.states[0]), state)
    assert first.equals(second)


def test_a_seed_gives_the_same_tables(probe, compiled):
    model = compiled(keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(2))
    first, second, other = (diagnose(model, *probe, seed=seed).layers for seed in (0, 0, 1))
    assert first.equals(second)
    assert not first.equals(other)


@pytest.fixture(scope="module")
def reviews():
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "film", "not", "very", "plot", "the", "a"])
    texts = [" ".join(rng.choice(words, size=size)) for size in rng.integers(3, 20, size=24)]
    return texts, ["pos" if text.count("good") > text.count("bad") else "neg" for text in texts]


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn", "min_gru", "min_lstm"])
def test_sentiment_classifier_on_raw_texts(cell, reviews):
    model = rnnkit.SentimentClassifier(cell=cell, units=6, embedding_dim=5)
    model.adapt(*reviews)
    model.compile()
    texts, labels = reviews
    found = diagnose(model, texts, labels, lyapunov=False)
    joint = found.layers[found.layers["path"] == "joint"]
    assert list(joint["direction"]) == ["forward", "backward"]
    lengths = [len(text.split()) for text in texts]
    assert (joint["median_length"] == np.median(lengths)).all()
    assert found.credit["steps_back"].max() == int(np.median(lengths)) - 1
    assert found.layers["gain"].between(0, 1.5).all()


def test_a_layer_that_sees_only_short_sequences_is_left_out(noise):
    short, long = keras.Input((4, 3)), keras.Input((None, 3))
    x = keras.layers.Concatenate()([keras.layers.GRU(2)(short), keras.layers.GRU(2, name="long")(long)])
    model = keras.Model([short, long], keras.layers.Dense(1)(x))
    model.compile("sgd", "mse")
    found = diagnose(model, [noise(BATCH, 4, 3), noise(BATCH, STEPS, 3)], noise(BATCH, 1), lyapunov=False)
    assert list(found.layers["layer"]) == ["long"]


@pytest.mark.parametrize("crf", [True, False])
def test_entity_recognizer_with_another_recurrence_over_the_characters_of_words(crf, reviews):
    sentences = [text.split() for text in reviews[0]]
    tags = [["B-FILM" if word == "film" else "O" for word in words] for words in sentences]
    model = rnnkit.EntityRecognizer(units=6, embedding_dim=5, chars="rnn", char_units=4, crf=crf)
    model.adapt(sentences, tags)
    model.compile()
    found = diagnose(model, sentences, tags, lyapunov=False)
    assert list(found.layers["direction"]) == ["forward", "forward", "forward", "backward", "backward", "backward"] * 2
    lengths = [len(words) for words in sentences]
    assert list(found.layers["median_length"].unique())[1] == np.median(lengths)
    assert (found.credit[found.credit["steps_back"] == 0]["credit"] == 1).all()
    assert np.isfinite(found.credit["credit"]).all()


def test_half_precision_is_probed_in_single(compiled, noise):
    options = {"dtype": "mixed_float16", "return_sequences": True}
    model = compiled(keras.layers.LSTM(4, **options), keras.layers.Dense(2, dtype="mixed_float16"))
    full = compiled(keras.layers.LSTM(4, return_sequences=True), keras.layers.Dense(2))
    full.set_weights(model.get_weights())
    probe = noise(BATCH, STEPS, 3), noise(BATCH, STEPS, 2)
    ours, theirs = (diagnose(each, *probe, lyapunov=False).layers["gain"] for each in (model, full))
    np.testing.assert_allclose(ours, theirs, rtol=0.02)


def unbuilt():
    model = keras.Sequential([keras.layers.LSTM(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def sequential(*layers, loss="mse"):
    model = keras.Sequential([keras.Input((None, 3)), *layers])
    if loss:
        model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: keras.layers.LSTM(2), "expected a keras.Model"),
        (unbuilt, "not built|is built"),
        (lambda: rnnkit.SentimentClassifier(), "is built"),
        (lambda: sequential(keras.layers.Dense(1)), "no recurrent layers"),
    ],
)
def test_models_that_cannot_be_diagnosed_are_named(make, named, noise):
    with pytest.raises(ArgumentError, match=named):
        diagnose(make(), noise(BATCH, STEPS, 3), noise(BATCH, 1))


def test_short_sequences_and_missing_targets_are_named(noise):
    model = sequential(keras.layers.LSTM(2), keras.layers.Dense(1))
    with pytest.raises(DataError, match="too few to measure"):
        diagnose(model, noise(BATCH, 4, 3), noise(BATCH, 1))
    with pytest.raises(DataError, match="y: expected"):
        diagnose(model, noise(BATCH, STEPS, 3), None)


class Compiled(keras.Model):
    def __init__(self):
        super().__init__()
        self.rnn = keras.layers.LSTM(2)

    @tf.function
    def call(self, inputs):
        return self.rnn(inputs)


@pytest.mark.parametrize("batch", [BATCH, BATCH + 1])
def test_a_model_inside_a_tf_function_is_named(batch, noise):
    model = Compiled()
    model.compile("sgd", "mse")
    model(noise(batch, STEPS, 3))  # traced for the shape of the probe, or for another
    x = noise(BATCH, STEPS, 3)
    with pytest.raises(ArgumentError, match=r"tf\.function"):
        diagnose(model, x, noise(BATCH, 2))


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(DeviceError, match="diagnose is for the TensorFlow backend, got jax"):
        diagnose(keras.Sequential([keras.layers.GRU(2)]), np.zeros((1, 5, 1)))
