import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnnkit.callbacks.resuming import state_files
from rnnkit.callbacks.resuming.state_files import StateFiles, packed, unpacked
from rnnkit.errors import ArgumentError, ResumeError

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ARRAY = arrays.arrays(st.sampled_from(["float32", "int64", "bool", "uint8"]), arrays.array_shapes(min_dims=0))
TREE = st.recursive(PLAIN | ARRAY, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def assert_equal(one, other):
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    elif isinstance(one, dict):
        assert list(one) == list(other)
        assert_equal(list(one.values()), list(other.values()))
    else:
        assert type(one) is type(other)
        assert one == other or one != one


@given(TREE)
def test_what_is_packed_is_unpacked(tree):
    assert_equal(tree, unpacked(packed(tree)))


CONTENT = packed({"weights": [np.arange(40.0)], "epoch": 3})


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_any_changed_byte_is_noticed(place, change):
    content = bytearray(CONTENT)
    content[place] ^= change
    with pytest.raises(ValueError, match="checksum|not a training state"):
        unpacked(bytes(content))


@given(st.integers(0, len(CONTENT) - 1))
def test_a_file_that_was_cut_short_is_noticed(length):
    with pytest.raises(ValueError, match="checksum|not a training state"):
        unpacked(CONTENT[:length])


@pytest.mark.parametrize("value", [np.array([None]), np.array(["a", {}], object), {1, 2}, object(), 1j])
def test_what_would_need_a_pickle_is_refused(value):
    with pytest.raises(ArgumentError, match="get_state: expected plain values and arrays, got"):
        packed({"state": [value]})


def test_the_last_two_saves_are_kept(tmp_path):
    files = StateFiles(tmp_path / "state")
    assert files.read() is None
    for number in range(5):
        files.write(number)
    assert sorted(os.listdir(tmp_path / "state")) == ["00000004.state", "00000005.state"]
    assert StateFiles(tmp_path / "state").read() == 4


def test_a_damaged_save_falls_back_to_the_one_before_and_is_replaced(tmp_path):
    files = StateFiles(tmp_path)
    for number in range(3):
        files.write(number)
    (tmp_path / "00000003.state").write_bytes(b"")
    again = StateFiles(tmp_path)
    with pytest.warns(UserWarning, match="00000003.state is damaged and is skipped"):
        assert again.read() == 1
    again.write("new")
    assert StateFiles(tmp_path).read() == "new"
    assert sorted(os.listdir(tmp_path)) == ["00000002.state", "00000003.state"]


def test_only_damaged_saves_are_an_error(tmp_path):
    (tmp_path / "00000001.state").write_bytes(b"\x80\x04")
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ResumeError, match="all saves in .* are damaged. Delete them"),
    ):
        StateFiles(tmp_path).read()


def test_a_full_disk_leaves_the_saves_before(tmp_path, monkeypatch):
    files = StateFiles(tmp_path)
    files.write("first")

    def full(path, content):
        path.write_bytes(content[:100])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state_files, "_write", full)
        with pytest.raises(OSError, match="No space left"):
            files.write("second")
    assert os.listdir(tmp_path) == ["00000001.state"]
    files.write("third")
    assert StateFiles(tmp_path).read() == "third"
