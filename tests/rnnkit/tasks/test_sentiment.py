import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

import rnnkit
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError, ModelFileError
from rnnkit.tasks.sentiment.scores import score_classes

pytestmark = pytest.mark.usefixtures("untraced_fits")  # this is about what surrounds a training

TEXTS = ["good film", "bad film indeed", "not good", "not bad at all", "good good", "a bad, bad plot"]
LABELS = ["positive", "negative"] * 3


def small(**options):
    keras.utils.set_random_seed(0)
    return rnnkit.SentimentClassifier(**{"units": 3, "embedding_dim": 3, **options})


@pytest.fixture(scope="module")
def model():
    model = small()
    model.fit(TEXTS, LABELS, epochs=1, verbose=0)
    return model


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
@pytest.mark.usefixtures("traced_fits")
def test_learns_word_order_and_reloads(pooling, tmp_path):
    order = ["not good but bad", "not bad but good"]
    model = small(units=8, embedding_dim=8, pooling=pooling, dropout=0.0, word_dropout=0.0)
    model.compile(optimizer=rnnkit.LazyAdam(0.02))
    model.fit(order * 8, ["negative", "positive"] * 8, epochs=25, batch_size=8, verbose=0)
    assert [answer.label for answer in model.classify(order)] == ["negative", "positive"]
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.classify(order) == model.classify(order)


def test_texts_without_blanks_between_words():
    places, endings = ["新开的咖啡馆", "昨天的电影", "这本书", "那家餐厅"], {"非常好": "pos", "真难看": "neg"}
    rows = [(f"我觉得{place}{ending}。", label) for place in places for ending, label in endings.items()]
    model = small(units=8, embedding_dim=8, dropout=0.0, word_dropout=0.0)
    model.compile(optimizer=rnnkit.LazyAdam(0.02))
    model.fit(*zip(*rows, strict=True), epochs=12, batch_size=4, verbose=0)
    assert [answer.label for answer in model.classify(["他说火车非常好。", "他说火车真难看。"])] == ["pos", "neg"]


@keras.saving.register_keras_serializable(package="test_sentiment")
def by_semicolons(text):
    return text.split(";")


def test_a_tokenizer_of_the_users(tmp_path):
    model = small(tokenizer=by_semicolons)
    model.fit(["good film;yes", "Bad film;no"], ["a", "b"], epochs=1, verbose=0)
    assert model.vocabulary.words == ["bad film", "good film", "no", "yes"]
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.tokenizer is by_semicolons
    assert again.classify("good film;no") == model.classify("good film;no")
    with pytest.raises(DataError, match="tokenizer: expected a list of strings for a text, got 3"):
        small(tokenizer=lambda text: [3]).fit(TEXTS, LABELS, epochs=1)


def test_three_classes_of_any_kind():
    for labels in (["low", "mid", "high"], [0, 1, 2], [1.0, 2.0, 3.0]):
        model = small()
        model.fit(TEXTS, labels * 2, epochs=1, verbose=0)
        assert model.labels == sorted(labels)
        scores = model.predict(TEXTS, verbose=0)
        assert scores.shape == (6, 3)
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
        answer = model.classify("good")
        assert answer.label in labels
        assert answer.score == pytest.approx(model.predict("good", verbose=0).max())


def test_classify_answers_in_order(model):
    for answer, text in zip(model.classify(TEXTS, batch_size=2), TEXTS, strict=True):
        alone = model.classify(text)
        assert answer.label == alone.label
        assert answer.score == pytest.approx(alone.score, abs=1e-6)


def test_a_tuple_of_two_texts_is_two_texts(model):
    assert [answer.label for answer in model.classify(tuple(TEXTS[:2]))] == [
        answer.label for answer in model.classify(TEXTS[:2])
    ]
    assert model.predict(tuple(TEXTS[:2]), verbose=0).shape == (2, 2)
    assert model.predict((TEXTS, LABELS), verbose=0).shape == (6, 2)  # a pair of texts and labels stays one


def test_padding_and_neighbours_never_change_an_answer(model):
    alone = model.predict(["bad film"], verbose=0)
    beside = model.predict(["bad film", "word " * 300], verbose=0)
    np.testing.assert_allclose(alone[0], beside[0], atol=1e-6)


