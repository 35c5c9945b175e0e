"""Data of the user's in three parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import datasets
from rnnkit.datasets import Dataset, read_split, split_pairs, stratified_split
from rnnkit.errors import DataError, in_shell
from rnnkit.tasks.entities.checks import types_of


def parts_of(data, kinds=None):
    """The rows of each part, where `data` is what a file holds."""
    split = (lambda part, fraction: stratified_split(part, fraction, part["kinds"])) if kinds else Dataset.split
    whole = Dataset({"row": range(len(data)), "kinds": kinds or [()] * len(data)})
    return [data.take(part["row"]) for part in read_split("a.csv", read=lambda path: whole, split=split)]


@given(st.lists(st.sampled_from("aaaaabc"), min_size=30, max_size=80))
def test_each_row_is_in_one_part_and_training_has_every_kind(labels):
    data = Dataset({"row": range(len(labels)), "label": labels})
    train, valid, test = parts_of(data, [{label} for label in labels])
    assert sorted(train["row"] + valid["row"] + test["row"]) == list(range(len(labels)))
    assert set(train["label"]) == set(labels)
    assert len(valid) > 0
    assert len(test) > 0


def test_without_kinds_the_parts_are_eight_one_and_one_tenth_and_always_the_same():
    data = Dataset({"row": range(200)})
    parts = parts_of(data)
    assert [len(part) for part in parts] == [160, 20, 20]
    assert [part["row"] for part in parts] == [part["row"] for part in parts_of(data)]


def test_rows_that_all_have_a_kind_of_their_own_cannot_be_held_out():
    data = Dataset({"row": range(40)})
    with pytest.raises(DataError, match="of 40 rows. Too many have a label that no other row has"):
        parts_of(data, [{str(row)} for row in range(40)])


def test_training_gets_every_type_of_entity():
    rows = 60
    tags = [["B-COMMON", "O"] for _ in range(rows)]
    for place in range(0, rows, 6):
        tags[place] = [f"B-RARE{place}", "O"]
    data = Dataset({"tokens": [[f"w{row}", "."] for row in range(rows)], "tags": tags})
    train, valid, test = parts_of(data, types_of(data))
    first = {words[0] for part in (train, valid, test) for words in part["tokens"]}
    assert len(first) == rows == len(train) + len(valid) + len(test)
    assert len(valid) > 0
    assert len(test) > 0
    known = {tag for row in train["tags"] for tag in row}
    assert {tag for part in (valid, test) for row in part["tags"] for tag in row} <= known
    assert {f"B-RARE{place}" for place in range(0, rows, 6)} <= known


@given(
    st.lists(st.sampled_from("aaaaaaaabbbc"), min_size=40, max_size=200),
    st.sampled_from([0.1, 0.25]),
    st.integers(0, 9),
)
def test_each_label_has_its_fraction_on_both_sides(labels, fraction, seed):
    data = Dataset({"row": range(len(labels)), "label": labels})
    rest, part = stratified_split(data, fraction, [{label} for label in labels], seed)
    assert sorted(rest["row"] + part["row"]) == list(range(len(labels)))
    for label in set(labels):
        assert part["label"].count(label) == pytest.approx(fraction * labels.count(label), abs=1)


def test_a_rare_class_is_in_every_part():
    labels = ["often"] * 960 + ["rare"] * 40
    data = Dataset({"label": labels})
    assert [part["label"].count("rare") for part in parts_of(data, [{label} for label in labels])] == [32, 4, 4]


def write(folder, names):
    """Tables of 40 rows, each with the name of its file as its texts."""
    folder.mkdir(exist_ok=True)
    for name in names:
        rows = "".join(f"{name} {row},{row % 2}\n" for row in range(40))
        (folder / name).write_text(f"text,label\n{rows}", encoding="utf-8")
    return folder


def origins(splits):
    """The files of which the rows of each part are, and how many there are."""
    return [("+".join(sorted({text.split()[0] for text in part["text"]})), len(part)) for part in splits]


@pytest.mark.parametrize(
    "names",
    [
        ("train.csv", "valid.csv", "test.csv"),
        ("Training.csv", "val.csv", "testing.csv"),
        ("wnut17train.csv", "emerging.dev.csv", "emerging.test.annotated.csv"),
        ("eng.train.csv", "eng.testa.csv", "eng.testb.csv"),
        ("en_ewt-ud-train.csv", "en_ewt-ud-dev.csv", "en_ewt-ud-test.csv"),
    ],
)
def test_a_folder_whose_files_are_the_parts(names, tmp_path):
    write(tmp_path, [*names, "README.csv", "contested.csv"])
    assert origins(read_split(tmp_path)) == [(name, 40) for name in names]


def test_parts_that_have_no_file_are_split_off(tmp_path):
    write(tmp_path, ["train.csv", "test.csv", "other.csv"])
    assert origins(read_split(tmp_path)) == [("train.csv", 36), ("train.csv", 4), ("test.csv", 40)]
    assert origins(read_split(tmp_path, test=tmp_path / "other.csv"))[2] == ("other.csv", 40)
    one = tmp_path / "other.csv"
    assert origins(read_split(one)) == [("other.csv", 32), ("other.csv", 4), ("other.csv", 4)]
    splits = read_split(one, valid=tmp_path / "test.csv")
    assert origins(splits) == [("other.csv", 36), ("test.csv", 40), ("other.csv", 4)]


def test_own_reader_and_split(tmp_path):
    (tmp_path / "train.txt").write_text("".join(f"{n // 4}\t{n}\n" for n in range(400)).replace("\t", " x\ty "))
    (tmp_path / "dev.txt").write_text("a\tb\n")
    train, valid, test = read_split(tmp_path, read=datasets.read_pairs, split=split_pairs)
    assert (len(train), len(valid), len(test)) == (360, 1, 40)
    assert not {*train["source"]} & {*test["source"]}


def test_two_files_for_a_part_are_named(tmp_path):
    write(tmp_path, ["train.csv", "dev.csv", "val.csv"])
    with pytest.raises(DataError, match="two files for the part 'valid': dev.csv and val.csv.*valid=") as raised:
        read_split(tmp_path)
    assert "--valid" in raised.value.told(in_shell)


def test_a_folder_without_the_parts_is_for_the_reader(tmp_path):
    write(tmp_path, ["train.csv"])
    with pytest.raises(DataError, match="expected a file that ends on"):
        read_split(tmp_path)
    (tmp_path / "Night train.mid").touch()
    (tmp_path / "Test.mid").touch()
    seen = []
    read_split(tmp_path, read=lambda path: seen.append(path) or Dataset({"row": range(40)}))
    assert seen == [tmp_path]
