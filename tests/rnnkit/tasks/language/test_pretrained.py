"""A classifier that starts from a language model."""

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.errors import ArgumentError

TEXTS = ["A good film.", "a bad film", "Not good at all", "not bad"] * 4
LABELS = ["positive", "negative", "negative", "positive"] * 4
UNLABELLED = ["A good film is a good film.", "What a bad plot!", "Not a plot at all."] * 5


def language_model(**options):
    keras.utils.set_random_seed(0)
    settings = {"lowercase": True, "units": 6, "embedding_dim": 5, "direction": "both", "bptt_steps": 9, **options}
    model = rnnkit.LanguageModel("words", **settings)
    model.fit(UNLABELLED, epochs=1, batch_size=2, verbose=0)
    return model


@pytest.fixture(scope="module", autouse=True)
def _untraced(untraced_fits):
    """What is looked at are weights, and not how they were trained."""


@pytest.fixture(scope="module")
def pretrained():
    return language_model()


def test_word_vectors_and_recurrent_layers_are_those_of_the_language_model(pretrained, tmp_path):
    pretrained.save(tmp_path / "language.keras")
    for source in (pretrained, tmp_path / "language.keras"):
        model = rnnkit.SentimentClassifier(pretrained=source)
        model.adapt(TEXTS, LABELS)
        embedding = np.array(model.network.get_layer("embedding").embeddings)
        for word in ("plot", "film", "!"):
            [own], [other] = model.vocabulary.encode([word]), pretrained.tokens.encode([word])[0]
            np.testing.assert_array_equal(embedding[own], np.array(pretrained.embedding.embeddings)[other])
        assert "bad" in model.vocabulary
        block = model.stack.blocks[0]
        for direction, stack in zip(("forward", "backward"), pretrained.stacks, strict=True):
            for own, other in zip(
                block[direction].get_weights(), stack.blocks[0]["forward"].get_weights(), strict=True
            ):
                np.testing.assert_array_equal(own, other)
        assert (model.embedding_dim, model.stack.units, model.lowercase) == (5, [6], True)


def test_its_states_are_those_of_the_language_model(pretrained):
    """The same text through both, up to the recurrent layer: the oracle is the language model's own stack."""
    model = rnnkit.SentimentClassifier(pretrained=pretrained)
    model.adapt(TEXTS, LABELS)
    words, numbers = (
        model.encode({"text": ["what a plot"]}, target=False)["x"]["tokens"],
        pretrained.tokens.encode(["what a plot"]),
    )
    own = model.stack(model.network.get_layer("embedding")(np.array(words)))
    forward, backward = (
        np.array(stack(pretrained.embedding(np.array([each]))))
        for stack, each in zip(pretrained.stacks, [numbers[0], numbers[0][::-1]], strict=True)
    )
    np.testing.assert_allclose(np.array(own), np.concatenate([forward, backward[:, ::-1]], axis=-1), atol=1e-6)


def test_the_trained_file_needs_no_language_model(pretrained, tmp_path):
    model = rnnkit.SentimentClassifier(pretrained=pretrained)
    model.fit(TEXTS, LABELS, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), model.predict(TEXTS, verbose=0))


def test_layers_that_read_both_directions_are_new():
    model = rnnkit.SentimentClassifier(pretrained=language_model(layers=2))
    with pytest.warns(UserWarning, match="1 of 2 layers starts from the language model"):
        model.adapt(TEXTS, LABELS)


def test_what_does_not_suit_is_named_before_training(pretrained, tmp_path):
    characters, forward = rnnkit.LanguageModel(units=4, embedding_dim=4), language_model(direction="forward")
    characters.adapt(UNLABELLED)
    (tmp_path / "none.keras").write_bytes(b"no model")
    for options, message in [
        ({"pretrained": characters}, "expected a language model of words, got one of characters"),
        ({"pretrained": forward}, "direction='both', or give bidirectional=False"),
        ({"pretrained": rnnkit.LanguageModel("words")}, "has seen no data yet"),
        ({"pretrained": 3}, "expected a LanguageModel or the path of one, got int"),
        (
            {"pretrained": pretrained, "units": 9},
            r"units: the pretrained language model has \[6\], got 9",
        ),
        ({"pretrained": pretrained, "cell": "gru"}, "cell: the pretrained language model has lstm, got 'gru'"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            rnnkit.SentimentClassifier(**options)
    with pytest.raises(OSError, match="none.keras"):
        rnnkit.SentimentClassifier(pretrained=tmp_path / "none.keras")
    rnnkit.SentimentClassifier(pretrained=forward, bidirectional=False).adapt(TEXTS, LABELS)
