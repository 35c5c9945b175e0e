"""A user's script with all that the README shows, for `mypy --strict`; it is checked, not run."""

from pathlib import Path

import keras
import numpy as np

import rnnkit
from rnnkit import EntityRecognizer, MusicGenerator, SentimentClassifier, Translator, callbacks, datasets
from rnnkit.layers import CRF, CRFLoss, RecurrentStack


def classify(texts: list[str], folder: Path) -> list[str]:
    train, valid, test = datasets.load("sentiment-sample")
    model = SentimentClassifier(cell="gru", units=64, dropout=0.3)
    health = callbacks.GradientHealth(level="gate", every=2)
    clipping = callbacks.GradientClipping("percentile", 10.0)
    watched = [health, callbacks.GradientGuard("skip"), clipping, callbacks.RecurrentSpectrum()]
    through_time = callbacks.ThroughTime(valid.sample(64))
    resume = callbacks.Resume(folder / "state", every=500)
    model.fit(train, validation_data=valid, epochs=4, callbacks=[*watched, through_time, resume], verbose=0)
    scores: dict[str, float] = model.evaluate(test, return_dict=True, verbose=0)
    print(scores["accuracy"], health.summary().loc["embedding", "median"], through_time.diagnosis.verdict)
    health.plot().savefig(folder / "health.png")
    model.save(folder / "reviews.keras")
    again = rnnkit.load(folder / "reviews.keras")
    print(rnnkit.kernels(again), again.score(test).to_frame())
    return [answer.label for answer in model.classify(texts)]


def diagnose(x: np.ndarray, y: np.ndarray) -> str:
    model = keras.Sequential([keras.layers.LSTM(16), keras.layers.Dense(1)])
    found: rnnkit.Diagnosis = rnnkit.diagnose(model, x[:64], y[:64])
    found.to_html("diagnosis.html")
    return found.cure.line if found.cure else found.verdict


def tag(text: str) -> list[tuple[str, int, int]]:
    train, valid, _ = datasets.load("ner-sample")
    tagger = EntityRecognizer(cell="lstm", chars="cnn", crf=True)
    tagger.fit(train, validation_data=valid, epochs=4)
    return [(entity.label, entity.start, entity.end) for entity in tagger.tag(text)]


def write_music(path: Path) -> rnnkit.Piece:
    composer = MusicGenerator(cell="gru", units=64)
    composer.fit(datasets.load("music-sample").train, epochs=4)
    piece: rnnkit.Piece = composer.generate(length=64, temperature=0.9, seed=1)
    piece.save(path)
    return piece


def search_and_compare() -> None:
    train, valid, test = datasets.load("translation-sample")
    print(Translator(cell="gru", units=[64, 64], attention="general").translate("the farmer sees it.", beam=4))
    tuner = rnnkit.tune("translation", train, valid, minutes=12, cell=["lstm", "gru"], learning_rate=(1e-4, 1e-2))
    print(tuner.results.sort_values("score"), tuner.best_model())
    found = rnnkit.compare("translation", train, valid, test, cells=["lstm", "gru"], seeds=3, units=64)
    print(found.summary["valid"], rnnkit.cell_names())


def tagger_of_ones_own(labels: int) -> keras.Model:
    steps, lengths = keras.Input((None, 16)), keras.Input((), dtype="int32")
    outputs = RecurrentStack("lstm", units=32, layers=4, residual=True, layer_norm=True)(steps, lengths)
    model = keras.Model([steps, lengths], CRF(labels)(keras.layers.Dense(labels)(outputs), lengths))
    model.compile("adam", CRFLoss())
    return model
