"""The lines of a text file, plain or .gz, with every way in which a file can be unreadable told as one clear error."""

import gzip
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, cast

from rnnkit.errors import ArgumentError, DataError

MAX_LINE = 10_000_000  # characters; a text of 100,000 words has about 600,000
BEGINNING = 20_000  # characters that tell what ends a line
MAX_RATIO = 100  # of a .gz file above MAX_LINE; texts are packed to a half or a tenth, and a bomb to a thousandth


def lines(path: Path, encoding: str, newline: str | None = None) -> Iterator[str]:
    """Yield the lines of a file with their line ends.

    Args:
        path: a text file; one that ends on `.gz` is unpacked.
        encoding: its encoding.
        newline: what ends a line, as for `open`; None takes LF (and so CR LF), or CR in a file that begins without LF.

    Yields:
        Lines of at most 10 million characters; of a `.gz` file at most 100 characters for each of its bytes, or 10
        million.

    Raises:
        ArgumentError: there is no such encoding.
        DataError: the file is missing, no regular file, unreadable, not in this encoding, or has a longer line.
    """
    number, size = 0, 0
    try:
        most = max(MAX_LINE, MAX_RATIO * regular_file(path).stat().st_size)
        newline = _line_end(path, encoding) if newline is None else newline
        with _open(path) as binary, TextIOWrapper(binary, encoding=encoding, newline=newline) as text:
            while line := text.readline(MAX_LINE + 1):
                number += 1
                size += len(line)
                if len(line) > MAX_LINE:
                    raise DataError(f"{path}, line {number} has more than {MAX_LINE} characters.")
                if size > most:
                    raise DataError(f"{path} unpacks to {MAX_RATIO} times its size. If it may, unpack it yourself.")
                yield line
    except UnicodeError as error:
        raise DataError(
            f"{path} is not {encoding.removesuffix('-sig')} text: {_where(error, number)}.",
            advice="Pass its encoding, such as <encoding=cp1252> (Windows) or <encoding=utf-16> (Excel), "
            "or save it as UTF-8.",
        ) from error
    except LookupError as error:
        raise ArgumentError(f"encoding: expected the name of a text encoding, got '{encoding}'.") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} is not a whole .gz file: {error}.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def regular_file(path: Path) -> Path:
    """The path, if there is a file whose bytes end: a pipe or a device might be read from for ever.

    Raises:
        DataError: it is missing, a folder, or something else that is no regular file.
    """
    if not path.exists():
        raise DataError(f"there is no file {path}.")
    if not path.is_file():
        raise DataError(f"{path} is {'a folder' if path.is_dir() else 'a pipe or a device'}; expected a file.")
    return path


def _line_end(path: Path, encoding: str) -> str:
    """LF, or CR for a file of old: not both, as a CR in a file with LF is part of a text."""
    with _open(path) as binary, TextIOWrapper(binary, encoding=encoding, errors="replace", newline="") as text:
        start = text.read(BEGINNING)
    return "\r" if "\r" in start and "\n" not in start else "\n"


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb"))


def _where(error: UnicodeError, lines_before: int) -> str:
    """The line and byte that cannot be decoded: the text is decoded in chunks, all of whose lines before are out."""
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    line = lines_before + error.object.count(b"\n", 0, error.start) + 1
    return f"line {line} holds the byte 0x{error.object[error.start]:02x}"
