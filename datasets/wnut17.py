"""WNUT 2017: names that are new or rare, in tweets, forum posts and comments.

L. Derczynski et al., "Results of the WNUT2017 shared task on novel and emerging entity recognition", WNUT 2017.
"""

from pathlib import Path

from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.source import Source, SourceFile

_FOLDER = "https://raw.githubusercontent.com/leondz/emerging_entities_17/e52a2d2a71ac1a051ca2d532eef28653c5c02603/"
_TRAIN, _DEV, _TEST = "wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"


def read(folder: Path) -> Splits:
    """The 3394, 1009 and 1287 texts with 1975, 836 and 1079 entities of six types, tagged in IOB2."""
    return Splits(*(read_conll(folder / file, comment=None) for file in (_TRAIN, _DEV, _TEST)))


SOURCE = Source(
    name="wnut17",
    task="ner",
    description="Tweets, posts and comments with persons, locations, groups, corporations, products and creative "
    "works, few of which occur twice: 3394 to train, 1009 to validate, 1287 to test.",
    licence="CC BY 4.0",
    homepage="https://noisy-text.github.io/2017/emerging-rare-entities.html",
    read=read,
    files=(
        SourceFile(
            _TRAIN, _FOLDER + _TRAIN, "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5", 493_781
        ),
        SourceFile(_DEV, _FOLDER + _DEV, "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8", 114_749),
        SourceFile(_TEST, _FOLDER + _TEST, "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0", 192_425),
    ),
)
