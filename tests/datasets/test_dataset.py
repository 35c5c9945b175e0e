import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import Dataset, Splits
from rnnkit.errors import ArgumentError, DataError

REVIEWS = Dataset({"text": ["Loved it.", "Not good at all.", ""], "label": ["pos", "neg", "neg"]}, name="reviews")

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=30)


def test_columns_rows_and_parts():
    assert REVIEWS.columns == ("text", "label")
    assert len(REVIEWS) == 3
    assert REVIEWS["label"] == ["pos", "neg", "neg"]
    assert REVIEWS[-1] == {"text": "", "label": "neg"}
    assert REVIEWS[1:]["label"] == ["neg", "neg"]
    assert REVIEWS.take([2, 0])["text"] == ["", "Loved it."]
    assert REVIEWS[:2].name == "reviews"


def test_a_column_that_was_handed_out_is_a_copy():
    REVIEWS["text"].append("more")
    assert len(REVIEWS) == len(REVIEWS["text"]) == 3


@given(texts)
def test_pandas_and_back(column):
    data = Dataset({"text": column, "place": range(len(column))})
    again = Dataset.from_pandas(data.to_pandas())
    assert again["text"] == column
    assert again["place"] == list(range(len(column)))


def test_sequences_stay_whole_in_pandas():
    data = Dataset({"notes": [np.zeros((2, 88)), np.ones((3, 88))], "tags": [["B", "O"], ["O"]]})
    frame = data.to_pandas()
    assert [roll.shape for roll in frame["notes"]] == [(2, 88), (3, 88)]
    assert Dataset.from_pandas(frame)["tags"] == [["B", "O"], ["O"]]


@given(st.integers(2, 60), st.floats(0.1, 0.9), st.integers(0, 5))
def test_a_split_shares_no_row_and_loses_none(size, fraction, seed):
    data = Dataset({"place": range(size)})
    if not 0 < round(fraction * size) < size:
        with pytest.raises(DataError, match="fraction"):
            data.split(fraction, seed)
        return
    rest, part = data.split(fraction, seed)
    assert sorted(rest["place"] + part["place"]) == list(range(size))
    assert len(part) == round(fraction * size)
    assert [half["place"] for half in data.split(fraction, seed)] == [rest["place"], part["place"]]


@given(st.integers(1, 40), st.integers(0, 5))
def test_a_sample_is_seeded_and_without_replacement(n, seed):
    data = Dataset({"x": range(20), "y": range(100, 120)})
    x, y = data.sample(n, seed)
    assert len(x) == len(set(x)) == min(n, 20)
    assert y == [value + 100 for value in x]
    assert data.sample(n, seed) == (x, y)


def test_lengths_are_words_of_texts_and_items_of_sequences():
    words = Dataset({"text": ["one"] * 99 + ["one two three four five"]})
    assert words.lengths("text") == {"min": 1, "mean": 1.04, "median": 1, "p99": 1, "max": 5}
    assert Dataset({"tags": [[], ["B", "I"]]}).lengths("tags")["mean"] == 1


def test_repr_is_readable():
    shown = repr(REVIEWS)
    assert "Dataset 'reviews': 3 rows" in shown
    assert "words: min 0" in shown
    assert '"neg": 2, "pos": 1' in shown
    assert '"Loved it."' in shown
    long = repr(Dataset({"text": ["word\n" * 100, "👩‍👩‍👧"]}))
    assert max(map(len, long.splitlines())) < 110
    assert "valid: Dataset 'reviews': 1 rows" in repr(Splits(REVIEWS, REVIEWS[:1], REVIEWS))
    assert "empty" in repr(Dataset({"text": []}))


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({}, "at least one column"),
        ([1, 2], "got list"),
        ({"text": "a text"}, "'text'.*got str"),
        ({"text": 3}, "'text'.*got int"),
        ({"text": ["a"], "label": [1, 2]}, "'text': 1, 'label': 2"),
    ],
)
def test_what_is_no_data_set_is_named(columns, named):
    with pytest.raises(DataError, match=named):
        Dataset(columns)


def test_what_is_not_there_is_named():
    with pytest.raises(DataError, match="no column 'words'.*text, label"):
        REVIEWS["words"]
    with pytest.raises(DataError, match="have lengths"):
        Dataset({"label": [1, 2]}).lengths("label")
    with pytest.raises(ArgumentError, match="n: expected a positive"):
        REVIEWS.sample(0)
    with pytest.raises(DataError, match="different names"):
        Dataset.from_pandas(pd.DataFrame([[1, 2]], columns=["a", "a"]))
