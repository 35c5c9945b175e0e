import random
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import rnnkit
from rnnkit import datasets
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.translation.answers import Translation
from rnnkit.tasks.translation.decoder import Search
from rnnkit.tasks.translation.scores import score_translations
from rnnkit.text.tokenization import BEGIN, END
from rnnkit.text.vocabulary import PADDING, UNKNOWN

WORDS = {
    "red": "rot",
    "blue": "blau",
    "green": "grün",
    "dog": "Hund",
    "cat": "Katze",
    "runs": "läuft",
    "sleeps": "ruht",
}


def pairs(count, seed=0):
    """One to four words, and their translations in the opposite order."""
    rng = random.Random(seed)
    sources = [rng.choices(list(WORDS), k=rng.randint(1, 4)) for _ in range(count)]
    targets = [" ".join(WORDS[word] for word in reversed(source)) for source in sources]
    return [" ".join(source) for source in sources], targets


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = rnnkit.Translator(units=32, embedding_dim=32, dropout=0.0, vocabulary_size=300)
    model.compile(keras.optimizers.Adam(0.005, global_clipnorm=1.0))
    best = [model.best_epoch(10)]
    model.fit(*pairs(400), validation_data=pairs(60, seed=1), batch_size=16, epochs=10, callbacks=best, verbose=0)
    return model


@pytest.fixture(scope="module")
def untrained():
    """A model whose answers are long and differ from each other, and whose beams have much to choose from."""
    keras.utils.set_random_seed(1)
    model = rnnkit.Translator("lstm", units=8, embedding_dim=8, attention="additive", input_feeding=True)
    model.adapt(*pairs(50))
    for weight in model.trainable_weights:
        weight.assign(6 * weight)
    return model


def test_it_learns_to_translate_and_says_how_well(model):
    data = pairs(50, seed=2)
    found = model.evaluate(*data, verbose=0, return_dict=True)
    expected = score_translations(model.translate(data[0], beam=1), data[1])
    assert found["exact_match"] == expected.exact_match > 0.9
    assert (found["bleu"], found["chrf"]) == (expected.bleu, expected.chrf)
    assert model.evaluate(*data, verbose=0) == [pytest.approx(value) for value in found.values()]


def test_a_text_is_translated_sentence_by_sentence(model):
    sentences = ["red dog", "blue cat sleeps", "green dog runs"]
    text = "\n\n".join(sentences)
    assert model.translate(text) == "\n\n".join(model.translate(sentences))
    first, second = model.translate(sentences[:2], beam=3, n_best=3)
    best = model.translate("\n\n".join(sentences[:2]), beam=3, n_best=3)
    every = sorted((left.score + right.score for left in first for right in second), reverse=True)
    assert best[0].text == f"{first[0].text}\n\n{second[0].text}"
    assert [each.score for each in best] == pytest.approx(every[:3], abs=1e-4)


def test_longer_than_anything_in_training_is_told(model):
    long = " ".join(["red dog"] * 9)
    with pytest.warns(UserWarning, match="longest source in training"):
        model.translate(long, max_length=3)
    with pytest.warns(UserWarning, match="longest source in training"):
        model.translate("red dog\n\nblue cat runs", split_sentences=False, max_length=3)
    model.evaluate([long], ["rot"], verbose=0)


def test_a_target_without_blanks_is_learned_and_scored():
    keras.utils.set_random_seed(0)
    who, what = (
        {"i": "我", "you": "你", "he": "他"},
        {"see a cat": "看见猫", "want water": "要水", "like tea": "喜欢茶"},
    )
    rows = [(f"{a} {b}", f"{who[a]}{what[b]}。") for a in who for b in what]
    model = rnnkit.Translator(units=24, embedding_dim=24, dropout=0.0, vocabulary_size=300)
    model.compile(keras.optimizers.Adam(0.01))
    data = tuple(zip(*rows, strict=True))
    history = model.fit(*data, validation_data=data, validation_freq=12, epochs=36, verbose=0)
    assert max(history.history["val_bleu"]) > 50
    assert model.bleu_tokenizer == "zh"
    assert all(answer.endswith("。") and " " not in answer for answer in model.translate([row[0] for row in rows]))


def test_perplexity_and_loss_are_those_of_the_models_own_probabilities(model):
    data = pairs(20, seed=3)
    nats, subwords = 0.0, 0
    for source, target in zip(*data, strict=True):
        log_probabilities, numbers = forced(model, source, model.target_subwords.encode([target])[0])
        nats -= sum(log_probabilities)
        subwords += len(numbers)
    found = model.evaluate(*data, batch_size=7, verbose=0, return_dict=True)
    assert found["perplexity"] == pytest.approx(np.exp(nats / subwords), rel=1e-4)


