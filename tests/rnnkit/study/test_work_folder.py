import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.study.files import write_json
from rnnkit.study.work_folder import fingerprint, open_folder

CELLS = st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text(max_size=2), max_size=3))


@given(st.lists(CELLS, min_size=1, max_size=4), st.lists(CELLS, min_size=1, max_size=4))
def test_fingerprints_are_equal_where_the_data_are(first, second):
    equal = json.dumps(first) == json.dumps(second)
    assert (fingerprint(Dataset({"x": first})) == fingerprint(Dataset({"x": second}))) is equal


def test_a_fingerprint_sees_names_arrays_and_columns():
    rolls = [np.zeros((2, 3), "int8"), np.ones((1, 3), "int8")]
    prints = {
        fingerprint(Dataset(columns))
        for columns in (
            {"roll": rolls},
            {"x": rolls},
            {"roll": rolls[::-1]},
            {"roll": [roll.astype("int16") for roll in rolls]},
            {"roll": [rolls[0].T, rolls[1]]},
            {"roll": rolls, "y": [1, 2]},
        )
    }
    assert len(prints) == 6
    assert fingerprint(Dataset({"roll": [roll.copy() for roll in rolls]})) in prints


def test_a_folder_is_found_again_by_the_same_work_only(tmp_path):
    folder = tmp_path / "a" / "b"
    same = {"seed": 1, "space": {"units": "4 (fixed)"}}
    assert open_folder(folder, "work.json", same) == folder
    (folder / "kept").touch()
    open_folder(folder, "work.json", dict(same))
    with pytest.raises(ArgumentError, match=r"differs in seed \(1, now 2\), data \(null, now \"x\"\)\. Name another"):
        open_folder(folder, "work.json", {**same, "seed": 2, "data": "x"})
    assert (folder / "kept").exists()
    open_folder(folder, "work.json", {"seed": 2}, overwrite=True)
    assert not (folder / "kept").exists()


def test_a_folder_with_other_things_is_never_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    for overwrite in (False, True):
        with pytest.raises(ArgumentError, match=r"contains other files, and no work.json"):
            open_folder(tmp_path, "work.json", {}, overwrite)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"
    with pytest.raises(ArgumentError, match=r"cannot be written"):
        open_folder(tmp_path / "mine.txt" / "below", "work.json", {})


def test_files_are_whole_at_any_moment(tmp_path):
    path = tmp_path / "state.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, {"no": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == [1]
