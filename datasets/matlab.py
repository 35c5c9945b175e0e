"""Reader of MATLAB 5 files, for cells of arrays alone.

It is our own, as SciPy's ends the whole process with a segmentation fault on some damaged files. Format: "MAT-File
Format", The MathWorks. A file is a header and elements, each a type, a length and its bytes; a packed element holds one
other, and an array is an element that holds elements: flags, dimensions, name, and numbers or further arrays.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from rnnkit.text.textfile import regular_file

HEADER = 128  # bytes
MAX_BYTES = 200_000_000  # of a file, unpacked
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
ARRAY, PACKED = 14, 15  # types of an element
CELLS, NUMERIC = 1, range(6, 16)  # classes of an array


def read_cells(path: Path) -> dict[str, list[np.ndarray]]:
    """The cell arrays of a file, with their cells in a row.

    Args:
        path: a MATLAB 5 file (not 4, nor 7.3), whose cells hold numbers.

    Returns:
        Name -> arrays.

    Raises:
        OSError, ValueError, struct.error, zlib.error: it cannot be read, is damaged, unpacks to more than 200 MB, or
            holds something else in its cells.
    """
    content = regular_file(path).read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:HEADER], "")
    if not order:
        raise ValueError("it is no MATLAB 5 file")
    arrays, left = {}, MAX_BYTES
    for kind, element in _elements(content[HEADER:], order):
        if kind == PACKED:
            element = zlib.decompressobj().decompress(element, left)
            left -= len(element)
            if left < 1:
                raise ValueError(f"it unpacks to more than {MAX_BYTES / 1e6:.0f} MB")
            kind, element = next(_elements(element, order), (0, b""))
        if kind == ARRAY:
            kind_of_array, name, _, parts = _array(element, order)
            if kind_of_array == CELLS:
                arrays[name] = [_numbers(*part, order) for part in parts]
    return arrays


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield type and bytes of each element."""
    place = 0
    while place < len(content):
        kind, size = struct.unpack_from(f"{order}II", content, place)
        start = place + 8
        if kind >> 16:  # a short one, in the place of the length
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(content):
            raise ValueError("it is cut short")
        yield kind, content[start : start + size]
        place = start + size if kind == PACKED else start + size + -(start + size) % 8


def _array(content: bytes, order: str) -> tuple[int, str, list[int], Iterator[tuple[int, bytes]]]:
    """Class, name, dimensions and the elements of an array."""
    parts = _elements(content, order)
    header = [element for _, element in islice(parts, 3)]
    if len(header) < 3 or len(header[0]) < 4:
        raise ValueError("an array in it is incomplete")
    flags, sizes, name = header
    dimensions = np.frombuffer(sizes, f"{order}i4").tolist()
    return struct.unpack_from(f"{order}I", flags)[0] & 0xFF, name.decode("latin-1"), dimensions, parts


def _numbers(kind: int, content: bytes, order: str) -> np.ndarray:
    """A cell's array."""
    kind_of_array, _, dimensions, parts = _array(content, order) if kind == ARRAY else (0, "", [], iter(()))
    of, numbers = next(parts, (0, b""))
    if kind_of_array not in NUMERIC or of not in NUMBERS:
        raise ValueError("a cell in it holds no array of numbers")
    values = np.frombuffer(numbers, order + NUMBERS[of])
    if min(dimensions, default=0) < 0 or math.prod(dimensions) != len(values):
        raise ValueError("an array in it has another size than it says")
    return values.reshape(dimensions, order="F")