def forced(model, source, numbers, never=()):
    """Log probabilities of given subwords and the end, one source at a time and unpadded, by the training network."""
    numbers = [*numbers, END]
    source = np.array([*model.source_subwords.encode([source])[0], END])[None]
    inputs = {"source": source, "target": np.array([[BEGIN, *numbers[:-1]]]), "lengths": np.array([source.shape[1]])}
    logits = np.array(model(inputs))[0].astype("float64")
    logits[:, list(never)] = -np.inf
    return [row[number] - np.logaddexp.reduce(row) for row, number in zip(logits, numbers, strict=True)], numbers


@pytest.mark.parametrize("which", ["model", "untrained"])
def test_the_score_of_a_hypothesis_is_its_probability_under_the_network(which, request):
    translator = request.getfixturevalue(which)
    sources = pairs(4, seed=4)[0]
    found = translator._search(sources, Search(beam=3, length_penalty=1.0), batch_size=8, max_length=8)
    for source, hypotheses in zip(sources, found, strict=True):
        assert len(hypotheses) == 3
        for numbers, score in hypotheses:
            assert numbers[-1] == END
            assert not set(numbers[:-1]) & {PADDING, UNKNOWN, BEGIN, END}
            log_probabilities, numbers = forced(translator, source, numbers[:-1], never=(PADDING, UNKNOWN, BEGIN))
            assert score == pytest.approx(sum(log_probabilities) / ((5 + len(numbers)) / 6), rel=1e-4, abs=1e-4)


@settings(max_examples=6)
@given(
    rows=st.lists(st.integers(0, 39), min_size=1, max_size=12),
    batch_size=st.integers(1, 13),
    options=st.sampled_from([{"beam": 1}, {"beam": 3, "n_best": 3, "coverage_penalty": 0.2}]),
)
def test_neither_batch_nor_padding_changes_an_answer(untrained, rows, batch_size, options):
    sources = pairs(40, seed=6)[0]
    asked = [sources[row] for row in rows]
    together = untrained.translate(asked, batch_size=batch_size, max_length=12, **options)
    for source, answer in zip(asked, together, strict=True):
        alone = untrained.translate(source, max_length=12, **options)
        if options["beam"] == 1:
            assert answer == alone
        else:
            assert [each.text for each in answer] == [each.text for each in alone]
            np.testing.assert_allclose([each.score for each in answer], [each.score for each in alone], atol=1e-4)


def test_a_loaded_model_gives_the_same_answers(untrained, tmp_path):
    sources = pairs(10, seed=7)[0]
    untrained.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    for options in ({"beam": 1}, {"beam": 4, "n_best": 2}, {"temperature": 1.0, "seed": 3}):
        assert again.translate(sources, **options) == untrained.translate(sources, **options)
    found = [each.attention_weights(sources[0]) for each in (again, untrained)]
    np.testing.assert_array_equal(found[0].weights, found[1].weights)


def test_draws_hang_on_the_seed_and_the_place_alone(untrained):
    sources = pairs(9, seed=8)[0]
    first = untrained.translate(sources, temperature=1.0, seed=5, max_length=10)
    assert untrained.translate(sources, temperature=1.0, seed=5, max_length=10, batch_size=2) == first
    assert untrained.translate(sources, temperature=1.0, seed=6, max_length=10) != first


def test_each_search_has_one_decoder(untrained, monkeypatch):
    untrained.translate("red dog", beam=2)
    made = []
    monkeypatch.setattr("rnnkit.tasks.translation.decoder.TranslationDecoder", lambda *_, **__: made.append(1))
    untrained.translate("red dog", beam=2)
    assert not made


def test_what_comes_back_has_the_form_that_was_asked_for(model):
    assert model.translate("red dog") == "Hund rot"
    assert model.translate(["red dog", "cat runs"]) == ["Hund rot", "läuft Katze"]
    best = model.translate("red dog", n_best=3)
    assert isinstance(best[0], Translation)
    assert best[0].text == "Hund rot"
    assert [each.score for each in best] == sorted((each.score for each in best), reverse=True)
    assert [len(each) for each in model.translate(["red dog", "cat"], n_best=2)] == [2, 2]
    limited = model.translate(["red dog cat runs"], max_length=1, beam=1)[0]
    assert len(model.target_subwords.encode([limited])[0]) <= 1
    frame = model.preview(datasets.Dataset(dict(zip(("source", "target"), pairs(10), strict=True))), rows=3)
    assert list(frame.columns) == ["source", "target", "predicted"]
    assert len(frame) == 3


