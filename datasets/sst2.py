"""SST-2, the Stanford Sentiment Treebank with two classes: whole sentences from film reviews, no phrases.

R. Socher et al., "Recursive deep models for semantic compositionality over a sentiment treebank", EMNLP 2013.
"""

from pathlib import Path

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.datasets.tables import read_tsv
from rnnkit.errors import DataError

LABELS = {"0": "negative", "1": "positive"}
_FOLDER = (
    "https://raw.githubusercontent.com/clairett/pytorch-sentiment-classification/"
    "457ffd83de90a9d6d472d8ffc31bbffe40a8b236/data/SST2/"
)
_TRAIN = "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920"
_DEV = "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359"
_TEST = "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7"


def read(folder: Path) -> Splits:
    """The 6920, 872 and 1821 sentences, tokenised and in lower case, labelled `negative` or `positive`."""
    return Splits(*(_part(folder, part) for part in ("train", "dev", "test")))


def _part(folder: Path, part: str) -> Dataset:
    rows = read_tsv(folder / f"{part}.tsv", columns=("text", "label"))
    if not set(rows["label"]) <= LABELS.keys():
        raise DataError(f"{folder / part}.tsv has other labels than 0 and 1. Remove it, and it is downloaded again.")
    return Dataset({"text": rows["text"], "label": [LABELS[label] for label in rows["label"]]})


SOURCE = Source(
    name="sst2",
    task="sentiment",
    description="Sentences from film reviews, positive or negative: 6920 to train, 872 to validate, 1821 to test.",
    licence="none stated",
    homepage="https://nlp.stanford.edu/sentiment/",
    read=read,
    files=(
        SourceFile("train.tsv", _FOLDER + "train.tsv", _TRAIN, 720_259),
        SourceFile("dev.tsv", _FOLDER + "dev.tsv", _DEV, 92_057),
        SourceFile("test.tsv", _FOLDER + "test.tsv", _TEST, 188_749),
    ),
)
