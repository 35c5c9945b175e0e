"""A file of the user's in three parts."""

from collections.abc import Collection, Sequence

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.errors import DataError


def three_parts(data: Dataset, kinds: Sequence[Collection[str]] | None = None) -> Splits:
    """Rows 80 : 10 : 10 at random, by a fixed seed.

    Args:
        data: the rows.
        kinds: of each row, its label, or the types of its entities; a row of the last two parts that has a kind which
            training lacks goes to training. None asks nothing.

    Raises:
        DataError: one of the parts would be empty.
    """
    rest, test = Dataset({"row": range(len(data))}).split(0.1, seed=0)
    train, *held_out = (part["row"] for part in (*rest.split(1 / 9, seed=0), test))
    if kinds is not None:
        known = {kind for row in train for kind in kinds[row]}
        first = [row for part in held_out for row in part if not known.issuperset(kinds[row])]
        train = [*train, *first]
        held_out = [[row for row in part if known.issuperset(kinds[row])] for part in held_out]
    if not all(held_out):
        raise DataError(
            f"data: of {len(data)} rows too many have a label that no other row has, so that none is left to validate "
            "or test on. Give more rows of each label."
        )
    return Splits(*(data.take(part) for part in (train, *held_out)))
