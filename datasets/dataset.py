"""Named columns of equal length: the form in which all data comes in."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from rnnkit.datasets.describe import describe, length_statistics
from rnnkit.errors import DataError
from rnnkit.errors.checks import close_to, whole

if TYPE_CHECKING:
    import pandas as pd


class Dataset:
    """Rows of data in named columns of Python or NumPy values. A data set never changes: methods return new ones.

    ```python
    reviews = Dataset({"text": ["Loved it.", "Not good."], "label": ["positive", "negative"]})
    reviews["text"]  # the column, a list
    reviews[0]       # the row, a dict
    reviews[:1]      # a Dataset
    ```

    Args:
        columns: column name -> values, all of one length. NumPy arrays and pandas series are taken apart along their
            first axis.
        name: what `repr` calls the data.

    Raises:
        DataError: `columns` is no mapping, has no columns, a column is no sequence, or their lengths differ.

    Examples:
        >>> from rnnkit.datasets import Dataset
        >>> data = Dataset({"text": ["good", "bad", "not bad"], "label": ["+", "-", "+"]})
        >>> data.take([2, 0])["text"]
        ['not bad', 'good']
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]], *, name: str = ""):
        if not isinstance(columns, Mapping) or not columns:
            raise DataError(
                "columns: expected a dict of column name -> values with at least one column, "
                f"such as {{'text': [...], 'label': [...]}}, got {type(columns).__name__}."
            )
        self.name = name
        self._columns = {str(column): _as_list(column, values) for column, values in columns.items()}
        sizes = {column: len(values) for column, values in self._columns.items()}
        if len(set(sizes.values())) > 1:
            raise DataError(f"columns must be of equal length, got the lengths {sizes}.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    @overload
    def __getitem__(self, key: slice) -> "Dataset": ...
    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    def __getitem__(self, key):
        if isinstance(key, str):
            return list(self._column(key))
        if isinstance(key, slice):
            return self.take(range(len(self))[key])
        return {column: values[key] for column, values in self._columns.items()}

    def take(self, rows: Iterable[int]) -> "Dataset":
        """The rows at these positions, in this order.

        Args:
            rows: positions; negative ones count from the end.

        Returns:
            A new data set of the same columns.

        Raises:
            IndexError: a position is out of range.
        """
        rows = list(rows)
        taken = {column: [values[row] for row in rows] for column, values in self._columns.items()}
        return Dataset(taken, name=self.name)

    def split(self, fraction: float, seed: int = 0) -> tuple["Dataset", "Dataset"]:
        """Shuffle the rows and set a part of them aside.

        Args:
            fraction: the fraction of the rows that goes to the second part, between 0 and 1.
            seed: of the shuffle.

        Returns:
            `(rest, part)`: two data sets that share no row.

        Raises:
            DataError: one of the two would be empty.
        """
        size = round(fraction * len(self)) if 0 < fraction < 1 else 0
        if not 0 < size < len(self):
            raise DataError(
                f"fraction: expected a fraction that leaves rows on both sides of the split, "
                f"got {fraction} of {len(self)} rows."
            )
        rows = _shuffled(len(self), seed)
        return self.take(rows[size:]), self.take(rows[:size])

    def sample(self, n: int, seed: int = 0) -> tuple[list[Any], ...]:
        """The columns of some rows drawn without replacement, so that `f(model, *valid.sample(64))` gives x and y.

        Args:
            n: how many rows; more than there are gives all of them.
            seed: of the draw.

        Returns:
            A list of `n` values for each column, in the order of `columns`.

        Raises:
            ArgumentError: `n` is not positive.
        """
        rows = _shuffled(len(self), seed)[: whole("n", n)]
        return tuple([values[row] for row in rows] for values in self._columns.values())

    def lengths(self, column: str) -> dict[str, float]:
        """How long the values of a column are: words (split at white space) for text, items for sequences.

        Args:
            column: the name of the column.

        Returns:
            A dict with `min`, `mean`, `median`, `p99`, `max`.

        Raises:
            DataError: there is no such column, it is empty, or its values have no length.
        """
        return length_statistics(column, self._column(column))

    def to_pandas(self) -> "pd.DataFrame":
        """The same rows as a pandas DataFrame; sequences stay whole, one in each cell."""
        import pandas as pd

        return pd.DataFrame({column: pd.Series(values) for column, values in self._columns.items()})

    @classmethod
    def from_pandas(cls, frame: "pd.DataFrame", name: str = "") -> "Dataset":
        """A data set of a DataFrame's columns; its index is left out.

        Args:
            frame: the DataFrame. Its column names become text.
            name: what `repr` calls the data.

        Raises:
            DataError: two columns have one name, or there is no column.
        """
        names = [str(column) for column in frame.columns]
        if len(set(names)) < len(names):
            raise DataError(f"frame: expected columns with different names, got {names}.")
        return cls({column: frame.iloc[:, place].tolist() for place, column in enumerate(names)}, name=name)

    def __repr__(self) -> str:
        title = f"Dataset '{self.name}'" if self.name else "Dataset"
        return f"{title}: {len(self)} rows\n{describe(self._columns)}"

    def _column(self, name: str) -> list[Any]:
        if name not in self._columns:
            known = f"the columns are: {', '.join(self._columns)}.{close_to(name, self._columns)}"
            raise DataError(f"there is no column '{name}'; {known}")
        return self._columns[name]


class Splits(NamedTuple):
    """The parts of a data set: `train, valid, test = datasets.load("sst2")`."""

    train: Dataset
    valid: Dataset
    test: Dataset

    def __repr__(self) -> str:
        return "\n".join(f"{part}: {data!r}" for part, data in self._asdict().items())


def _as_list(column: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        raise DataError(f"column '{column}': expected a sequence of values, got {type(values).__name__}.")
    # Arrays of one axis become Python numbers and strings; of more axes, a list of arrays.
    return values.tolist() if getattr(values, "ndim", 0) == 1 else list(values)


def _shuffled(n: int, seed: int) -> list[int]:
    rows = list(range(n))
    random.Random(seed).shuffle(rows)
    return rows