@pytest.mark.parametrize("blank", ["", "   ", "\n"])
def test_a_blank_text_stays_an_empty_one_in_its_place(model, blank):
    assert model.translate(["red dog", blank, "cat"]) == [model.translate("red dog"), "", model.translate("cat")]


@pytest.mark.parametrize("text", ["日本語 dog", "Ωμέγα кот 🐈‍⬛", "d\u0301og\x00", "\u202e red"])
def test_characters_that_were_never_seen_are_read_byte_by_byte(model, text):
    assert isinstance(model.translate(text), str)


def test_a_thousand_words_go_through(model):
    with pytest.warns(UserWarning, match="longest source in training"):
        answer = model.translate(" ".join(["red", "dog"] * 500), beam=1, max_length=50)
    assert len(model.target_subwords.encode([answer])[0]) <= 50


def test_bad_arguments_are_named(model):
    with pytest.raises(ArgumentError, match="n_best: expected a whole number from 1 to 2, the beam.s width, got 3"):
        model.translate("red", beam=2, n_best=3)
    with pytest.raises(ArgumentError, match="beam"):
        model.translate("red", beam=0)
    with pytest.raises(ArgumentError, match="temperature"):
        model.translate("red", temperature=0)
    with pytest.raises(ArgumentError, match="max_length"):
        model.translate("red", max_length=0)
    with pytest.raises(DataError, match="row 1"):
        model.translate(["red", None])
    with pytest.raises(DataError, match="y: expected a text in every row, got None in row 0"):
        rnnkit.Translator().fit(["red"], [None])
    with pytest.raises(ArgumentError, match="embedding_dim"):
        rnnkit.Translator(embedding_dim=0)
    with pytest.raises(ArgumentError, match="omega"):
        rnnkit.Translator("gru", decoder_cell="lstm", omega=0.1)
    with pytest.raises(ArgumentError, match="tokenization"):
        rnnkit.Translator(tokenization="letters")
    with pytest.raises(ArgumentError, match="label_smoothing"):
        rnnkit.Translator(label_smoothing=1.0)
    with pytest.raises(ArgumentError, match="fit or adapt"):
        rnnkit.Translator().translate("red")


def test_attention_is_over_the_subwords_that_were_read_and_written(model):
    found = model.attention_weights("red dog")
    assert found.source == ["red", "dog", "[end]"]
    assert found.target == ["Hund", "rot", "[end]"]
    assert found.weights.shape == (3, 3)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-6)
    given = model.attention_weights("red dog", "Katze")
    assert given.target == ["Katze", "[end]"]
    figure = model.plot_attention("red dog")
    assert isinstance(figure, Figure)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == found.target
    np.testing.assert_array_equal(axis.images[0].get_array(), found.weights)


@pytest.mark.parametrize("shared", [False, True])
def test_without_attention_there_are_no_weights(shared):
    plain = rnnkit.Translator(units=4, embedding_dim=4, attention=None, shared_vocabulary=shared)
    plain.adapt(*pairs(20))
    assert isinstance(plain.translate("red dog", max_length=3, beam=2, coverage_penalty=0.1), str)
    with pytest.raises(ArgumentError, match="attention: this model has none"):
        plain.attention_weights("red dog")


@pytest.mark.parametrize(("shared", "tied", "matrices"), [(True, True, 1), (True, False, 2), (False, True, 2)])
def test_shared_and_tied_embeddings_are_one_matrix(shared, tied, matrices):
    model = rnnkit.Translator(units=4, embedding_dim=5, shared_vocabulary=shared, tied_embeddings=tied)
    model.adapt(*pairs(20))
    assert sum("embedding" in weight.path for weight in model.trainable_weights) == matrices


def test_text_of_the_other_language_is_noted(model):
    with pytest.warns(UserWarning, match="look like the language that this model translates into"):
        model.translate(pairs(30)[1], beam=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.translate(pairs(30)[0], beam=1)


def test_batches_of_equally_long_sources_do_not_fix_the_shape_of_all():
    sources = ["red dog cat"] * 8 + ["red"] * 4 + ["red dog cat"] * 4
    targets = ["a b c d"] * 4 + ["a"] * 4 + ["a b"] * 4 + ["a b c"] * 4
    model = rnnkit.Translator(units=3, embedding_dim=3)
    history = model.fit(sources, targets, validation_data=(sources, targets), batch_size=4, epochs=1, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
