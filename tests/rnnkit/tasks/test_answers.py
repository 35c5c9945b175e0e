"""Answers through compiled functions: how often they are traced, and that they follow the model."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rnnkit
from rnnkit.layers import RecurrentStack
from rnnkit.tasks.task import Task

WORDS = ["good", "bad", "film", "plot", "not", "indeed", "Ada", "London", "met"]
LONG = [" ".join(np.random.default_rng(n).choice(WORDS, n)) for n in range(1, 201)]
TEXTS, LABELS = LONG[:6], ["yes", "no"] * 3
TAGS = [["B-X" if word == "Ada" else "O" for word in text.split()] for text in LONG[5:11]]


@pytest.fixture
def classifier():
    model = rnnkit.SentimentClassifier(units=2, embedding_dim=2)
    model.adapt(TEXTS, LABELS)
    return model


@pytest.fixture
def recognizer():
    model = rnnkit.EntityRecognizer(units=2, embedding_dim=2, char_units=2, crf=False)
    model.adapt([text.split() for text in LONG[5:11]], TAGS)
    return model


def counted(monkeypatch, owner):
    """A list that grows with each call of the layer's Python code, which is a trace where it is compiled."""
    traces, call = [], owner.call
    monkeypatch.setattr(owner, "call", lambda *args, **options: traces.append(1) or call(*args, **options))
    return traces


def scores(model, texts=TEXTS):
    return [model.classify(text).score for text in texts]


def best(model, texts=TEXTS):
    return model.predict(texts, verbose=0, callbacks=[]).max(axis=1)  # by Keras' own loop


def test_texts_of_all_lengths_are_classified_in_one_trace(classifier, monkeypatch):
    traces = counted(monkeypatch, Task)
    for text in [*LONG[::10], "", LONG[-1]]:
        classifier.classify(text)
    classifier.classify(LONG[:9])
    assert len(traces) == 1


def test_texts_of_all_lengths_are_tagged_in_one_trace(recognizer, monkeypatch):
    traces = counted(monkeypatch, RecurrentStack)
    for text in [*LONG[::10], LONG[-1]]:
        recognizer.tag(text)
    recognizer.tag(LONG[:9])
    assert len(traces) == 1


def test_answers_are_those_of_keras_own_loop(classifier):
    np.testing.assert_allclose(scores(classifier), best(classifier), atol=1e-6)
    np.testing.assert_allclose([each.score for each in classifier.classify(TEXTS)], best(classifier), atol=1e-6)


def test_answers_follow_the_weights(classifier, untraced, tmp_path):
    before = scores(classifier)
    with untraced():
        classifier.fit(TEXTS, LABELS, epochs=1, verbose=0)
    trained = scores(classifier)
    assert not np.allclose(trained, before, atol=1e-4)
    np.testing.assert_allclose(trained, best(classifier), atol=1e-6)
    classifier.save(tmp_path / "model.keras")
    for other in (rnnkit.load(tmp_path / "model.keras"), copy.deepcopy(classifier)):
        np.testing.assert_allclose(scores(other), trained, atol=1e-6)
        other.set_weights([0 * weight for weight in other.get_weights()])
        np.testing.assert_allclose(scores(other), 0.5)
    np.testing.assert_allclose(scores(classifier), trained)


def test_threads_share_one_trace_and_get_their_own_answers(classifier, monkeypatch):
    traces = counted(monkeypatch, Task)
    texts = LONG[:16:2] * 3
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: classifier.classify(text).score, texts))
    assert len(traces) == 1
    np.testing.assert_allclose(found, scores(classifier, texts), atol=1e-6)


def test_answers_in_half_precision_are_those_of_keras_own_loop():
    model = rnnkit.SentimentClassifier(units=2, embedding_dim=2, dtype="mixed_float16")
    model.adapt(TEXTS, LABELS)
    np.testing.assert_allclose(scores(model), best(model), atol=1e-3)
