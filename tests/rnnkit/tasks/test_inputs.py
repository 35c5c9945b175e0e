"""Raw data in the forms in which users have them, endless and odd ones included."""

import itertools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from rnnkit.datasets import Dataset
from rnnkit.errors import DataError
from rnnkit.tasks import streams
from rnnkit.tasks.columns import as_column, as_text, check_labels, find_classes
from rnnkit.tasks.inputs import as_dataset, take_apart

X, Y, WEIGHTS = ["good", "bad film", "fine", "so so"], [1, 0, 1, 0], [0.5, 1.0, 2.0, 0.0]
COLUMNS = ("text", "label")
TOKENS = [["Ada", "met"], ["he"], ["Paris"], ["no", "one"]]


class Rows(keras.utils.PyDataset):
    """Batches of two rows, `count` of them, or without end."""

    def __init__(self, *columns, count=2):
        super().__init__()
        self.columns, self.count = columns, count

    @property
    def num_batches(self):
        return self.count

    def __getitem__(self, index):
        first = 2 * (index % 2)
        return tuple(np.array(column[first : first + 2], dtype=object) for column in self.columns)


def generator(*columns, endless=False):
    """A generator of single rows."""
    for _ in itertools.count() if endless else range(1):
        yield from zip(*columns, strict=True)


def tf_data(*columns):
    return tf.data.Dataset.from_tensor_slices(columns)


@pytest.mark.parametrize(
    ("source", "batch_size"),
    [
        (lambda: tf_data(X, Y, WEIGHTS), None),
        (lambda: tf_data(X, Y, WEIGHTS).batch(3), 3),
        (lambda: Rows(X, Y, WEIGHTS), 2),
        (lambda: generator(X, Y, WEIGHTS), None),
        (lambda: (row for row in [(X[:2], Y[:2], WEIGHTS[:2]), (X[2:], Y[2:], WEIGHTS[2:])]), 2),
        (lambda: (X, Y, WEIGHTS), None),
    ],
)
def test_weights_come_with_their_rows(source, batch_size):
    given = take_apart(source(), columns=COLUMNS)
    assert (list(given.x), list(given.y), list(given.weights)) == (X, Y, WEIGHTS)
    assert given.batch_size == batch_size
    with pytest.raises(DataError, match="weights as well, which only fit and evaluate use"):
        as_dataset(source(), columns=COLUMNS)
    assert as_dataset(source(), columns=COLUMNS, target=False)["text"] == X


@pytest.mark.parametrize("batched", [False, True])
def test_lists_of_words_are_rows_or_batches(batched):
    rows = Rows(TOKENS, TOKENS) if batched else generator(TOKENS, TOKENS)
    data = as_dataset(rows, columns=("tokens", "tags"), rank=1)
    assert data["tokens"] == data["tags"] == TOKENS


def test_rolls_stay_arrays():
    rolls = np.zeros((4, 5, 88), "int8")
    for source in (tf.data.Dataset.from_tensor_slices(rolls), tf.data.Dataset.from_tensor_slices(rolls).batch(2)):
        given = take_apart(source, columns=("roll",), rank=2)
        assert [roll.shape for roll in given.x] == [(5, 88)] * 4


def test_a_tuple_of_rolls_is_one_of_inputs():
    rolls = tuple(np.zeros((steps, 88), "int8") for steps in (2, 3))
    given = take_apart(rolls, columns=("roll",), rank=2)
    assert given.x is rolls
    assert given.y is None
    given = take_apart((list(rolls), None, [1.0, 2.0]), columns=("roll",), rank=2)
    assert given.weights == [1.0, 2.0]


