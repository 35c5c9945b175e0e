"""The entity recognizer: what it takes, what it answers, and what it refuses."""

import itertools
import warnings

import keras
import numpy as np
import pandas as pd
import pytest

import rnnkit
from rnnkit import EntityRecognizer
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.layers.sequence import FORBIDDEN
from rnnkit.tasks.entities.decoding import TagDecoder, span_score
from rnnkit.tasks.entities.schemes import repair
from rnnkit.tasks.entities.spans import find_spans

PEOPLE, PLACES = ["Ada", "Charles Babbage", "Élise"], ["London", "New York", "Paris"]
SENTENCES = [f"{who} lives in {where} ." for who in PEOPLE for where in PLACES] + ["nobody is here ."]
TAGS = [
    " ".join(["B-PER"] + ["I-PER"] * who.count(" ") + ["O", "O", "B-LOC"] + ["I-LOC"] * where.count(" ") + ["O"])
    for who in PEOPLE
    for where in PLACES
] + ["O O O O"]
DATA = Dataset({"tokens": [each.split() for each in SENTENCES], "tags": [each.split() for each in TAGS]})
SMALL = {"units": 8, "embedding_dim": 8, "char_units": 4, "dropout": 0.0, "word_dropout": 0.0}


@pytest.fixture(scope="module")
def trained():
    """A model that knows its ten sentences by heart, and its history."""
    keras.utils.set_random_seed(0)
    model = EntityRecognizer(**SMALL)
    model.adapt(DATA)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    history = model.fit(DATA, validation_data=DATA, batch_size=4, epochs=25, verbose=0)
    return model, history.history


def test_entities_have_their_place_in_the_text(trained):
    model, _ = trained
    text = "E\u0301lise lives in New York. 👍🏽 Charles Babbage  lives in London."
    found = model.tag(text)
    assert [(entity.text, entity.label) for entity in found[-2:]] == [("Charles Babbage", "PER"), ("London", "LOC")]
    for entity in found:
        assert text[entity.start : entity.end] == entity.text
        assert 0 < entity.score <= 1


def test_texts_batches_token_lists_and_documents_agree(trained):
    model, _ = trained
    text = "Ada lives in Paris ."
    (person, place) = model.tag(text)
    assert (person[:4], place[:4]) == (("Ada", "PER", 0, 3), ("Paris", "LOC", 13, 18))
    first, nothing, again = model.tag([text, "", text])
    (tokens,) = model.tag([text.split()])
    assert nothing == []
    same = (np.array([text]), pd.Series([text], index=[7]), [np.array(text.split())], DATA.take([2]))
    for found in (first, again, tokens, *(model.tag(each)[0] for each in same)):
        assert [entity[:4] for entity in found] == [person[:4], place[:4]]
        assert [entity.score for entity in found] == pytest.approx([person.score, place.score], abs=1e-5)
    assert model.tag([]) == []
    document = "\n\n".join([text] * 40)
    found = model.tag(document, batch_size=7)
    assert len(found) == 80
    assert found[2].start == len(text) + 2
    assert {entity.text for entity in found} == {"Ada", "Paris"}
    assert found[-1].score == pytest.approx(place.score, abs=1e-5)


def test_validation_measures_f1_and_training_does_not(trained):
    model, history = trained
    assert {"val_f1", "val_precision", "val_recall", "val_loss", "loss"} <= set(history)
    assert not {"f1", "precision", "recall"} & set(history)
    scores = model.score(DATA)
    measured = model.evaluate(DATA, verbose=0, return_dict=True)
    assert scores.f1 == pytest.approx(measured["f1"]) == pytest.approx(history["val_f1"][-1])
    assert scores.f1 > 0.9
    assert list(scores.to_frame().index) == ["LOC", "PER", "total"]
    assert model.predict_tags(DATA["tokens"]) == DATA["tags"]


def test_other_sentences_in_the_batch_change_no_answer(trained):
    model, _ = trained
    long = ["Ada", "lives", "in", "Paris", "."] * 250
    together = model.predict([DATA["tokens"][0], long, DATA["tokens"][-1]])
    assert [len(each) for each in together] == [5, 1250, 4]
    for tokens, probabilities in zip([DATA["tokens"][0], long], together, strict=False):
        np.testing.assert_allclose(model.predict([tokens])[0], probabilities, atol=1e-5)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(("seed", "crf"), [(0, True), (1, True), (2, True), (3, False)])
