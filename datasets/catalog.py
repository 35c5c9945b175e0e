"""The table of data sets, and the ways to get at them by name.

A data set is a module with a `Source`, or with several that are read alike; its name here is all that adds it.
"""

import os
from importlib import import_module
from pathlib import Path

from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.download import ensure
from rnnkit.datasets.multi30k import PAIRS
from rnnkit.datasets.source import Source
from rnnkit.errors import DataError
from rnnkit.errors.checks import close_to

MODULES = (
    "sentiment_sample",
    "sst2",
    "imdb",
    "ner_sample",
    "wnut17",
    "ncbi_disease",
    "music_sample",
    "jsb",
    "piano_rolls",
    "translation_sample",
    "multi30k",
    "forecasting_sample",
    "ett",
    "exchange_rate",
    "language_sample",
    "tiny_shakespeare",
)


def sources_of(module: str) -> dict[str, Source]:
    """The sources of a module, by their names."""
    found = vars(import_module(f"rnnkit.datasets.{module}")).values()
    return {each.name: each for each in found if isinstance(each, Source)}


SOURCES = {name: source for module in MODULES for name, source in sources_of(module).items()}
MORE = {source.name: source for source in PAIRS.values()}  # too many for a list


def names() -> list[str]:
    """The names of the data sets; of Multi30k's twelve pairs of languages, one (see `info`).

    Examples:
        >>> from rnnkit import datasets
        >>> datasets.names()[:3]
        ['sentiment-sample', 'sst2', 'imdb']
    """
    return list(SOURCES)


def is_known(name: str) -> bool:
    """Whether `load` knows a data set of this name."""
    return name in SOURCES or name in MORE


def info(name: str) -> Source:
    """What is known about a data set: task, description, licence, homepage and files.

    Args:
        name: one of `names()`, or another pair of languages that its description speaks of.

    Raises:
        DataError: there is no such data set.

    Examples:
        >>> from rnnkit import datasets
        >>> datasets.info("sst2").task
        'sentiment'
    """
    if not is_known(name):
        raise DataError(
            f"name: expected one of the data sets {', '.join(SOURCES)}, got '{name}'."
            f"{close_to(name, SOURCES)} A file of your own is read by datasets.read(path)."
        )
    return SOURCES.get(name) or MORE[name]


def path(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """The cache folder of a data set, whether or not it exists yet.

    Args:
        name: as for `info`.
        directory: the cache; None takes the environment variable `RNNKIT_DATA_DIR`, or else the platform's cache
            folder.

    Returns:
        `<cache>/<name>`; for all pairs of Multi30k `<cache>/multi30k`.

    Raises:
        DataError: there is no such data set.
    """
    cache = directory or os.environ.get("RNNKIT_DATA_DIR")
    if not cache:
        import platformdirs

        cache = platformdirs.user_cache_dir("rnnkit")
    source = info(name)
    return Path(cache).expanduser() / (source.folder or source.name)


def fetch(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Download the files of a data set that are not in the cache yet, and check the digests of all.

    Args:
        name: as for `info`.
        directory: the cache, as for `path`.

    Returns:
        The cache folder. It holds nothing for a generated sample.

    Raises:
        DataError: there is no such data set.
        DownloadError: a file cannot be had, or has the wrong digest.
    """
    folder = path(name, directory)
    for file in info(name).files:
        ensure(file, folder)
    return folder


def load(name: str, *, directory: str | os.PathLike[str] | None = None) -> Splits:
    """A data set by name, downloaded at its first use.

    Args:
        name: as for `info`.
        directory: the cache, as for `path`.

    Returns:
        `(train, valid, test)`, each a `Dataset`.

    Raises:
        DataError: there is no such data set.
        DownloadError: a file cannot be had, or has the wrong digest.

    Examples:
        >>> from rnnkit import datasets
        >>> train, valid, test = datasets.load("music-sample")
        >>> len(train), len(valid), len(test)
        (200, 40, 40)
    """
    return info(name).splits(fetch(name, directory))
