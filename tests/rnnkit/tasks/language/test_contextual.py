"""Contextual string embeddings: a tagger that reads words with a language model of characters."""

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.text.tokenization import END

TEXTS = ["Ada met Grace.", "Grace met the naïve Ada!", "a plot, not a film"] * 6
TOKENS = [["Ada", "met", "Grace", "."], ["a", "naïve", "plot"], ["no", "Ada"], ["x" * 40, "met", "Ada"]]
TAGS = [["B-P", "O", "B-P", "O"], ["O", "O", "O"], ["O", "B-P"], ["O", "O", "B-P"]]


@pytest.fixture(scope="module", autouse=True)
def _untraced(untraced_fits):
    """What is looked at are vectors and files, and not the training."""


def language_model(**options):
    keras.utils.set_random_seed(0)
    settings = {"units": 6, "embedding_dim": 5, "direction": "both", "bptt_steps": 9, **options}
    model = rnnkit.LanguageModel(**settings)
    model.adapt(TEXTS)
    return model


@pytest.fixture(scope="module")
def pretrained():
    return language_model()


def last_state(model, index, text):
    """Of a direction of a language model that has read this text, each by itself and without padding."""
    numbers = [END, *model.tokens.encode([text])[0]]
    return np.array(model.stacks[index](model.embedding(np.array([numbers]))))[0, -1]


@pytest.mark.usefixtures("untraced_test")
@pytest.mark.parametrize("options", [{}, {"tokenization": "bytes", "cell": "gru", "layers": 2}, {"lowercase": True}])
def test_a_words_vector_is_what_was_read_up_to_its_last_and_down_to_its_first_character(options):
    source = language_model(**options)
    model = rnnkit.EntityRecognizer(pretrained=source, units=4)
    model.adapt(TOKENS, TAGS)
    found = model.network_inputs(TOKENS)["contexts"]
    for row, words in enumerate(TOKENS):
        for place in range(len(words)):
            before, behind = " ".join(words[: place + 1]), " ".join(words[place:])
            states = [last_state(source, 0, before), last_state(source, 1, behind[::-1])]
            if options.get("tokenization") == "bytes":
                numbers = [END, *source.tokens.encode([behind])[0][::-1]]
                states[1] = np.array(source.stacks[1](source.embedding(np.array([numbers]))))[0, -1]
            np.testing.assert_allclose(found[row, place], np.concatenate(states), atol=1e-3)
        assert not found[row, len(words) :].any()


@pytest.mark.usefixtures("untraced_test")
def test_one_file_holds_all_that_the_answer_needs(pretrained, tmp_path):
    pretrained.save(tmp_path / "characters.keras")
    model = rnnkit.EntityRecognizer(pretrained=tmp_path / "characters.keras", units=4)
    before = [np.array(each) for stack in pretrained.stacks for each in stack.get_weights()]
    model.fit(TOKENS, TAGS, validation_data=(TOKENS, TAGS), epochs=1, verbose=0)
    own = [np.array(each) for stack in model.contexts.stacks for each in stack.get_weights()]
    for each, other in zip(own, before, strict=True):  # it is not trained further
        np.testing.assert_array_equal(each, other)
    model.save(tmp_path / "tagger.keras")
    (tmp_path / "characters.keras").unlink()
    again = rnnkit.load(tmp_path / "tagger.keras")
    for found, expected in zip(again.predict(TOKENS), model.predict(TOKENS), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert again.tag("Ada met a plot.") == model.tag("Ada met a plot.")
    assert again.get_config() == model.get_config()


@pytest.mark.usefixtures("untraced_test")
def test_a_corpus_is_read_once_in_a_training(pretrained, monkeypatch):
    model, data = rnnkit.EntityRecognizer(pretrained=pretrained, units=4), rnnkit.datasets.Dataset
    train, valid = data({"tokens": TOKENS, "tags": TAGS}), data({"tokens": TOKENS[:1], "tags": TAGS[:1]})
    model.adapt(train)
    read, encode = [], model.contexts.encode
    monkeypatch.setattr(model.contexts, "encode", lambda sentences: [read.append(len(sentences)), encode(sentences)][1])
    model.fit(train, validation_data=valid, epochs=3, verbose=0)
    assert read == [len(TOKENS), 1]


def test_what_needs_a_whole_sentence_says_so(pretrained):
    model = rnnkit.EntityRecognizer(pretrained=pretrained, units=4, bidirectional=False)
    model.adapt(TOKENS, TAGS)
    for ask in (model.stream, model.one_step):
        with pytest.raises(ArgumentError, match="reads a sentence from its end too"):
            ask()


def test_what_does_not_suit_is_named_before_training(pretrained):
    forward = language_model(direction="forward")
    with pytest.raises(ArgumentError, match="what is read on both sides. Train it with direction='both'"):
        rnnkit.EntityRecognizer(pretrained=forward, bidirectional=False)
    with pytest.raises(ArgumentError, match="expected a language model of words, got one of characters"):
        rnnkit.SentimentClassifier(pretrained=pretrained)
    subwords = language_model(tokenization="subwords", vocabulary_size=300)
    with pytest.raises(ArgumentError, match="words or characters or bytes, got one of subwords"):
        rnnkit.EntityRecognizer(pretrained=subwords)
