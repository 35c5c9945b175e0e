"""Tasks that start from a language model."""

import zipfile

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
    settings = {
        "tokenization": "words",
        "lowercase": True,
        "units": 6,
        "embedding_dim": 5,
        "direction": "both",
        "bptt_steps": 9,
        **options,
    }
    model = rnnkit.LanguageModel(**settings)
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


def states(model, numbers):
    """Of both directions of a language model, over the numbers of a text: (1, T, 2 * H)."""
    forward, backward = (
        np.array(stack(model.embedding(np.array([each]))))
        for stack, each in zip(model.stacks, [numbers, numbers[::-1]], strict=True)
    )
    return np.concatenate([forward, backward[:, ::-1]], axis=-1)


def test_its_states_are_those_of_the_language_model(pretrained):
    """The same text through both, up to the recurrent layer: the oracle is the language model's own stack."""
    model = rnnkit.SentimentClassifier(pretrained=pretrained)
    model.adapt(TEXTS, LABELS)
    words = model.encode({"text": ["what a plot"]}, target=False)["x"]["tokens"]
    own = model.stack(model.network.get_layer("embedding")(np.array(words)))
    np.testing.assert_allclose(own, states(pretrained, *pretrained.tokens.encode(["what a plot"])), atol=1e-6)


def test_a_tagger_begins_with_its_states_whatever_characters_say(pretrained, tmp_path):
    model = rnnkit.EntityRecognizer(pretrained=pretrained, char_units=3)
    tokens, tags = [["What", "a", "plot"], ["Ada", "!"]] * 2, [["O", "O", "O"], ["B-P", "O"]] * 2
    model.adapt(tokens, tags)
    [words, _] = model.encode({"tokens": tokens[:2]}, target=False)["x"]["tokens"]
    vectors = np.array(model.network.get_layer("embedding")(words[None]))
    others = np.random.default_rng(0).normal(size=(1, 3, model.stack.blocks[0]["forward"].cell.kernel.shape[0] - 5))
    own = model.stack(np.concatenate([vectors, others], axis=-1).astype("float32"))
    np.testing.assert_allclose(own, states(pretrained, *pretrained.tokens.encode(["What a plot"])), atol=1e-6)
    assert "ada" in model.vocabulary
    model.fit(tokens, tags, epochs=1, verbose=0)
    model.save(tmp_path / "tagger.keras")
    assert rnnkit.load(tmp_path / "tagger.keras").tag("Ada, what a plot!") == model.tag("Ada, what a plot!")


@pytest.mark.parametrize("cell", ["lru", "rg_lru", "mamba"])
@pytest.mark.parametrize("width", [5, 6])
def test_what_stands_around_cells_is_taken_over_too(cell, width):
    source = language_model(cell=cell, layers=2, embedding_dim=width, direction="forward")
    numbers = source.tokens.encode(["what a plot"])
    expected = source.stack(source.embedding(np.array(numbers)))
    reader = rnnkit.SentimentClassifier(pretrained=source, bidirectional=False)
    reader.adapt(TEXTS, LABELS)
    words = np.array(reader.encode({"text": ["what a plot"]}, target=False)["x"]["tokens"])
    vectors = reader.network.get_layer("embedding")(words)
    np.testing.assert_allclose(reader.stack(vectors), expected, atol=1e-6)
    tagger = rnnkit.EntityRecognizer(pretrained=source, bidirectional=False, char_units=3)
    tagger.adapt([["What", "a", "plot"], ["Ada", "!"]], [["O", "O", "O"], ["B-P", "O"]])
    others = np.random.default_rng(0).normal(size=(1, 3, tagger.stack.projection.kernel.shape[0] - width))
    own = tagger.stack(np.concatenate([vectors, others], axis=-1).astype("float32"))
    np.testing.assert_allclose(own, expected, atol=1e-5)


def test_what_is_new_around_cells_is_said():
    model = rnnkit.SentimentClassifier(pretrained=language_model(cell="rg_lru"))
    with pytest.warns(UserWarning, match="what block='griffin' has around them is new"):
        model.adapt(TEXTS, LABELS)


@pytest.mark.parametrize("tokenization", ["words", "subwords"])
def test_an_encoder_begins_with_its_states(pretrained, tokenization, tmp_path):
    source = pretrained if tokenization == "words" else language_model(tokenization=tokenization, vocabulary_size=300)
    model = rnnkit.Translator(pretrained=source)
    data = ["What a bad plot!", "A good Ada."] * 2, ["Was für eine Handlung!", "Eine gute Ada."] * 2
    model.adapt(*data)
    [numbers, _] = model.encode({"source": data[0][:2]}, target=False)["x"]["source"]
    assert list(numbers[:-1]) == source.tokens.encode(data[0][:1])[0]
    own = model.stack(model.network.get_layer("source_embedding")(numbers[None]))
    np.testing.assert_allclose(own, states(source, list(numbers)), atol=1e-6)
    assert ("ada" in model.source_subwords.entries) == (tokenization == "words")
    model.save(tmp_path / "translator.keras")
    again = rnnkit.load(tmp_path / "translator.keras")
    assert again.get_config() == model.get_config()
    assert again.source_subwords.to_config() == model.source_subwords.to_config()


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


def test_a_file_that_this_version_cannot_read_is_named(pretrained, tmp_path):
    pretrained.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as old, zipfile.ZipFile(tmp_path / "newer.keras", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"softmax": "full"', b'"softmax": "newer"'))
    with pytest.raises(OSError, match=r"pretrained: .*newer.keras cannot be read as a Keras model: softmax: expected"):
        rnnkit.EntityRecognizer(pretrained=tmp_path / "newer.keras")


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
    for task, options, message in [
        (rnnkit.EntityRecognizer, {"pretrained": characters}, "what is read on both sides"),
        (rnnkit.EntityRecognizer, {"pretrained": forward}, "direction='both', or give bidirectional=False"),
        (rnnkit.EntityRecognizer, {"pretrained": pretrained, "embedding_dim": 7}, "embedding_dim: .* has 5, got 7"),
        (rnnkit.Translator, {"pretrained": characters}, "expected a language model of words or subwords"),
        (rnnkit.Translator, {"pretrained": pretrained, "tokenization": "bytes"}, "tokenization: .* has words"),
        (rnnkit.Translator, {"pretrained": pretrained, "shared_vocabulary": True}, "Leave one out"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            task(**options)
    with pytest.raises(OSError, match="missing.keras"):
        rnnkit.EntityRecognizer(pretrained="missing.keras")
