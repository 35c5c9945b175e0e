"""Tagged sentences as users give them."""

from rnnkit.datasets import Dataset
from rnnkit.entities.checks import split_tagged


def test_training_gets_every_type_of_entity():
    rows = 60
    tags = [["B-COMMON", "O"] for _ in range(rows)]
    for place in range(0, rows, 6):
        tags[place] = [f"B-RARE{place}", "O"]
    data = Dataset({"tokens": [[f"w{row}", "."] for row in range(rows)], "tags": tags})
    train, valid, test = split_tagged(data)
    first = {words[0] for part in (train, valid, test) for words in part["tokens"]}
    assert len(first) == rows == len(train) + len(valid) + len(test)
    assert len(valid) > 0
    assert len(test) > 0
    known = {tag for row in train["tags"] for tag in row}
    assert {tag for part in (valid, test) for row in part["tags"] for tag in row} <= known
    assert {f"B-RARE{place}" for place in range(0, rows, 6)} <= known
