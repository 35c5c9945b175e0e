import gzip

import numpy as np
import pytest

from rnnkit.errors import DataError
from rnnkit.text.vectors import read_vectors, vector_size
from rnnkit.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["good", "bad", "naïve"])


def matrix():
    return np.zeros((len(VOCABULARY), 3), dtype="float32")


@pytest.mark.parametrize("header", ["", "3 3\n"])
@pytest.mark.parametrize("zipped", [False, True])
def test_glove_and_word2vec_text(tmp_path, header, zipped):
    text = header + "good 1 2 3\nnaïve -1 0.5 2e-1\nplot 7 8 9\n"
    path = tmp_path / ("vectors.txt.gz" if zipped else "vectors.txt")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    table = matrix()
    assert vector_size(path) == 3
    assert read_vectors(path, VOCABULARY, table) == 2
    np.testing.assert_allclose(table[[2, 4]], [[1, 2, 3], [-1, 0.5, 0.2]])
    assert not table[[0, 1, 3]].any()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"good 1 2 3\n bad x y\nbad 1 x 3", "line 3"),
        (b"good 1 2 3\nbad 1 2\n", "line 2"),
        (b"good 1 2 3\nn\xefve 1 2 3\n", "UTF-8"),
    ],
)
def test_bad_files_are_named(tmp_path, content, named):
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=named):
        read_vectors(path, VOCABULARY, matrix())


def test_a_file_without_vectors_is_named(tmp_path):
    path = tmp_path / "empty.txt"
    path.write_bytes(b"\n")
    with pytest.raises(DataError, match="word vectors"):
        vector_size(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt"):
        vector_size(tmp_path / "nowhere.txt")