def test_any_text_is_trained_on_and_answered(model):
    names = {
        "empty": "",
        "blank": "   \n",
        "emoji": "👍🏽🎬",
        "combining": "cafe\u0301",
        "right-to-left": "فيلم رائع جدا",
        "invisible": "\u200b",
        "nul": "\x00",
        "one long word": "a" * 50_000,
        "marks": "?!",
    }
    texts = list(names.values())
    fresh = small()
    fresh.fit(texts, (LABELS * 2)[: len(texts)], epochs=1, batch_size=2, verbose=0)
    for name, text in names.items():
        assert 0 <= model.classify(text).score <= 1, name
        assert 0 <= fresh.classify(text).score <= 1, name


@pytest.mark.usefixtures("traced_fits")
def test_a_very_long_text_is_read_to_its_end():
    model = small(units=1, bidirectional=False, pooling="last", cell="simple_rnn")
    model.fit([*TEXTS, "good " * 1_000], [*LABELS, "positive"], epochs=1, verbose=0)
    filler = "good " * 99_999
    scores = model.predict([filler + word for word in ("good", "bad")], verbose=0)
    assert np.isfinite(scores).all()
    assert not np.array_equal(scores[0], scores[1])


def test_cutting_happens_only_when_asked_and_is_said():
    model = small(max_length=2)
    with pytest.warns(UserWarning, match="4 of 6 texts are cut to their first 2 words"):
        model.fit(["a b", "a b c", "a b c d", "a", "b a c", "c b a"], LABELS, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match="1 of 2"):
        scores = model.predict(["a b", "a b c"], verbose=0)
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)


def test_a_class_weight_for_no_class_is_named(model):
    with pytest.raises(ArgumentError, match=r"class_weight: .* of negative, positive, got \['neutral'\]"):
        model.fit(TEXTS, LABELS, class_weight={"neutral": 2.0}, verbose=0)


def test_class_weight_by_name_equals_class_weight_by_number():
    weights = []
    for class_weight in ({"negative": 0.0, "positive": 2.0}, {0: 0.0, 1: 2.0}):
        model = small()
        model.fit(TEXTS, LABELS, class_weight=class_weight, epochs=1, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_vectors_of_ones_own(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 2\nunseen 3 4\n", encoding="utf-8")
    model = small(vectors=path)
    model.adapt(TEXTS, LABELS)
    table = np.array(model.network.get_layer("embedding").embeddings)
    assert table.shape[1] == 2
    np.testing.assert_array_equal(table[model.vocabulary.encode(["good"])[0]], [1, 2])
    path.unlink()
    model.save(tmp_path / "model.keras")
    rnnkit.load(tmp_path / "model.keras").predict(TEXTS, verbose=0)


def test_a_small_vocabulary():
    model = small(min_count=2, max_words=2)
    model.adapt(TEXTS, LABELS)
    assert model.vocabulary.words == ["bad", "good"]


@pytest.mark.parametrize(
    ("texts", "labels", "named"),
    [
        ([], [], "empty"),
        (TEXTS, LABELS[:5], "6 and 5"),
        (TEXTS, ["positive"] * 6, "two or more classes"),
        (TEXTS, [*LABELS[:5], None], "None in row 5"),
        (TEXTS, [0, 1, 0, 1, float("nan"), 1], "nan in row 4"),
        (TEXTS, pd.Series([0, 1, None, 1, 0, 1]), "nan in row 2"),
        (TEXTS, [0, 1, "2", 1, 0, 1], "one kind"),
        (TEXTS, np.eye(2)[[0, 1] * 3], "one-hot rows give y.argmax"),
        (TEXTS * 5, np.arange(30) / 7, "30 different values in 30 rows"),
        ([*TEXTS[:5], None], LABELS, "None in row 5"),
        ([*TEXTS[:5], 3], LABELS, "3 in row 5"),
        (Dataset({"text": TEXTS}), None, "label is missing"),
        (pd.DataFrame({"review": TEXTS, "label": LABELS}), None, "text is missing.*review"),
        (TEXTS, None, "Give y"),
    ],
)
def test_bad_training_data_is_named(texts, labels, named):
    with pytest.raises(DataError, match=named):
        small().fit(texts, labels, verbose=0)


def test_labels_unseen_in_training_are_named(model):
    with pytest.raises(DataError, match=r"neutral.*not seen in training.*'negative', 'positive'"):
        model.evaluate(TEXTS, [*LABELS[:5], "neutral"], verbose=0)
    with pytest.raises(DataError, match="neutral"):
        model.fit(TEXTS, LABELS, validation_data=(TEXTS, ["neutral"] * 6), epochs=1, verbose=0)


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "sum"},
        {"dropout": 1.5},
        {"units": -1},
        {"recurrent_initializer": "chrono", "cell": "SimpleRNN"},
        {"embedding_dim": 0},
        {"word_dropout": 1.0},
        {"min_count": 0},
        {"max_words": -1},
        {"max_length": 0},
    ],
)
def test_bad_arguments_are_named(options):
    with pytest.raises(ArgumentError, match=next(iter(options))):
        small(**options)


