"""The future where it must not be: what a training would know that no forecast can."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Roles, Series
from rnnkit.errors import DataNotice

SAME = 0.999  # the correlation from which on a known column is the target


def ends_of(series: Sequence[Series]) -> dict[str, str]:
    """The last time stamp of each group, as text; of one series alone under the empty name."""
    return {_name(each): str(each.index[len(each) - 1]) for each in series if each.index is not None}


def told_leaks(train, valid, roles: Roles) -> Iterator[DataNotice]:
    """What the training would know that no forecast can, in words; of data in the form of series only."""
    train, valid = _series(train), _series(valid)
    known = {_name(each): each for each in train if each.index is not None}
    for each in valid:
        before = known.get(_name(each))
        if before is None or each.index is None:
            continue
        overlap = int((each.index[each.start : len(each)] <= before.index[len(before) - 1]).sum())
        if overlap:
            of = "" if each.group is None else f" of {each.group!r}"
            yield DataNotice(
                f"validation_data: {overlap} of its {len(each) - each.start} steps{of} are also steps of the training "
                "data, which is a leak. Split by time, with validation_split= or datasets.split_by_time."
            )
            break
    yield from _given_away(train)


def _given_away(train: Sequence[Series]) -> Iterator[DataNotice]:
    for each in train[:1]:
        for column, name in zip(each.known[: len(each)].T, each.roles.known, strict=False):
            for target, values in zip(each.roles.target, each.values.T, strict=True):
                both = np.isfinite(column) & np.isfinite(values)
                if both.sum() > 2 and column[both].std() and values[both].std():
                    correlation = np.corrcoef(column[both], values[both])[0, 1]
                    if abs(correlation) > SAME:
                        yield DataNotice(
                            f"known: {name} follows {target} with a correlation of {correlation:.4f}, which is a leak "
                            "unless it is known ahead indeed. If it is not, make it one of past=."
                        )


def _series(data: Any) -> list[Series]:
    found = data["series"] if isinstance(data, Dataset) and "series" in data.columns else []
    return [each for each in found if isinstance(each, Series)]


def _name(series: Series) -> str:
    return "" if series.group is None else str(series.group)
