"""Streams of the tasks: what is known after each piece, against what is known of the whole."""

import itertools
import json

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.errors import ArgumentError, DataError
from rnnkit.layers.pooling import POOLINGS
from rnnkit.tasks.entities.schemes import check_tags, repair
from rnnkit.tasks.sentiment.networks import BagOfWords

TEXTS = ["not a good film", "a bad film indeed", "good", "what a plot"]
SENTENCE = ["Ada", "Lovelace", "met", "him", "in", "London", "town"]
TAGS = ["B-P", "I-P", "O", "O", "O", "B-L", "I-L"]


@pytest.fixture(autouse=True)
def _untraced(untraced_test):
    pass


def classifier(**options):
    model = rnnkit.SentimentClassifier(units=3, embedding_dim=2, bidirectional=False, **options)
    model.adapt(TEXTS, ["yes", "no"] * 2)
    return model


def recognizer(**options):
    options = {"units": 3, "embedding_dim": 2, "char_units": 2, "bidirectional": False, **options}
    model = rnnkit.EntityRecognizer(**options)
    model.adapt([SENTENCE, SENTENCE[::-1]], [TAGS, ["O"] * 7])
    for weight in model.weights:
        weight.assign(np.random.default_rng(len(weight.shape)).normal(size=weight.shape) * 2)
    return model


@pytest.mark.parametrize("pooling", POOLINGS)
def test_classes_after_each_word_are_those_of_the_text_so_far(pooling):
    model = classifier(pooling=pooling)
    words = ["a", "film", "not", "good", "indeed"]
    expected = model.predict([" ".join(words[:end]) for end in range(1, 6)], verbose=0)
    stream = model.stream()
    found = [stream.push("a"), stream.push(["film", "not"]), stream.push(""), stream.push("Good indeed")]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-6)
    [alone] = stream.push("plot")
    stream.reset()
    assert not np.allclose(stream.push("plot")[0], alone, atol=1e-5)


def test_texts_side_by_side_are_read_each_by_itself():
    model = classifier()
    stream = model.stream(batch_size=2)
    found = [stream.push(["a", ["not"]]), stream.push(["bad film", "good film"])]
    expected = [model.predict([text], verbose=0)[0] for text in ("a bad film", "not good film")]
    np.testing.assert_allclose(np.concatenate(found, axis=1)[:, -1], expected, atol=1e-6)
    with pytest.raises(DataError, match=r"words: expected 2 texts with equally many words, got \[1, 2\] words"):
        stream.push(["a", "a film"])
    with pytest.raises(DataError, match="words: expected a text or a list of words"):
        model.stream().push([3])


@pytest.mark.parametrize("options", [{}, {"crf": False}, {"scheme": "IOB2", "chars": None}])
def test_tags_with_the_whole_sentence_ahead_are_those_of_the_best_path(options):
    model = recognizer(**options)
    stream = model.stream(lookahead=7)
    for _ in range(2):
        assert stream.push(SENTENCE[:3]) + stream.push(SENTENCE[3:]) == []
        assert stream.finish() == model.predict_tags([SENTENCE])[0]


@pytest.mark.parametrize("lookahead", [0, 1, 2])
def test_a_tag_is_that_of_the_best_path_through_the_words_ahead(lookahead):
    """By brute force over all paths, from the tag that is settled."""
    model = recognizer()
    names, crf = model.tags, model.network.get_layer("crf")
    start, end, moves = map(np.array, crf.constrained())
    emissions = keras.Model(model.network.input, model.network.get_layer("emissions").output)
    scores = np.array(emissions(model.network_inputs([SENTENCE])))[0]
    expected, before = [], None
    for place in range(7):
        ahead = scores[place : place + 1 + lookahead]
        best = max(
            itertools.product(range(len(names)), repeat=len(ahead)),
            key=lambda path: (
                (start if before is None else moves[before])[path[0]]
                + ahead[range(len(path)), path].sum()
                + moves[path[:-1], path[1:]].sum()
                + (end[path[-1]] if place + lookahead >= 7 else 0)
            ),
        )
        expected.append(names[before := best[0]])
    stream = model.stream(lookahead)
    settled = [stream.push([word]) for word in SENTENCE]
    assert [len(tags) for tags in settled] == [0] * lookahead + [1] * (7 - lookahead)
    found = [*itertools.chain(*settled), *stream.finish()]
    assert found == repair(expected, "IOB2")
    check_tags(found, "IOB2")


