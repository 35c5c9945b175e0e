"""Losses on moved texts and on texts without labels; the oracle is a network whose gradients can be written down."""

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.callbacks import GradientHealth, Resume
from rnnkit.datasets import Dataset, Splits
from rnnkit.errors import ArgumentError, DataError, ResumeError
from rnnkit.layers import SequencePooling
from rnnkit.study.run import prepare
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.perturbations import PerturbationLosses

TEXTS = ["a good film", "bad", "not good at all", "not bad"] * 3
LABELS = ["positive", "negative", "negative", "positive"] * 3
MORE = ["a good plot", "what a bad plot indeed", "good", "what"] * 2


def linear_network(classes=3):
    """Softmax of a linear map of the mean of token vectors."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    lengths = keras.Input((), dtype="int32", name="lengths")
    vectors = keras.layers.Embedding(9, 4, keras.initializers.RandomNormal(stddev=2.0), name="embedding")(tokens)
    scores = keras.layers.Dense(classes, activation="softmax", name="scores")(SequencePooling("mean")(vectors, lengths))
    return keras.Model({"tokens": tokens, "lengths": lengths}, scores)


class Oracle:
    """The same in NumPy: answers, and the gradient of a loss whose derivative for the logits is given."""

    def __init__(self, network):
        self.table = np.array(network.get_layer("embedding").embeddings, "float64")
        self.kernel, self.bias = (each.astype("float64") for each in network.get_layer("scores").get_weights())

    def read(self, tokens, lengths):
        self.keep = (np.arange(tokens.shape[1]) < lengths[:, None])[:, :, None]
        self.vectors, self.lengths = self.table[tokens], lengths[:, None, None]
        valid = self.vectors[np.broadcast_to(self.keep, self.vectors.shape)].reshape(-1, 4)
        self.scale = valid.std(axis=0)

    def answer(self, step=0.0):
        moved = (self.vectors + self.scale * step) * self.keep
        logits = (moved.sum(axis=1) / self.lengths[:, 0]) @ self.kernel + self.bias
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    def unit(self, step):
        return step / np.sqrt((step**2).sum(axis=(1, 2), keepdims=True))

    def direction(self, of_logits):
        gradient = (of_logits @ self.kernel.T)[:, None] / self.lengths * self.scale * self.keep
        return self.unit(gradient)


def batch():
    rng = np.random.default_rng(0)
    x = {"tokens": rng.integers(0, 9, (4, 5)), "lengths": np.array([5, 1, 3, 2])}
    more = {"unlabelled_tokens": rng.integers(0, 9, (3, 7)), "unlabelled_lengths": np.array([7, 2, 4])}
    return {name: each.astype("int32") for name, each in {**x, **more}.items()}, np.array([0, 2, 1, 2])


def loss_of(network, **weights):
    settings = {"adversarial": 0.0, "virtual_adversarial": 0.0, "entropy": 0.0, "radius": 1.5, **weights}
    losses = PerturbationLosses(**settings)
    losses.connect(network, "embedding", keras.random.SeedGenerator(3))
    return losses


def test_the_adversarial_loss_is_the_one_written_down():
    network, (x, y) = linear_network(), batch()
    oracle, weights = Oracle(network), np.array([1.0, 0.5, 2.0, 1.0])
    oracle.read(x["tokens"], x["lengths"])
    step = 1.5 * oracle.direction(oracle.answer() - np.eye(3)[y])
    expected = 2.0 * np.mean(-weights * np.log(oracle.answer(step)[np.arange(4), y]))
    loss = loss_of(network, adversarial=2.0)
    assert float(loss(x, y, weights)) == pytest.approx(expected, rel=1e-5)
    padded = {**x, "tokens": np.where(np.arange(5) < x["lengths"][:, None], x["tokens"], 8)}
    assert float(loss(padded, y, weights)) == pytest.approx(expected, rel=1e-5)


def test_the_losses_without_labels_are_the_ones_written_down():
    network, (x, y) = linear_network(), batch()
    oracle = Oracle(network)
    tokens = np.concatenate([np.pad(x["tokens"], ((0, 0), (0, 2))), x["unlabelled_tokens"]])
    oracle.read(tokens, np.concatenate([x["lengths"], x["unlabelled_lengths"]]))
    noise = keras.random.normal((7, 7, 4), seed=keras.random.SeedGenerator(3))
    before, near = oracle.answer(), oracle.answer(0.1 * oracle.unit(np.array(noise) * oracle.keep))
    after = oracle.answer(1.5 * oracle.direction(near - before))
    divergence = np.mean(np.sum(before * np.log(before / after), axis=1))
    entropy = np.mean(-np.sum(before * np.log(before), axis=1))
    assert float(loss_of(network, virtual_adversarial=0.5)(x, y)) == pytest.approx(0.5 * divergence, rel=1e-3)
    assert float(loss_of(network, entropy=0.3)(x, y)) == pytest.approx(0.3 * entropy, rel=1e-5)


def classifier(**options):
    keras.utils.set_random_seed(0)
    settings = {"cell": "min_gru", "units": 3, "embedding_dim": 3, "bidirectional": False, "dropout": 0.0}
    losses = {"adversarial": 1.0, "virtual_adversarial": 1.0, "entropy": 0.5}
    model = rnnkit.SentimentClassifier(**{**settings, **losses, **options})
    model.compile(rnnkit.LazyAdam(0.01, global_clipnorm=0.5))
    return model


def test_a_step_of_a_recurrent_network_goes_where_the_loss_grows_fastest():
    """Central differences of the loss, number by number of the vectors."""
    model = classifier(cell="gru", bidirectional=True, virtual_adversarial=0.0, entropy=0.0, radius=0.7)
    model.adapt(TEXTS, LABELS)
    model.network.get_layer("scores").kernel.assign(np.random.default_rng(0).normal(size=(6, 2)) * 3)
    x, y = {"tokens": np.array([[2, 3, 4, 0]], "int32"), "lengths": np.array([3], "int32")}, np.array([1])
    vectors = np.array(model.network.get_layer("embedding")(x["tokens"]))
    scale = vectors[0, :3].std(axis=0)

    def loss(step):
        outputs = model.pooling(model.stack(vectors + scale * step, x["lengths"]), x["lengths"])
        return -np.log(np.array(model.network.get_layer("scores")(outputs))[0, 1])

    units = np.eye(12).reshape(12, 1, 4, 3).astype("float32") * 0.01
    gradient = np.reshape([loss(unit) - loss(-unit) for unit in units], (1, 4, 3))
    expected = loss((0.7 * gradient / np.linalg.norm(gradient)).astype("float32"))
    assert float(model.perturbations(x, y)) == pytest.approx(expected, rel=1e-4)
    assert not gradient[0, 3].any()


def test_a_compiled_fit_trains_on_all_of_them():
    model = classifier(adversarial=0.0)  # which is traced like the others
    health = GradientHealth()
    history = model.fit(TEXTS, LABELS, unlabelled=MORE, epochs=2, batch_size=7, verbose=0, callbacks=[health])
    assert "indeed" in model.vocabulary
    assert len(health.steps) == 4
    assert np.isfinite(history.history["loss"]).all()
    plain = classifier(adversarial=0.0, virtual_adversarial=0.0, entropy=0.0)
    with pytest.raises(ArgumentError, match="unlabelled: no loss reads it. Set virtual_adversarial=1.0 or entropy"):
        plain.fit(TEXTS, LABELS, unlabelled=MORE, epochs=1, verbose=0)


@pytest.mark.usefixtures("untraced_test")
def test_a_stopped_training_ends_as_one_that_was_not_and_its_file_has_the_losses(tmp_path):
    def train(epochs, folder, more=MORE):
        model = classifier(word_dropout=0.3, radius=2.0)
        options = {"unlabelled": more, "batch_size": 12, "verbose": 0, "callbacks": [Resume(tmp_path / folder)]}
        return model, model.fit(TEXTS, LABELS, epochs=epochs, **options)

    train(1, "stopped")
    with pytest.raises(ResumeError, match="data unlabelled examples was 8, is 7"):
        train(2, "stopped", MORE[1:])
    (resumed, _), (whole, _) = train(2, "stopped"), train(2, "whole")
    for own, other in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    whole.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.get_config() == whole.get_config()
    assert again.perturbations.radius == 2.0
    batch = whole.probe_batch(TEXTS, LABELS)
    trained, plain = (float(again.compute_loss(*batch, again(batch[0]), training=each)) for each in (True, False))
    assert trained > plain


def test_a_run_reads_texts_of_a_file(tmp_path):
    (tmp_path / "more.txt").write_text("what a plot\nan ending\n", encoding="utf-8")
    settings = {"entropy": 1.0, "embedding_dim": 3}
    config = RunConfig("sentiment", units=3, unlabelled=str(tmp_path / "more.txt"), settings=settings)
    data = Dataset({"text": TEXTS, "label": LABELS})
    assert "ending" in prepare(config, Splits(data, data, data)).vocabulary
    assert f"--unlabelled {tmp_path}" in config.command()


def test_texts_of_a_file_and_what_cannot_be_used(tmp_path):
    (tmp_path / "more.txt").write_text("what a plot\n\nan ending\n", encoding="utf-8")
    model = classifier()
    assert model.read_unlabelled(tmp_path / "more.txt")["text"] == ["what a plot", "an ending"]
    assert model.read_unlabelled(tmp_path)["text"] == ["what a plot", "an ending"]
    (tmp_path / "empty.txt").touch()
    for given, message in [
        (tmp_path / "empty.txt", "unlabelled: .*empty.txt holds no text"),
        ("none.txt", "unlabelled: there is no file none.txt"),
        ([], "x: the data set is empty"),
        ([3], "unlabelled: expected a text in every row, got 3 in row 0"),
    ]:
        with pytest.raises(DataError, match=message):
            model.fit(TEXTS, LABELS, unlabelled=given, epochs=1, verbose=0)
    for options, message in [
        ({"adversarial": -1.0}, "adversarial: expected a number that is not negative, got -1.0"),
        ({"entropy": "much"}, "entropy: expected a number that is not negative, got 'much'"),
        ({"radius": 0}, "radius: expected"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            classifier(**options)
    with pytest.raises(ArgumentError, match="unlabelled: LanguageModel has no loss"):
        rnnkit.LanguageModel(units=3).fit(["abc"], unlabelled=["abd"])
