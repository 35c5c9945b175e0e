"""A generated sample of a series: the load of a small grid by the hour, for 250 days.

- a slow trend, a day and a week: mornings and evenings are high, weekends low;
- an event that is known ahead (a shift in a factory): the load rises while it lasts, in working weeks about twice as
  much as in holiday weeks, and falls below the usual for some hours after it;
- two regimes, working weeks and holiday weeks, that change after one to four weeks: level and size of the day differ;
- noise that carries over from hour to hour.

A linear model of the past sees the seasons and the noise, but neither the event that is about to come nor that its
effect depends on the regime. The first 60 % are to train, 20 % to validate, and the last 20 % to test.
"""

import numpy as np

from rnnkit.datasets.dataset import Splits
from rnnkit.datasets.series import Roles, Series, split_at
from rnnkit.datasets.source import Source

HOURS = 24 * 250
VALID, TEST = 24 * 150, 24 * 200
AFTER = 6  # hours for which an event is felt


def generate(seed: int = 0) -> Splits:
    """The sample: the target `load` and the column `event`, 1 while it lasts, which is known ahead.

    Args:
        seed: another seed gives another series of the same kind.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    working, event = _regimes(rng), _events(rng)
    angle = 2 * np.pi * hour / 24
    day = -6 * np.cos(angle) + 4 * np.sin(2 * angle - 1.0)
    weekend = ((hour // 24) % 7 >= 5).astype(float)
    felt = np.convolve(event, np.full(AFTER, 1 / AFTER))[:HOURS]
    usual = 100 + 0.002 * hour + (0.6 + 0.6 * working) * day - 5 * weekend + 6 * working
    effect = (7 + 8 * working) * event - 8 * (felt * (1 - event))
    load = usual + effect + _noise(rng, HOURS)
    index = pd.date_range("2024-01-01", periods=HOURS, freq="h")
    roles = Roles(("load",), "time", known=("event",), frequency="h")
    series = Series(np.round(load, 2), known=event, index=index, frequency="h", roles=roles)
    return split_at(series, VALID, TEST, HOURS)


def _regimes(rng: np.random.Generator) -> np.ndarray:
    """1 in working weeks, 0 in holiday weeks; each kind lasts one to four weeks."""
    weeks = np.concatenate([np.full(rng.integers(1, 5), number % 2) for number in range(40)])
    return 1.0 - np.repeat(weeks, 7 * 24)[:HOURS]


def _events(rng: np.random.Generator) -> np.ndarray:
    """1 for 3 to 9 hours, about every other day."""
    event, at = np.zeros(HOURS), 0
    while (at := at + int(rng.integers(12, 72))) < HOURS:
        length = int(rng.integers(3, 10))
        event[at : at + length] = 1.0
        at += length
    return event


def _noise(rng: np.random.Generator, steps: int) -> np.ndarray:
    drawn, noise = rng.normal(0, 1.0, steps), np.zeros(steps)
    for step in range(1, steps):
        noise[step] = 0.7 * noise[step - 1] + drawn[step]
    return noise


SOURCE = Source(
    name="forecasting-sample",
    task="forecasting",
    description="A generated load by the hour with trend, day, week, two regimes, and an event that is known ahead: "
    "150 days to train, 50 to validate, 50 to test.",
    licence="Apache-2.0, as rnnkit",
    homepage="rnnkit.datasets.forecasting_sample",
    read=lambda folder: generate(),
)