def test_answers_are_those_of_all_paths_of_each_sentence(seed, crf):
    tags = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    random = np.random.default_rng(seed)
    given = {name: random.normal(size=shape) for name, shape in {"start": 5, "end": 5, "moves": (5, 5)}.items()}
    given["emissions"] = random.normal(size=(2, 4, 5)).astype("float32") * 2
    if crf:
        given["end"][seed] = given["moves"][2, seed] = FORBIDDEN
    else:
        given.update({name: given[name] * 0 for name in ("start", "end", "moves")})
    lengths = [4, 3]
    decoder = TagDecoder(lambda inputs: given, tags)
    inputs = {"lengths": np.array(lengths, "int32")}
    answers = {**decoder.probabilities(inputs), **decoder.entities(inputs)}
    np.testing.assert_array_equal(decoder.tags(inputs)["tags"], answers["tags"])
    for row, length in enumerate(lengths):
        decoded = {name: values[row, :length] for name, values in answers.items()}
        weights = {path: weight(path, given, row) for path in itertools.product(range(5), repeat=length)}
        best, total = max(weights, key=weights.get), sum(weights.values())
        assert list(decoded["tags"]) == list(best)
        for step, tag in itertools.product(range(length), range(5)):
            share = sum(each for path, each in weights.items() if path[step] == tag) / total
            assert decoded["probabilities"][step, tag] == pytest.approx(share, abs=1e-6)
        for span in find_spans([tags[tag] for tag in best]):
            own = slice(span.start, span.end)
            shares = [
                each
                for path, each in weights.items()
                if path[own] == best[own] and span in find_spans([tags[tag] for tag in path])
            ]
            assert span_score(span, decoded) == pytest.approx(sum(shares) / total, rel=1e-6)


def weight(path, given, row):
    """The exponential of a path's score, from the definition."""
    score = given["start"][path[0]] + given["end"][path[-1]]
    score += sum(given["emissions"][row, step, tag] for step, tag in enumerate(path))
    return np.exp(score + sum(given["moves"][a, b] for a, b in itertools.pairwise(path)))


def test_schemes_are_read_as_one():
    words = [["Ada", "Ada", "Lovelace", "in", "London"]]
    same = {
        "IOB2": ["B-P", "B-P", "I-P", "O", "B-L"],
        "IOB1": ["I-P", "B-P", "I-P", "O", "I-L"],
        "IOBES": ["S-P", "B-P", "E-P", "O", "S-L"],
    }
    numbers = []
    for tags in same.values():
        model = EntityRecognizer(**SMALL)
        model.adapt(words, [tags])
        numbers.append(model.encode(Dataset({"tokens": words, "tags": [tags]}))["y"][0].tolist())
    assert numbers[0] == numbers[1] == numbers[2]
    assert model.tags == ["O", *(f"{letter}-{label}" for label in "LP" for letter in "BIES")]
    assert repair([model.tags[number] for number in numbers[0]], "IOB2") == same["IOB2"]


def test_broken_tags_are_repaired_or_rejected_as_told():
    words, tags = DATA["tokens"] + [["in", "Paris"]], DATA["tags"] + [["O", "I-LOC"]]
    repaired = EntityRecognizer(**SMALL)
    repaired.adapt(words, tags)
    encoded = repaired.encode(Dataset({"tokens": words, "tags": tags}))
    assert [repaired.tags[number] for number in encoded["y"][-1]] == ["O", "S-LOC"]
    strict = EntityRecognizer(invalid="reject", **SMALL)
    with pytest.raises(DataError, match="sentence 10, position 1"):
        strict.adapt(words, tags)
    strict.adapt(DATA)
    for use in (strict.fit, strict.evaluate, strict.score):
        with pytest.raises(DataError, match="sentence 10, position 1"):
            use(words, tags)


