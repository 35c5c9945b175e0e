"""The reader of MATLAB files against SciPy's, which wrote them."""

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import loadmat, savemat

from rnnkit.datasets.matlab import read_cells

NAME = st.from_regex("[A-Za-z][A-Za-z0-9_]{0,30}", fullmatch=True)
TYPES = st.sampled_from(["float64", "float32", "uint8", "int8", "uint16", "int32", "int64", "uint64"])
NUMBERS = arrays.arrays(TYPES, arrays.array_shapes(min_dims=2, max_dims=3, min_side=0))
ERRORS = (ValueError, struct.error, zlib.error)


def as_cells(values):
    cells = np.empty((1, len(values)), dtype=object)
    for place, value in enumerate(values):
        cells[0, place] = value
    return cells


@given(st.dictionaries(NAME, st.lists(NUMBERS, max_size=4), max_size=3), st.booleans())
def test_what_scipy_writes_is_read(tmp_path_factory, variables, compressed):
    path = tmp_path_factory.mktemp("mat") / "a.mat"
    others = {"Number1": 3.5, "Text1": "words"}
    savemat(
        path, {**others, **{name: as_cells(values) for name, values in variables.items()}}, do_compression=compressed
    )
    found = read_cells(path)
    assert found.keys() == variables.keys()
    for name, values in variables.items():
        for one, other in zip(found[name], values, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.realdata
def test_public_rolls_are_those_that_scipy_reads(public_data):
    path = f"{public_data}/nottingham/Nottingham.mat"
    expected = loadmat(path)
    found = read_cells(Path(path))
    assert [len(found[f"{part}data"]) for part in ("train", "valid", "test")] == [694, 173, 170]
    for name, rolls in found.items():
        for one, other in zip(rolls, expected[name][0], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("mat") / "a.mat"
    savemat(path, {"cells": as_cells([np.eye(3), np.ones((2, 5), "uint8")])})
    return path.read_bytes()


@given(st.data())
def test_damaged_files_are_refused_or_read(content, tmp_path_factory, data):
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("mat") / "a.mat"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(*ERRORS):
        read_cells(path)


def test_a_packed_bomb(content, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnkit.datasets.matlab.MAX_BYTES", 10_000)
    element = zlib.compress(struct.pack("<II", 14, 10**6) + bytes(10**6))
    path = tmp_path / "a.mat"
    path.write_bytes(content[:128] + struct.pack("<II", 15, len(element)) + element)
    with pytest.raises(ValueError, match="unpacks to more than 0 MB"):
        read_cells(path)


def test_other_files_are_named(tmp_path):
    path = tmp_path / "a.mat"
    path.write_bytes(bytes(200))
    with pytest.raises(ValueError, match="no MATLAB 5 file"):
        read_cells(path)
    savemat(path, {"cells": as_cells([as_cells([np.eye(2)])])})
    with pytest.raises(ValueError, match="a cell in it holds no array of numbers"):
        read_cells(path)