def test_a_foreign_or_damaged_model_file_is_named(model, tmp_path):
    whole = tmp_path / "model.keras"
    model.save(whole)
    cut, text, foreign = tmp_path / "cut.keras", tmp_path / "text.keras", tmp_path / "foreign.keras"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    text.write_text("no model", encoding="utf-8")
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("hello.txt", "hello")
    for path in (cut, text, foreign, tmp_path / "missing.keras"):
        with pytest.raises(ModelFileError, match=path.name):
            rnnkit.load(path)


def complaints(count, rng):
    """Texts of ten words, one of which tells, of two classes 96 : 4."""
    filler = ["the", "a", "this", "very", "quite", "really", "today", "there", "people", "room", "staff", "table"]
    texts, labels = [], []
    for row in range(count):
        rare = row % 25 == 0
        words = [rng.choice(filler) for _ in range(10)]
        words[rng.integers(10)] = rng.choice(["broken", "dirty", "late"] if rare else ["fine", "clean", "good"])
        texts.append(" ".join(words))
        labels.append("complaint" if rare else "ok")
    return texts, labels


@pytest.mark.usefixtures("traced_fits")
def test_a_rare_class_is_found_when_training_stops_by_itself():
    rng = np.random.default_rng(0)
    train, valid = complaints(1000, rng), complaints(400, rng)
    model = small(units=8, embedding_dim=16, bidirectional=False)
    history = model.fit(*train, validation_data=valid, verbose=0).history
    assert model.monitor == ("val_macro_f1", "max")
    assert model.floor == pytest.approx(2 * 384 / (384 + 400) / 2)
    assert model.ended_at_floor is False
    assert history["val_macro_f1"][0] == pytest.approx(model.floor)  # where accuracy stands still at 0.96
    scores = model.score(*valid)
    assert scores.to_frame().loc["complaint", "recall"] > 0.9
    assert scores.macro_f1 == pytest.approx(max(history["val_macro_f1"]), abs=1e-6)


def test_a_training_that_ends_at_the_floor_says_so():
    model = small(units=1, embedding_dim=1, max_words=1)
    model.compile(keras.optimizers.SGD(0.0))
    model.max_epochs = 4
    with pytest.warns(UserWarning, match="val_accuracy did not leave 0.5, .* in 4 epochs"):
        model.fit(["same"] * 4, [0, 1] * 2, validation_data=(["same"] * 4, [0, 1] * 2), verbose=0)
    assert model.ended_at_floor


def test_equal_classes_are_watched_by_accuracy():
    model = small()
    model.adapt(TEXTS, LABELS)
    assert model.monitor == ("val_accuracy", "max")
    assert model.score_floor(Dataset({"text": TEXTS, "label": ["positive"] * 4 + ["negative"] * 2})) == 4 / 6
    assert model.score_floor(Dataset({"text": TEXTS, "label": ["positive"] * 6})) is None


