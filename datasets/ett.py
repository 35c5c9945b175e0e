"""ETT: oil temperature and six loads of two transformers, by the hour, July 2016 to June 2018.

H. Zhou et al., "Informer: Beyond efficient transformer for long sequence time-series forecasting", AAAI 2021. The parts
are those of the field: twelve months to train, four to validate, four to test; the rest is left out.
"""

import functools
from pathlib import Path

from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.series import Roles, series_of, split_at
from rnnkit.datasets.source import Source, SourceFile

MONTH = 30 * 24
_FOLDER = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/"
TARGETS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")


def read(name: str, folder: Path) -> Splits:
    """The three parts of a transformer's series, with seven targets; the later ones look back on the earlier."""
    import pandas as pd

    frame = pd.read_csv(folder / f"{name}.csv")
    [series] = series_of(frame, Roles.of(target=TARGETS, time="date"))
    return split_at(series, 12 * MONTH, 16 * MONTH, 20 * MONTH)


def _source(name: str, sha256: str, size: int) -> Source:
    return Source(
        name=name,
        task="forecasting",
        description="A transformer's oil temperature and loads, seven columns by the hour: 8,640 hours to train, 2,880 "
        "to validate, 2,880 to test.",
        licence="CC BY-ND 4.0",
        homepage="https://github.com/zhouhaoyi/ETDataset",
        read=functools.partial(read, name),
        files=(SourceFile(f"{name}.csv", f"{_FOLDER}{name}.csv", sha256, size),),
        folder="ett",
    )


ETTH1 = _source("ETTh1", "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066", 2_589_657)
ETTH2 = _source("ETTh2", "a3dc2c597b9218c7ce1cd55eb77b283fd459a1d09d753063f944967dd6b9218b", 2_417_960)
