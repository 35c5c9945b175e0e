"""Daily exchange rates of eight currencies, 1990 to 2016, as the field splits them: 70, 10 and 20 %.

G. Lai et al., "Modeling long- and short-term temporal patterns with deep neural networks", SIGIR 2018. The file has no
dates, so that its steps are counted.
"""

from pathlib import Path

from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.series import Roles, Series, split_at
from rnnkit.datasets.source import Source, SourceFile

FILE = "exchange_rate.txt.gz"
TARGETS = ("Australia", "Britain", "Canada", "Switzerland", "China", "Japan", "New Zealand", "Singapore")
_URL = (
    "https://raw.githubusercontent.com/laiguokun/multivariate-time-series-data/"
    f"7f402f185cc2435b5e66aed13a3b560ed142e023/exchange_rate/{FILE}"
)


def read(folder: Path) -> Splits:
    """The three parts of one series with eight targets."""
    import pandas as pd

    values = pd.read_csv(folder / FILE, header=None).to_numpy("float64")
    train, test = int(0.7 * len(values)), len(values) - int(0.2 * len(values))
    return split_at(Series(values, roles=Roles(TARGETS)), train, test, len(values))


SOURCE = Source(
    name="exchange_rate",
    task="forecasting",
    description="Daily exchange rates of eight currencies: 5,311 days to train, 760 to validate, 1,517 to test.",
    licence="none stated",
    homepage="https://github.com/laiguokun/multivariate-time-series-data",
    read=read,
    files=(SourceFile(FILE, _URL, "6a4fbb561dcdee43f071a83badbeec9223a335552278348656738b556f1c2e9d", 177142),),
)