def test_balanced_classes_weigh_the_same_in_sum():
    labels, own = ["positive"] * 4 + ["negative"] * 2, np.arange(1.0, 7.0)
    by_class = np.array([0.75] * 4 + [1.5] * 2)
    weights = []
    for options in ({"class_weight": "balanced", "sample_weight": own}, {"sample_weight": own * by_class}):
        model = small()
        model.fit(TEXTS, labels, epochs=1, verbose=0, **options)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_labels_are_known_as_text_and_as_numbers():
    model = small()
    model.fit(pd.Series(TEXTS), pd.Series([1, 5] * 3), epochs=1, verbose=0)
    expected = model.evaluate(TEXTS, [1, 5] * 3, verbose=0)
    for labels in (["1", "5"] * 3, [1.0, 5.0] * 3, np.array([1, 5] * 3, "int8")):
        assert model.evaluate(TEXTS, labels, verbose=0) == expected
    with pytest.raises(DataError, match=r"the labels '7' were not seen in training; the model knows 1, 5"):
        model.evaluate(TEXTS, ["1", "7"] * 3, verbose=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    labels, gold = list("abc"[:classes]), rng.integers(classes, size=200)
    probabilities = rng.dirichlet(np.ones(classes), 200).round(2)  # with ties
    found, said = score_classes(labels, gold, probabilities), probabilities.argmax(axis=1)
    report = metrics.classification_report(gold, said, target_names=labels, output_dict=True)
    frame = found.to_frame()
    for label in labels:
        assert frame.loc[label, ["precision", "recall", "f1", "support"]].tolist() == pytest.approx(
            [*report[label].values()]
        )
    precision = [metrics.average_precision_score(gold == number, probabilities[:, number]) for number in range(classes)]
    np.testing.assert_allclose(frame["average_precision"], precision)
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(gold, said))
    expected = {
        "accuracy": report["accuracy"],
        "macro_f1": report["macro avg"]["f1-score"],
        "weighted_f1": report["weighted avg"]["f1-score"],
        "average_precision": precision[1] if classes == 2 else np.mean(precision),
    }
    expected |= {"auc": metrics.roc_auc_score(gold, probabilities[:, 1])} if classes == 2 else {}
    assert found.metrics == pytest.approx(expected)


def test_scores_of_a_class_that_does_not_occur_leave_it_out():
    gold, probabilities = np.zeros(4, int), np.array([[0.9, 0.1, 0.0]] * 3 + [[0.2, 0.8, 0.0]])
    found = score_classes(["a", "b", "c"], gold, probabilities)
    assert found.macro_f1 == pytest.approx(metrics.f1_score(gold, probabilities.argmax(axis=1), average="macro"))
    assert found.metrics["average_precision"] == 1.0
    assert np.isnan(score_classes(["a", "b"], gold, probabilities[:, :2]).auc)


def test_a_model_scores_raw_data_and_shows_its_worst_errors_first(model):
    data = Dataset({"text": TEXTS, "label": LABELS})
    scores = model.score(data)
    assert scores.accuracy == pytest.approx(model.evaluate(data, verbose=0, return_dict=True)["accuracy"])
    assert scores.confusion.to_numpy().sum() == len(TEXTS)
    wrong = model.worst_errors(data, rows=2)
    assert (wrong["label"] != wrong["predicted"]).all()
    every = [each.score for each, label in zip(model.classify(TEXTS), LABELS, strict=True) if each.label != label]
    assert wrong["score"].tolist() == pytest.approx(sorted(every, reverse=True)[:2])


@pytest.mark.parametrize("classes", [2, 3])
def test_any_metric_of_keras_can_be_compiled(classes, tmp_path):
    model = small()
    labels = [0, 1, 2, 0, 1, 2] if classes == 3 else [0, 1] * 3
    given = [keras.metrics.AUC(), "Precision", keras.metrics.F1Score(average="macro"), "TopKCategoricalAccuracy"]
    model.compile(metrics=["accuracy", *given])
    model.fit(TEXTS, labels, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    for each in (model, rnnkit.load(tmp_path / "model.keras")):
        found = each.evaluate(TEXTS, labels, verbose=0, return_dict=True)
        probabilities = each.predict(TEXTS, verbose=0)
        said = probabilities.argmax(axis=1)
        assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, said))
        assert found["f1_score"] == pytest.approx(metrics.f1_score(labels, said, average="macro", zero_division=0))
        if classes == 2:
            assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities[:, 1]), abs=0.01)
            assert found["precision"] == pytest.approx(metrics.precision_score(labels, said, zero_division=0))


@pytest.mark.realdata
@pytest.mark.usefixtures("traced_fits")
def test_real_sentences_are_learned(public_data):
    train, valid, _ = rnnkit.datasets.load("sst2")
    keras.utils.set_random_seed(0)
    model = rnnkit.SentimentClassifier(units=16, embedding_dim=32, cell="gru")
    model.compile(optimizer=rnnkit.LazyAdam(3e-3))
    model.fit(train, epochs=3, batch_size=64, verbose=0)
    assert model.evaluate(valid, verbose=0, return_dict=True)["accuracy"] > 0.7
