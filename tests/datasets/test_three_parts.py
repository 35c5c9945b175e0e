"""A file of the user's in three parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import Dataset
from rnnkit.datasets.three_parts import three_parts
from rnnkit.errors import DataError
from rnnkit.tasks.entities.checks import types_of


@given(st.lists(st.sampled_from("aaaaabc"), min_size=30, max_size=80))
def test_each_row_is_in_one_part_and_training_has_every_kind(labels):
    data = Dataset({"row": range(len(labels)), "label": labels})
    train, valid, test = three_parts(data, [{label} for label in labels])
    assert sorted(train["row"] + valid["row"] + test["row"]) == list(range(len(labels)))
    assert set(train["label"]) == set(labels)
    assert len(valid) > 0
    assert len(test) > 0


def test_without_kinds_the_parts_are_eight_one_and_one_tenth_and_always_the_same():
    data = Dataset({"row": range(200)})
    parts = three_parts(data)
    assert [len(part) for part in parts] == [160, 20, 20]
    assert [part["row"] for part in parts] == [part["row"] for part in three_parts(data)]


def test_rows_that_all_have_a_kind_of_their_own_cannot_be_held_out():
    data = Dataset({"row": range(40)})
    with pytest.raises(DataError, match="of 40 rows too many have a label that no other row has"):
        three_parts(data, [{str(row)} for row in range(40)])


def test_training_gets_every_type_of_entity():
    rows = 60
    tags = [["B-COMMON", "O"] for _ in range(rows)]
    for place in range(0, rows, 6):
        tags[place] = [f"B-RARE{place}", "O"]
    data = Dataset({"tokens": [[f"w{row}", "."] for row in range(rows)], "tags": tags})
    train, valid, test = three_parts(data, types_of(data))
    first = {words[0] for part in (train, valid, test) for words in part["tokens"]}
    assert len(first) == rows == len(train) + len(valid) + len(test)
    assert len(valid) > 0
    assert len(test) > 0
    known = {tag for row in train["tags"] for tag in row}
    assert {tag for part in (valid, test) for row in part["tags"] for tag in row} <= known
    assert {f"B-RARE{place}" for place in range(0, rows, 6)} <= known
