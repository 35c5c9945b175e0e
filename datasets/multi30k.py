"""Multi30k: captions of photographs in English, German, French and Czech, from any of them into any other.

D. Elliott, S. Frank, K. Sima'an and L. Specia, "Multi30K: multilingual English-German image descriptions", 2016; French
and Czech were added for the shared tasks on multimodal translation of WMT 2017 and 2018.
"""

from functools import partial
from itertools import permutations
from pathlib import Path

from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.pairs import read_pairs
from rnnkit.datasets.source import Source, SourceFile

FOLDER = "multi30k"  # all pairs share one cache folder
LANGUAGES = ("en", "de", "fr", "cs")
PARTS = {"train": "train", "valid": "val", "test": "test_2016_flickr"}

_URL = "https://raw.githubusercontent.com/multi30k/dataset/a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw/"
_SHA256 = {
    "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
    "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
    "test_2016_flickr.en.gz": "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
    "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
    "test_2016_flickr.de.gz": "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    "train.fr.gz": "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c",
    "val.fr.gz": "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9",
    "test_2016_flickr.fr.gz": "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    "train.cs.gz": "a65adb8b32e3bc664f21ecba7a6e7f6950fd1f405e135f7c312faabdb6255077",
    "val.cs.gz": "b63226e05c4bd5dd6a42897d74b86a1b9d2c31498252c572b1ea7f7996927fcc",
    "test_2016_flickr.cs.gz": "200a4a74cc9560f051924abb9803be008d1908d77f747e9141aeb86dfd2797f1",
}
_SIZES = {
    "train.en.gz": 568929,
    "train.de.gz": 637044,
    "val.en.gz": 21650,
    "val.de.gz": 24681,
    "test_2016_flickr.en.gz": 21077,
    "test_2016_flickr.de.gz": 22890,
}


def read(folder: Path, source: str, target: str) -> Splits:
    """The 29000, 1014 and 1000 pairs of captions in two languages; the test part is that of 2016, Flickr.

    Args:
        folder: the cache folder.
        source, target: two of `LANGUAGES`.
    """
    return Splits(*(read_pairs(*(folder / _file(part, language) for language in (source, target))) for part in PARTS))


def _file(part: str, language: str) -> str:
    return f"{PARTS[part]}.{language}.gz"


def _source(source: str, target: str) -> Source:
    files = [_file(part, language) for part in PARTS for language in (source, target)]
    return Source(
        name=f"multi30k-{source}-{target}",
        task="translation",
        description="Captions of photographs: 29000 pairs to train, 1014 to validate, 1000 to test. "
        f"multi30k-SOURCE-TARGET for any two of {', '.join(LANGUAGES)}.",
        licence="none stated for the captions",
        homepage="https://github.com/multi30k/dataset",
        read=partial(read, source=source, target=target),
        files=tuple(SourceFile(file, _URL + file, _SHA256[file], _SIZES.get(file)) for file in files),
        folder=FOLDER,
    )


PAIRS = {pair: _source(*pair) for pair in permutations(LANGUAGES, 2)}
SOURCE = PAIRS["de", "en"]
