"""Word vectors: made from texts, and read from a file. Legend: `V` vocabulary, `D` dimensions."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rnnkit.errors import DataError
from rnnkit.errors.checks import installed, whole
from rnnkit.text.corpus import Corpus
from rnnkit.text.textfile import lines
from rnnkit.text.tokenization import check_encodable
from rnnkit.text.tokenizer import words
from rnnkit.text.vocabulary import SPECIAL, Vocabulary
from rnnkit.text.word_shape import folded


def train_vectors(
    texts: Any,
    path: str | Path,
    *,
    size: int = 100,
    epochs: int = 5,
    window: int = 5,
    min_count: int = 2,
    lowercase: bool = True,
    fold_digits: bool = False,
    seed: int = 0,
) -> int:
    """Learns word vectors from texts and writes them into a file, which tasks take as `vectors`.

    Skip-grams with negative sampling (Mikolov et al., "Distributed representations of words and phrases and their
    compositionality", 2013), by gensim, in one process, so that a seed gives the same vectors.

    Args:
        texts: a list of texts; or the path of a file or folder of text files, plain or `.gz`, each line a text, which
            are read in each epoch and need not fit into memory.
        path: the file to write, as word2vec text; a name on `.gz` compresses it.
        size: D.
        epochs: passes over the texts.
        window: words before and after a word that its vector predicts.
        min_count: words that occur less often get no vector.
        lowercase: fold capital letters, as the task does.
        fold_digits: write each digit as 0, as an `EntityRecognizer` reads words.
        seed: of the vectors.

    Returns:
        V, the number of words.

    Raises:
        PackageError: gensim is not installed.
        ArgumentError: an argument out of its range.
        DataError: there is nothing to learn from, or something else than texts.
    """
    installed("train_vectors", "vectors", ["gensim"])
    from gensim.models import Word2Vec

    numbers = {"vector_size": size, "epochs": epochs, "window": window, "min_count": min_count}
    for name, value in numbers.items():
        whole(name.removeprefix("vector_"), value)
    split = _Sentences(texts, lowercase, fold_digits)
    model = Word2Vec(**numbers, sg=1, workers=1, seed=seed)
    model.build_vocab(split)
    if not len(model.wv):
        raise DataError(f"texts: no word occurs {min_count} times (min_count). Give more texts, or a smaller one.")
    model.train(split, total_examples=model.corpus_count, epochs=epochs)
    model.wv.save_word2vec_format(os.fspath(path))
    return len(model.wv)


class _Sentences:
    """The words of each text, as often as they are asked for."""

    def __init__(self, texts, lowercase: bool, fold_digits: bool):
        self._texts = Corpus(texts, each_line=True) if isinstance(texts, (str, os.PathLike)) else list(texts)
        self._lowercase, self._fold_digits = lowercase, fold_digits

    def __iter__(self) -> Iterator[list[str]]:
        for row, text in enumerate(self._texts["text"] if isinstance(self._texts, Corpus) else self._texts):
            check_encodable([text], row)
            found = words(text, lowercase=self._lowercase)
            yield [folded(word, lowercase=False) for word in found] if self._fold_digits else found


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