@pytest.mark.parametrize(
    "options", [{"chars": "rnn", "scheme": "IOB2"}, {"chars": None, "crf": False, "cell": "gru", "layers": 2}]
)
def test_other_characters_schemes_and_outputs_train_and_come_back(options, tmp_path, untraced):
    model = EntityRecognizer(**SMALL, **options)
    with untraced():
        history = model.fit(DATA, validation_data=DATA, batch_size=4, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.tag(SENTENCES) == model.tag(SENTENCES)
    assert again.evaluate(DATA, verbose=0, return_dict=True)["f1"] == pytest.approx(model.score(DATA).f1)


def test_without_crf_the_tags_are_the_best_ones_word_by_word():
    model = EntityRecognizer(crf=False, **SMALL)
    model.adapt(DATA)
    encoded = model.encode(DATA.take([0]))
    logits = np.array(model.network({name: np.stack(column[:1]) for name, column in encoded["x"].items()}))[0]
    probabilities = model.predict(DATA["tokens"][:1])[0]
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-4)


def test_word_vectors_from_a_file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("ada 1 2 3\nparis 4 5 6\n", encoding="utf-8")
    model = EntityRecognizer(vectors=path, **SMALL)
    model.adapt(DATA)
    table = np.array(model.network.get_layer("embedding").embeddings)
    np.testing.assert_array_equal(table[model.vocabulary.encode(["ada", "paris"])], [[1, 2, 3], [4, 5, 6]])


def test_a_frame_of_lists_is_data():
    model = EntityRecognizer(**SMALL)
    model.adapt(pd.DataFrame({"tokens": DATA["tokens"], "tags": DATA["tags"]}))
    assert model.types == ["LOC", "PER"]


@pytest.mark.parametrize(
    ("tokens", "tags", "named"),
    [
        ([["a", "b"], ["c"]], [["O", "B-X"], ["O", "O"]], "sentence 1 has 1 tokens and 2 tags"),
        ([["a"], []], [["B-X"], []], "sentence 1 has no tokens"),
        ([["a"], "b c"], [["B-X"], ["O", "O"]], "list of tokens in every row, got 'b c' in row 1"),
        ([["a"], ["b"]], [["O"], ["O"]], "only the tag O"),
        ([["a"], ["b", 3]], [["B-X"], ["O", "O"]], "got 3 at 1 of sentence 1"),
        ([["a"], ["b"]], [["B-X"], ["PER"]], "sentence 1, position 0"),
        ([["a"], ["b"]], [["B-X"], "O"], "list of tags in every row"),
        ([["a"], ["b"]], [["B-X"]], "same number of examples"),
    ],
)
def test_bad_data_is_named_by_its_sentence(tokens, tags, named):
    with pytest.raises(DataError, match=named):
        EntityRecognizer(**SMALL).fit(tokens, tags, verbose=0)


def test_bad_arguments_and_unknown_types_are_named(trained):
    model, _ = trained
    with pytest.raises(DataError, match="types DATE, ORG were not seen in training; the model knows LOC, PER"):
        model.evaluate([["May", "in", "Acme"]], [["B-DATE", "O", "B-ORG"]], verbose=0)
    for texts in ([3], 3, None, {"Ada": 1}):
        with pytest.raises(DataError, match="texts"):
            model.tag(texts)
    for settings in ({"loss": "mse"}, {"metrics": ["accuracy"]}, {"weighted_metrics": ["accuracy"]}):
        with pytest.raises(ArgumentError, match=f"{next(iter(settings))}: .* got '(mse|accuracy)'"):
            model.compile(**settings)
    with pytest.raises(ArgumentError, match="class_weight"):
        model.fit(DATA, class_weight={"PER": 2.0}, verbose=0)
    wrong = {"scheme": "IOB1", "invalid": "keep", "chars": "lstm", "embedding_dim": 0, "word_dropout": 1.0}
    for name, value in {**wrong, "min_count": 0, "max_words": -1}.items():
        with pytest.raises(ArgumentError, match=name):
            EntityRecognizer(**{name: value})
    with pytest.raises(ArgumentError, match="char_units"):
        EntityRecognizer(chars="rnn", char_units=5).adapt(DATA)
    with pytest.raises(ArgumentError, match="fit or adapt"):
        EntityRecognizer().tag("Ada")


def test_one_type_is_enough():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = EntityRecognizer(**SMALL)
        model.fit([["Ada", "sat"]], [["B-PER", "O"]], epochs=1, verbose=0)
    assert model.tags == ["O", "B-PER", "I-PER", "E-PER", "S-PER"]
