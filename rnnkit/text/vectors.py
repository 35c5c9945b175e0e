"""Word vectors from a user's own file. Legend: `V` vocabulary, `D` dimensions."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from rnnkit.errors import DataError
from rnnkit.text.textfile import lines
from rnnkit.text.vocabulary import SPECIAL, Vocabulary


def vector_size(path: str | Path) -> int:
    """D, the dimensions of the vectors in a GloVe or word2vec text file."""
    first, second = (line.split() for line in [*islice(_lines(path), 2), "", ""][:2])
    width = len(second if _is_header(first) else first) - 1
    if width < 1:
        raise DataError(f"vectors: {path} is not a file of word vectors: expected lines of a word and its numbers.")
    return width


def read_vectors(path: str | Path, vocabulary: Vocabulary, matrix: np.ndarray) -> int:
    """Writes the vectors of a text file into the rows of the words that the vocabulary knows.

    Args:
        path: GloVe text (`word x1 ... xD` a line) or word2vec text (the same under a line `count D`), plain or .gz.
        vocabulary: V words; a word that is not in it is passed over.
        matrix: float array, shape (V, D), changed in place; a word that the file lacks keeps its row.

    Returns:
        How many words were found.

    Raises:
        DataError: no such file, not UTF-8, or a line of another length (it is named).
    """
    rows = {word: number for number, word in enumerate(vocabulary.words, len(SPECIAL))}
    found = 0
    for number, line in enumerate(_lines(path), 1):
        parts = line.rstrip().split(" ")
        if number == 1 and _is_header(parts):
            continue
        if len(parts) <= matrix.shape[1]:
            raise DataError(
                f"vectors: line {number} of {path} has {len(parts)} parts; expected a word and {matrix.shape[1]} "
                "numbers. Is the file complete?"
            )
        row = rows.get(" ".join(parts[: -matrix.shape[1]]))
        if row is not None:
            matrix[row] = _numbers(parts[-matrix.shape[1] :], path, number)
            found += 1
    return found


def load_vectors(embedding, path: str | Path, vocabulary: Vocabulary) -> None:
    """Sets the rows of a built `keras.layers.Embedding` to the file's vectors, where it has the word."""
    matrix = np.array(embedding.embeddings)
    read_vectors(path, vocabulary, matrix)
    embedding.embeddings.assign(matrix)


def _lines(path) -> Iterator[str]:
    try:
        yield from lines(Path(path), "utf-8", newline=None)
    except DataError as error:
        raise DataError(f"vectors: {error}") from error


def _is_header(parts) -> bool:
    return len(parts) == 2 and all(part.isdigit() for part in parts)


def _numbers(parts, path, number) -> np.ndarray:
    try:
        return np.array(parts, dtype="float32")
    except ValueError:
        raise DataError(f"vectors: line {number} of {path} does not end in numbers; is the file complete?") from None
