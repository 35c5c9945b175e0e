"""The NCBI disease corpus: the names of diseases in abstracts of PubMed, as sentences.

R. I. Doğan, R. Leaman, Z. Lu, "NCBI disease corpus: a resource for disease name recognition and concept
normalization", Journal of Biomedical Informatics 47, 2014.
"""

from pathlib import Path

from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.source import Source, SourceFile

_FOLDER = "https://raw.githubusercontent.com/spyysalo/ncbi-disease/5a266c6fc76fb2b5184cfa397ff0a5ecdb133aec/conll/"
_TRAIN = "5f87b0de649eccff21e6d6e49e304aace808056ecae55225ea31602192517be9"
_DEVEL = "b4e1e7efcc2a35047bf2f3d281648357470e674f555d4a26a0049ac37d59cc61"
_TEST = "8f088ce45dc4746592188f9e69de3d89d87f3bb8f0ed8c4a287d018123fa148d"


def read(folder: Path) -> Splits:
    """The 5432, 923 and 940 sentences with 5145, 787 and 960 diseases, tagged in IOB2."""
    return Splits(*(read_conll(folder / f"{part}.tsv", comment=None) for part in ("train", "devel", "test")))


SOURCE = Source(
    name="ncbi_disease",
    task="ner",
    description="Sentences from medical abstracts, with the names of diseases: 5432 to train, 923 to validate, "
    "940 to test.",
    licence="public domain (a work of the US government)",
    homepage="https://www.ncbi.nlm.nih.gov/research/bionlp/Data/disease/",
    read=read,
    files=(
        SourceFile("train.tsv", _FOLDER + "train.tsv", _TRAIN, 1_140_476),
        SourceFile("devel.tsv", _FOLDER + "devel.tsv", _DEVEL, 200_352),
        SourceFile("test.tsv", _FOLDER + "test.tsv", _TEST, 205_664),
    ),
)
