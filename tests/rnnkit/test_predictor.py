import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import rnnkit
from rnnkit.errors import ArgumentError, DataError, ModelFileError

pytestmark = pytest.mark.usefixtures("untraced_test")
TEXTS = ["a good film", "a bad film", "good"]


def saved(model, folder):
    path = folder / f"{type(model).__name__}.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def reviews(folder):
    model = rnnkit.SentimentClassifier(units=4, bidirectional=False)
    model.adapt(TEXTS, ["positive", "negative", "positive"])
    return model, saved(model, folder)


def test_answers_are_those_of_classify_in_every_form_of_a_batch(reviews):
    model, path = reviews
    labels, scores = zip(*model.classify(TEXTS), strict=True)
    predict = rnnkit.Predictor(path, batch_size=2)
    found = predict({"id": np.arange(3), "text": np.array(TEXTS, object)})
    assert list(found) == ["id", "text", "predicted", "score"]
    assert found["predicted"].tolist() == list(labels)
    np.testing.assert_allclose(found["score"], scores, rtol=1e-6)
    frame = predict(pd.DataFrame({"text": TEXTS}, index=[5, 6, 7]))
    assert frame.index.tolist() == [5, 6, 7]
    assert frame["predicted"].tolist() == list(labels)
    for alone in (TEXTS, np.array(TEXTS), pd.Series(TEXTS)):
        assert {name: values.shape for name, values in predict(alone).items()} == {"predicted": (3,), "score": (3,)}
    assert rnnkit.Predictor(path, column="review")({"review": TEXTS})["predicted"].tolist() == list(labels)


def entities(folder):
    model = rnnkit.EntityRecognizer(units=4)
    model.adapt([["He", "took", "aspirin"]], [["O", "O", "B-Drug"]])
    rows = [["He", "took", "it"], "aspirin took aspirin ."]
    return model, {"tokens": rows}, {"entities": [[each._asdict() for each in row] for row in model.tag(rows)]}


def translations(folder):
    pytest.importorskip("tokenizers")
    model = rnnkit.Translator(units=4, tokenization="words")
    model.adapt(["a dog", "a cat"], ["ein Hund", "eine Katze"])
    return model, {"source": ["a dog", ""]}, {"predicted": model.translate(["a dog", ""])}


def symbols(folder):
    model = rnnkit.MemoryModel("symbols", units=4)
    model.adapt([[0, 1, 2], [2, 1, 0]], [[1, 0, 1], [0, 1, 0]])
    rows = [[0, 1], [2, 1, 0, 0]]
    return model, {"sequence": rows}, {"predicted": model.answer(rows)}


def language(folder):
    model = rnnkit.LanguageModel(units=4)
    model.adapt(TEXTS)
    scores = [model.score(text) for text in TEXTS]
    return model, {"text": TEXTS}, {"log_probability": [sum(each.tolist()) for each in scores], "tokens": [12, 11, 5]}


@pytest.mark.parametrize("make", [entities, translations, symbols, language])
def test_every_task_answers_as_its_own_method_does(folder, make):
    model, batch, expected = make(folder)
    found = rnnkit.Predictor(saved(model, folder))(batch)
    assert list(found) == [*batch, *expected]
    for name, values in expected.items():
        if name == "log_probability":
            np.testing.assert_allclose(found[name], values, rtol=1e-5)
        else:
            assert found[name].tolist() == values


def test_forecasts_come_in_place_of_the_series(folder):
    hours = pd.date_range("2024-01-01", periods=30, freq="h")
    frame = pd.concat([pd.DataFrame({"site": site, "time": hours, "load": np.sin(np.arange(30))}) for site in "ab"])
    model = rnnkit.Forecaster(horizon=2, lookback=6, units=4)
    model.adapt(frame, target="load", time="time", group="site")
    expected = model.forecast(frame, steps=1)
    predict = rnnkit.Predictor(saved(model, folder), steps=1)
    pd.testing.assert_frame_equal(predict(frame), expected, rtol=1e-5)
    columns = predict({name: frame[name].to_numpy() for name in frame})
    np.testing.assert_allclose(columns["load"], expected["load"], rtol=1e-5)
    assert columns["site"].tolist() == ["a", "b"]


def test_a_model_is_loaded_once_and_again_when_it_has_changed(reviews, monkeypatch):
    from rnnkit import saving

    model, path = reviews
    loads = []
    load = saving.load
    monkeypatch.setattr(saving, "load", lambda file: loads.append(file) or load(file))
    model.save(path)
    first, second = rnnkit.Predictor(path), pickle.loads(pickle.dumps(rnnkit.Predictor(path)))
    assert loads == []
    first(TEXTS), second(TEXTS), first(TEXTS)
    assert loads == [path]
    model.save(path)
    second(TEXTS)
    assert loads == [path, path]


