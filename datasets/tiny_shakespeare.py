"""Tiny Shakespeare: a million characters of his plays, as A. Karpathy put them together in 2015.

The last tenth is the test data, as in Feng et al., "Were RNNs all we needed?", 2024; the validation data are the last
twentieth of what comes before.
"""

from pathlib import Path

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.errors import DataError

FILE = "tinyshakespeare.txt"
URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
    "/data/tinyshakespeare/input.txt"
)
DIGEST = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SIZE = 1_115_394


def read(folder: Path) -> Splits:
    """One text in each part: 953,661, 50,193 and 111,540 characters."""
    text = (folder / FILE).read_text(encoding="ascii")
    if len(text) != SIZE:
        raise DataError(f"{folder / FILE} has {len(text)} characters. Remove it, and it is downloaded again.")
    test = SIZE * 9 // 10
    valid = test * 19 // 20
    parts = (text[:valid], text[valid:test], text[test:])
    return Splits(*(Dataset({"text": [part]}) for part in parts))


SOURCE = Source(
    name="tiny-shakespeare",
    task="language-model",
    description="Plays of Shakespeare in one file: a million characters, the last tenth to test.",
    licence="public domain",
    homepage="https://github.com/karpathy/char-rnn",
    read=read,
    files=(SourceFile(FILE, URL, DIGEST, SIZE),),
    folder="corpora",
)
