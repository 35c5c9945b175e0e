"""The table of data sets, and the ways to get at them by name.

A data set is a module with a `SOURCE`, or with several that are read alike; adding one is adding it to the table here.
"""

import os
from pathlib import Path

from rnnkit.datasets import (
    imdb,
    jsb,
    music_sample,
    ncbi_disease,
    ner_sample,
    piano_rolls,
    sentiment_sample,
    sst2,
    wnut17,
)
from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.download import ensure
from rnnkit.datasets.source import Source
from rnnkit.errors import DataError

SOURCES = {
    source.name: source
    for source in (
        sentiment_sample.SOURCE,
        sst2.SOURCE,
        imdb.SOURCE,
        ner_sample.SOURCE,
        wnut17.SOURCE,
        ncbi_disease.SOURCE,
        music_sample.SOURCE,
        jsb.SOURCE,
        piano_rolls.NOTTINGHAM,
        piano_rolls.MUSE_DATA,
        piano_rolls.PIANO_MIDI,
    )
}


def names() -> list[str]:
    """The names of all data sets that `load` knows."""
    return list(SOURCES)


def info(name: str) -> Source:
    """What is known about a data set: task, description, licence, homepage and files.

    Args:
        name: one of `names()`.

    Raises:
        DataError: there is no such data set.
    """
    if name not in SOURCES:
        raise DataError(
            f"name: expected one of the data sets {', '.join(SOURCES)}, received '{name}'. "
            "A file of your own is read by datasets.read(path)."
        )
    return SOURCES[name]


def path(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """The cache folder of a data set, whether or not it exists yet.

    Args:
        name: one of `names()`.
        directory: the cache; None takes the environment variable `RNNKIT_DATA_DIR`, or else the platform's cache
            folder.

    Returns:
        `<cache>/<name>`.

    Raises:
        DataError: there is no such data set.
    """
    cache = directory or os.environ.get("RNNKIT_DATA_DIR")
    if not cache:
        import platformdirs

        cache = platformdirs.user_cache_dir("rnnkit")
    return Path(cache).expanduser() / info(name).name


def fetch(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Download the files of a data set that are not in the cache yet, and check the digests of all.

    Args:
        name: one of `names()`.
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
        name: one of `names()`.
        directory: the cache, as for `path`.

    Returns:
        `(train, valid, test)`, each a `Dataset`.

    Raises:
        DataError: there is no such data set.
        DownloadError: a file cannot be had, or has the wrong digest.
    """
    return info(name).read(fetch(name, directory))