def test_sentences_side_by_side_are_tagged_each_by_itself():
    model = recognizer()
    stream = model.stream(2, batch_size=2)
    rows = [SENTENCE, SENTENCE[::-1]]
    found = [stream.push(rows), stream.finish()]
    for row, words in enumerate(rows):
        alone = model.stream(2)
        assert alone.push(words) + alone.finish() == found[0][row] + found[1][row]


def test_the_state_of_a_sentence_goes_on_in_the_model_from_a_file(tmp_path):
    model = recognizer()
    model.save(tmp_path / "model.keras")
    stream, other = model.stream(), rnnkit.load(tmp_path / "model.keras").stream()
    stream.push(SENTENCE[:4])
    saved = json.dumps([each.tolist() for each in keras.tree.flatten(stream.state)])
    other.state = [np.array(each) for each in json.loads(saved)]
    assert stream.push(SENTENCE[4:]) + stream.finish() == other.push(SENTENCE[4:]) + other.finish()
    with pytest.raises(DataError, match=r"state: .*another model"):
        other.state = model.stream(lookahead=3).state


def test_what_cannot_be_streamed_says_what_to_choose():
    for model in (rnnkit.SentimentClassifier(units=2), rnnkit.EntityRecognizer(units=2)):
        with pytest.raises(ArgumentError, match="Call fit or adapt first"):
            model.stream()
        given = (TEXTS, ["yes", "no"] * 2) if model.rank == 0 else ([SENTENCE], [TAGS])
        model.adapt(*given)
        with pytest.raises(ArgumentError, match="bidirectional=False"):
            model.stream()
    words = BagOfWords()
    words.adapt(TEXTS, ["yes", "no"] * 2)
    with pytest.raises(ArgumentError, match="has no recurrent layer"):
        words.stream()


@pytest.mark.parametrize("task", [rnnkit.Translator, rnnkit.MemoryModel])
def test_a_task_that_needs_the_whole_sequence_says_so(task):
    with pytest.raises(ArgumentError, match=rf"stream: {task.__name__} answers when a sequence is whole.*stack.stream"):
        task(units=3).stream()


@pytest.mark.parametrize("head", ["independent", "joint"])
def test_the_next_frame_has_the_probabilities_that_predict_gives(head):
    rolls = np.random.default_rng(0).integers(0, 2, (2, 5, 88), "int8")
    model = rnnkit.MusicGenerator(head, "gru", 3, embedding_dim=2, head_units=2)
    model.adapt(list(rolls))
    expected = model.predict(list(rolls))
    stream, first = model.stream(), []
    for frame in rolls[0]:
        first.append(stream.given(frame))
        pushed = stream.push(frame[None])[0]
        np.testing.assert_allclose(pushed, stream.given(), atol=1e-6)
    np.testing.assert_allclose(first, expected[0], atol=1e-6)
    both = model.stream(batch_size=2)
    found = [both.push(rolls[:, :2]), both.push(rolls[:, 2:])]
    np.testing.assert_allclose(found[1][0, -1], pushed, atol=1e-6)
    both.reset()
    np.testing.assert_allclose(both.given(rolls[:, 0]), [each[0] for each in expected], atol=1e-6)
    with pytest.raises(DataError, match=r"frames: expected 0 and 1, shape \(2, frames, 88\), got shape \(5, 88\)"):
        both.push(rolls[0])


def test_a_text_is_read_and_written_on():
    model = rnnkit.LanguageModel(units=3, embedding_dim=2)
    model.adapt(TEXTS)
    expected = model.predict(["g", "go", "good"])
    stream, prompted = model.stream(length=40, seed=3), model.stream("go", length=40, seed=3)
    found = np.concatenate([stream.push("g"), stream.push(""), stream.push("o")])
    np.testing.assert_allclose(found, expected[:2], atol=1e-6)
    np.testing.assert_allclose(prompted.push("od")[-1], expected[2], atol=1e-6)
    other = model.stream(length=40, seed=3)
    other.state = stream.state
    assert "".join(other) == "".join(stream)


def test_what_was_written_has_been_read():
    """Blocks are drawn beyond the end of what is asked for."""
    model = rnnkit.LanguageModel(units=3, embedding_dim=2)
    model.adapt(TEXTS)
    stream = model.stream("go", length=5, seed=3, ends=False)
    written = "go" + "".join(stream)
    assert len(written) == 7
    [probabilities] = stream.push("d")
    np.testing.assert_allclose(probabilities, model.predict([written + "d"])[0], atol=1e-6)
