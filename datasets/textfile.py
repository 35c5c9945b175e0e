"""The lines of a text file, plain or .gz, with every way in which a file can be unreadable told as one clear error."""

import gzip
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, cast

from rnnkit.errors import ArgumentError, DataError

MAX_LINE = 10_000_000  # characters; a text of 100,000 words has about 600,000


def lines(path: Path, encoding: str, newline: str = "\n") -> Iterator[str]:
    """Yield the lines of a file with their line ends.

    Args:
        path: a text file; one that ends on `.gz` is unpacked.
        encoding: its encoding.
        newline: what ends a line, as for `open`.

    Yields:
        Lines of at most 10 million characters.

    Raises:
        ArgumentError: there is no such encoding.
        DataError: the file is missing, a folder, unreadable, not in this encoding, or has a longer line.
    """
    try:
        with _open(path) as binary, TextIOWrapper(binary, encoding=encoding, newline=newline) as text:
            number = 0
            while line := text.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise DataError(f"{path}, line {number} has more than {MAX_LINE} characters.")
                yield line
    except UnicodeError as error:
        raise DataError(
            f"{path} is not {encoding.removesuffix('-sig')} text: {_where(path, encoding) or error}. "
            'Pass its encoding, such as encoding="cp1252" (Windows) or encoding="utf-16" (Excel), or save it as UTF-8.'
        ) from error
    except LookupError as error:
        raise ArgumentError(f"encoding: expected the name of a text encoding, received '{encoding}'.") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(f"{path} is not a whole .gz file: {error}.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _open(path: Path) -> BinaryIO:
    if not path.exists():
        raise DataError(f"there is no file {path}.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected a file.")
    return cast(BinaryIO, gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb"))


def _where(path: Path, encoding: str) -> str | None:
    """The line and byte that cannot be decoded; found in a second pass, as a stream decodes in chunks."""
    try:
        with _open(path) as binary:
            binary.read().decode(encoding)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"line {line} holds the byte 0x{error.object[error.start]:02x}"
    except (UnicodeError, OSError, EOFError, zlib.error):
        pass  # the first pass has said enough
    return None
