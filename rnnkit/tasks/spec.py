"""The base of the specs: a file of texts and labels, a model without options of its own, nothing more to leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rnnkit import datasets
from rnnkit.datasets import Dataset, Splits
from rnnkit.datasets.splits import three_parts
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.baseline import Baseline, Rule

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.tasks.config import RunConfig
    from rnnkit.tasks.task import Task

FEWEST = 10  # rows that can be parted into training, validation and test data


class Artifact(Protocol):
    """Something that writes itself into a run's folder."""

    def write(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Results:
    """What a trained model gives beyond its metrics.

    Attributes:
        tables: by name, each a CSV file of the run.
        metrics: more of them, merged into those of the run.
        artifacts: other files of the run.
    """

    tables: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()


class TaskSpec:
    """How a run of one task gets its data and model, and what it leaves; what a search tries and a comparison beats.

    Attributes:
        task: its name on the command line.
        title: its name in a report.
        about: what it does, in a line.
        time: what a run on its sample takes on two processor cores, about.
        sample: the data of a run that names none.
        cell: that of a run that names none, where nothing else suits the data.
        headline: the metrics that say how good a run is, the first one first.
        counted: what a row of its data is called.
        options: the fields of `RunConfig` that only some tasks take, and this one does.
        of_files: those that make sense for a user's file only, and why.
        space: what a search tries besides what is tried for every task, or in its place; see `read_part`.
        objectives: the metrics in its logs, each with its better end, `"min"` or `"max"`.
        suited: by a data set's name, arguments of the task that suit it better than the task's own, chosen on its
            validation part; what the user says goes first.
        rules: what scores without training, by name; the one that a model has to leave behind comes first.
    """

    task: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str] = ""
    time: ClassVar[str] = ""
    sample: ClassVar[str]
    cell: ClassVar[str] = "lstm"
    headline: ClassVar[tuple[str, ...]]
    counted: ClassVar[str] = "rows"
    options: ClassVar[tuple[str, ...]] = ()
    of_files: ClassVar[dict[str, str]] = {}
    space: ClassVar[dict[str, Any]] = {}
    objectives: ClassVar[dict[str, str]] = {}
    suited: ClassVar[dict[str, dict[str, Any]]] = {}
    rules: ClassVar[dict[str, Rule]] = {}

    def splits(self, config: "RunConfig") -> Splits:
        """The data of a run; a file of the user's is split 80 : 10 : 10 at random, by a fixed seed.

        Raises:
            ArgumentError: an option that the data cannot take.
            DataError: neither a known data set nor a file, or a file that cannot be used.
        """
        data = str(config.data)
        if datasets.is_known(data):
            self._check_kind(data)
            for name, why in self.of_files.items():
                if getattr(config, name) is not None:
                    raise ArgumentError(f"{name}: {why.format(data=data)}")
            return self.load(data)
        if not Path(data).exists():
            names = ", ".join(datasets.names())
            raise DataError(f"data: '{data}' is neither a data set nor a file. Known data sets: {names}.")
        whole = self.read(config, data)
        if len(whole) < FEWEST:
            raise DataError(
                f"data: {data} has {len(whole)} {self.counted} that can be used; a run needs at least {FEWEST} to "
                "train, validate and test on."
            )
        return self.split(whole)

    def test_data(self, config: "RunConfig") -> Dataset:
        """What a trained model is measured on: the test part of a known data set, or the whole of a user's file.

        Raises:
            DataError: data for another task, or a file that cannot be used.
        """
        data = str(config.data)
        if not datasets.is_known(data):
            return self.read(config, data)
        self._check_kind(data)
        return self.load(data).test

    def load(self, name: str) -> Splits:
        """A known data set."""
        return datasets.load(name)

    def read(self, config: "RunConfig", path: str) -> Dataset:
        """A user's file, in the run's columns.

        Raises:
            ArgumentError: columns that cannot be meant.
            DataError: the file cannot be used.
        """
        return datasets.read(path, **columns(config))

    def split(self, whole: Dataset) -> Splits:
        """The rows of a user's file in three parts."""
        return three_parts(whole)

    def model_options(self, config: "RunConfig") -> dict[str, Any]:
        """The arguments of the task that are not those of every task, and those that suit the data."""
        return self.suited.get(str(config.data), {})

    def data_options(self, config: "RunConfig") -> dict[str, Any]:
        """The arguments of the task without which it cannot learn the data."""
        return {}

    def compile(self, model: "Task", config: "RunConfig") -> None:
        """Compiles the adapted model, where the task's own settings do not suit the data."""

    def results(self, model: "Task", splits: Splits, config: "RunConfig", metrics: Mapping[str, Any]) -> Results:
        """What the trained model gives beyond `metrics`, those of the run."""
        return Results()

    def metric(self, model: "Task") -> tuple[str, str]:
        """What a model is judged by, and its better end."""
        return model.monitor[0].removeprefix("val_"), model.monitor[1]

    def baseline(self, train: Dataset, valid: Dataset) -> Baseline | None:
        """What the monitored metric has to leave behind; None where a long time without progress is normal.

        Args:
            train, valid: in the task's columns.
        """
        return None

    def networks(self) -> "dict[str, type[Task]]":
        """Networks without recurrence for the same data, by name."""
        return {}

    def _check_kind(self, data: str) -> None:
        kind = datasets.info(data).task
        if kind != self.task:
            raise DataError(f"data: '{data}' is data for {kind}. Run rnnkit run {kind} --data {data}, or name another.")


def columns(config: "RunConfig") -> dict[str, str]:
    """The columns of a file that were named."""
    return {name: value for name in ("text", "label") if (value := getattr(config, name)) is not None}