ENDLESS = {
    "tf.data": lambda: tf_data(X, Y).repeat(),
    "tf.data batches": lambda: tf_data(X, Y).batch(2).repeat(),
    "PyDataset": lambda: Rows(X, Y, count=None),
    "generator": lambda: generator(X, Y, endless=True),
    "tf.data of a generator": lambda: tf.data.Dataset.from_generator(
        lambda: generator(X, Y, endless=True),
        output_signature=(tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int32)),
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ENDLESS)
def test_endless_data_are_refused_or_read_for_some_steps(name, monkeypatch):
    monkeypatch.setattr(streams, "MAX_ROWS", 50)
    with pytest.raises(DataError, match=r"(is endless|more than 50 rows).*Give steps"):
        take_apart(ENDLESS[name](), columns=COLUMNS, advice="Give steps. ")
    given = take_apart(ENDLESS[name](), columns=COLUMNS, steps=3, rows_per_step=2)
    assert list(given.x) == [*X, *X[:2]]
    assert list(given.y) == [*Y, *Y[:2]]


def test_a_long_row_lowers_the_number_of_rows_that_are_read(monkeypatch):
    monkeypatch.setattr(streams, "MAX_BYTES", 10_000)
    with pytest.raises(DataError, match="more than 9 rows"):
        take_apart((("x" * 1000, 1) for _ in itertools.count()), columns=COLUMNS)


def test_a_source_of_known_length_is_read_to_its_end_whatever_the_steps():
    assert len(take_apart(tf_data(X, Y).batch(1), columns=COLUMNS, steps=2).x) == 4
    assert len(take_apart(Rows(X, Y), columns=COLUMNS, steps=1).x) == 4


@pytest.mark.parametrize(
    ("source", "y", "named"),
    [
        (lambda: tf_data(X, Y), Y, "y: x brings its own"),
        (lambda: (X, Y), Y, None),
        (lambda: iter([{"text": "good", "label": 1}]), None, "expected elements .x, y. or .x, y, weight., got a dict"),
        (lambda: iter([("good", 1, 1.0, 2)]), None, "got 4 parts"),
        (lambda: iter([("good", 1), ("bad",)]), None, "elements of 2 parts like the first, got one of 1"),
        (lambda: iter([(["good", "bad"], [1])]), None, "equally many inputs and targets"),
        (lambda: Dataset({"text": X, "label": Y}), Y, "y: x brings the column label"),
        (lambda: pd.DataFrame({"text": X, "label": Y}), Y, "y: x brings the column label"),
        (lambda: X, itertools.cycle(Y), "expected the same number of examples, got 4 and 5"),
        (lambda: {"text": X}, Y, "got a dict"),
    ],
)
def test_what_would_be_ignored_is_named(source, y, named):
    if named is None:
        named = "expected the same number|x brings"
    with pytest.raises(DataError, match=named):
        as_dataset(source(), y, columns=COLUMNS)


def test_x_may_be_a_source_beside_a_y_and_a_frame_without_it():
    expected = [("good", 1), ("bad film", 0), ("fine", 1), ("so so", 0)]
    for x in (iter(X), pd.DataFrame({"text": X})):
        data = as_dataset(x, Y, columns=COLUMNS)
        assert list(zip(data["text"], data["label"], strict=True)) == expected


def test_a_single_text_in_any_form_is_one_row():
    for value in ("a b", b"a b", np.array("a b"), np.str_("a b"), tf.constant("a b"), np.bytes_(b"a b")):
        assert as_text(value) == "a b"
        assert as_column(value) == ["a b"]
        assert as_column([value]) == ["a b"]


def test_bytes_that_are_not_utf_8_are_named_with_their_row():
    with pytest.raises(DataError, match=r"UTF-8, got b'caf\\xe9' in row 1.*decode"):
        as_column(["tea", "café".encode("latin-1")])
    assert as_column(["tea", "café".encode()]) == ["tea", "café"]


def test_one_hot_rows_and_scores_are_no_labels():
    with pytest.raises(DataError, match=r"row 0.*argmax"):
        check_labels(as_column(np.eye(2)))
    scores = np.random.default_rng(0).random(60).tolist()
    with pytest.raises(DataError, match="60 different values in 60 rows.*pandas.cut"):
        find_classes(scores)
    stars = [half / 2 for half in range(2, 11)] * 4
    assert find_classes(stars) == sorted(set(stars))
    assert len(find_classes([f"topic {number}" for number in range(50)] * 2)) == 50
