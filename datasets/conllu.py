"""Reader of CoNLL-U and CoNLL-U Plus files: ten named columns, comments, words with numbers of their own.

Format: https://universaldependencies.org/format.html
"""

import os
import re
from pathlib import Path

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import listed
from rnnkit.errors import DataError
from rnnkit.text.textfile import lines

COLUMNS = "ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC"
PLUS = re.compile(r"#\s*global\.columns\s*=(.*)")  # the first line of CoNLL-U Plus
ATTRIBUTES = ("FEATS", "MISC")  # columns of NAME=value pairs


def read_conllu(path: str | os.PathLike[str], *, tag: str = "UPOS", encoding: str = "utf-8-sig") -> Dataset:
    """Read tokens and their tags from a CoNLL-U file.

    Comments, the lines of contracted words (`1-2`) and of words that were left out (`1.1`) are passed over.

    Args:
        path: a text file, plain or `.gz`, of any suffix.
        tag: where the tags are: a column, such as `UPOS`, `XPOS` or one of CoNLL-U Plus; or the name of an attribute in
            `MISC` or `FEATS`, such as `NER` where a word has `NER=B-PER`. A word without it has the tag `O`.
        encoding: of the file; a byte order mark is fine.

    Returns:
        A data set with the columns `tokens` and `tags`: for each sentence a list of str, as long as the sentence.

    Raises:
        ArgumentError: there is no such encoding.
        DataError: the file cannot be read or holds no sentence, a line has not the file's columns, or there is no such
            tag.
    """
    path = Path(path)
    names, found = COLUMNS.split(), False
    sentences: list[tuple[list[str], list[str]]] = [([], [])]
    for number, line in enumerate(lines(path, encoding), start=1):
        if plus := PLUS.match(line):
            names = plus[1].upper().split()
        elif line.isspace():
            sentences.append(([], []))
        elif not line.startswith("#"):
            word = _word(path, number, line, names)
            if word.get("ID", "1").isdecimal():
                value = _value(word, tag)
                found = found or value is not None
                sentences[-1][0].append(word["FORM"])
                sentences[-1][1].append(value or "O")
    rows = [row for row in sentences if row[0]]
    if not rows:
        raise DataError(f"{path} has no sentence: no line has a word.")
    if not found:
        raise DataError(f"tag: {path} has no column or attribute '{tag}'; its columns are {listed(names)}.")
    tokens, tags = zip(*rows, strict=True)
    return Dataset({"tokens": tokens, "tags": tags}, name=path.name)


def _word(path: Path, number: int, line: str, names: list[str]) -> dict[str, str]:
    cells = [cell.strip(" ") for cell in line.rstrip("\r\n").split("\t")]
    if len(cells) != len(names) or not all(cells) or "FORM" not in names:
        raise DataError(
            f"{path}, line {number}: expected the {len(names)} columns {' '.join(names)} with tabs between them, none "
            f"empty, found {len(cells)} cells. Other columns are read by read_conll."
        )
    return dict(zip(names, cells, strict=True))


def _value(word: dict[str, str], tag: str) -> str | None:
    """The tag of a word: a column, or one of its attributes."""
    if tag.upper() in word:
        return word[tag.upper()]
    pairs = (pair.partition("=") for name in ATTRIBUTES for pair in word.get(name, "").split("|"))
    return next((value for name, _, value in pairs if name == tag), None)