def test_it_is_small_when_it_has_answered(reviews):
    predict = rnnkit.Predictor(reviews[1])
    predict(TEXTS)
    assert len(pickle.dumps(predict)) < 1000


@pytest.mark.slow
def test_it_works_in_another_process(reviews, tmp_path):
    model, path = reviews
    told = pickle.dumps(rnnkit.Predictor(path))
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read())(['a good film'])['score'][0])"
    ended = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, cwd=tmp_path, check=True)
    assert float(ended.stdout.split()[-1]) == pytest.approx(model.classify("a good film").score, rel=1e-5)


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"review": ["a"]}, "batch: expected a column text, got review. Name the column of the inputs with column="),
        ({"text": ["a", 3.5]}, "x: expected a text in every row, got 3.5 in row 1"),
        ({"text": ["a"], "score": [1]}, "batch: the column score would be that of an answer"),
        ({"text": []}, "batch: expected one row or more, got none"),
        ({}, "batch: expected one row or more, got none"),
        ([], "batch: expected one row or more, got none"),
        (pd.DataFrame({"text": []}), "batch: expected one row or more, got none"),
        ("a text", "batch: expected a dict of columns, a DataFrame, or a list or array of inputs, got str"),
        (None, "batch: expected a dict of columns, .* got NoneType"),
    ],
)
def test_batches_that_cannot_be_answered(reviews, batch, said):
    with pytest.raises(DataError, match=said):
        rnnkit.Predictor(reviews[1])(batch)


def test_paths_without_a_model_of_a_task_that_answers(folder, tmp_path):
    import keras

    for path in (tmp_path / "nothing.keras", tmp_path):
        with pytest.raises(ModelFileError, match=r"path: there is no model file .*\.keras"):
            rnnkit.Predictor(path)(TEXTS)
    (tmp_path / "broken.keras").write_text("no model")
    with pytest.raises(ModelFileError, match="path: .*broken.keras is not a .keras model file"):
        rnnkit.Predictor(tmp_path / "broken.keras")(TEXTS)
    plain = saved(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), tmp_path)
    with pytest.raises(ArgumentError, match="path: .* holds a Sequential, which is no task of rnnkit"):
        rnnkit.Predictor(plain)(TEXTS)
    pytest.importorskip("pretty_midi")
    music = rnnkit.MusicGenerator(units=4)
    music.adapt([np.eye(4, 88, 20, dtype="uint8")])
    with pytest.raises(ArgumentError, match="path: a model of music has no answer for each row"):
        rnnkit.Predictor(saved(music, tmp_path))([np.zeros((4, 88))])


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed: pip install 'rnnkit[ray]'")
@pytest.mark.filterwarnings("default")  # Ray's own
@pytest.mark.parametrize("way", ["class", "instance"])
def test_ray_data_maps_batches(reviews, way):
    import ray

    model, path = reviews
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False)
    try:
        rows = ray.data.from_items([{"id": number, "text": text} for number, text in enumerate(TEXTS * 3)])
        rows = rows.filter(lambda row: row["id"] != 4)
        if way == "class":
            options = {"fn_constructor_args": (str(path),), "concurrency": 1, "batch_format": "numpy"}
            answers = rows.map_batches(rnnkit.Predictor, batch_size=4, **options)
        else:
            answers = rows.map_batches(rnnkit.Predictor(path), batch_size=4, batch_format="pandas")
        found = answers.to_pandas().sort_values("id")
    finally:
        ray.shutdown()
    assert found["id"].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    labels, scores = zip(*model.classify(found["text"].tolist()), strict=True)
    assert found["predicted"].tolist() == list(labels)
    np.testing.assert_allclose(found["score"], scores, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("pyspark"), reason="Spark is not installed")
@pytest.mark.filterwarnings("default")  # Spark's own
def test_spark_predicts_batches(reviews, monkeypatch):
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    model, path = reviews
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False).getOrCreate()
    try:
        columns = StructType().add("predicted", "string").add("score", "double")
        predict = predict_batch_udf(lambda: rnnkit.Predictor(path), return_type=columns, batch_size=2)
        frame = spark.createDataFrame(pd.DataFrame({"text": TEXTS}))
        found = frame.withColumn("found", predict("text")).select("text", "found.*").toPandas()
    finally:
        spark.stop()
    labels, scores = zip(*model.classify(TEXTS), strict=True)
    assert found["predicted"].tolist() == list(labels)
    np.testing.assert_allclose(found["score"], scores, rtol=1e-5)
