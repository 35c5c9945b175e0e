"""Word vectors that are made from texts."""

import gzip

import numpy as np
import pytest

import rnnkit
from rnnkit.errors import ArgumentError, DataError
from rnnkit.text import train_vectors
from rnnkit.text.vectors import read_vectors
from rnnkit.text.vocabulary import SPECIAL, Vocabulary

pytest.importorskip("gensim")
PAIRS = [("Monday", "Tuesday", "on {} we work till 5"), ("apples", "pears", "ripe {} from 12 trees are sweet")]
TEXTS = [frame.format(word) for *pair, frame in PAIRS for word in pair] * 60


def read(path, *words):
    """The vectors of words, shape (V, 8)."""
    matrix = np.zeros((len(SPECIAL) + len(words), 8), "float32")
    assert read_vectors(path, Vocabulary(words), matrix) == len(words)
    return matrix[len(SPECIAL) :]


def test_words_that_stand_in_the_same_places_have_similar_vectors(tmp_path):
    options = {"size": 8, "epochs": 60}
    assert train_vectors(TEXTS, tmp_path / "vectors.txt.gz", **options) == 15
    found = read(tmp_path / "vectors.txt.gz", "monday", "tuesday", "apples", "pears")
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    alike = found @ found.T
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max() + 0.1


def test_a_file_gives_what_its_lines_give_and_a_seed_the_same_vectors(tmp_path):
    with gzip.open(tmp_path / "texts.txt.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(TEXTS))
    options = {"size": 8, "epochs": 1, "lowercase": False, "fold_digits": True}
    for number, texts in enumerate((TEXTS, tmp_path / "texts.txt.gz")):
        train_vectors(texts, tmp_path / f"{number}.txt", **options)
    assert (tmp_path / "0.txt").read_text(encoding="utf-8") == (tmp_path / "1.txt").read_text(encoding="utf-8")
    read(tmp_path / "0.txt", "Monday", "0", "00")  # as a tagger reads 5 and 12


def test_a_task_takes_the_file_of_the_command(cli, tmp_path):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    done = cli("vectors", tmp_path / "texts.txt", "--out", tmp_path / "own.txt", "--size", 8, "--epochs", 1)
    assert done.code == 0, done.err
    assert "15 words, 8 dimensions" in done.out
    assert cli("vectors", tmp_path / "texts.txt", "--out", tmp_path / "own.txt").code == 2
    model = rnnkit.SentimentClassifier(vectors=tmp_path / "own.txt", units=3)
    model.adapt(["on Monday", "sweet apples"] * 2, [0, 1] * 2)
    [number] = model.vocabulary.encode(["apples"])
    embedding = np.array(model.network.get_layer("embedding").embeddings)
    np.testing.assert_allclose(embedding[number], read(tmp_path / "own.txt", "apples")[0])


def test_what_cannot_be_learned_from_is_named(tmp_path):
    for texts, options, message in [
        (["once"], {}, "no word occurs 2 times"),
        (["a a", 3], {}, "expected a text in every row, got 3 in row 1"),
        (tmp_path / "missing.txt", {}, "there is no file"),
    ]:
        with pytest.raises(DataError, match=message):
            train_vectors(texts, tmp_path / "none.txt", **options)
    with pytest.raises(ArgumentError, match="size: expected a positive integer, got 0"):
        train_vectors(TEXTS, tmp_path / "none.txt", size=0)
    assert not (tmp_path / "none.txt").exists()
