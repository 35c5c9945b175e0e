"""What a task says about itself, and the base of all: a file of texts and labels, no options, nothing more to write."""

import importlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rnnkit import datasets
from rnnkit.datasets import Dataset, Splits
from rnnkit.datasets.splits import part_files
from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import close_to, installed
from rnnkit.tasks.options import COMMON, OF_READERS, Option
from rnnkit.tasks.parts import Baseline, Config, Finished, PageParts, Results, Rule, Saved, WebPage

if TYPE_CHECKING:
    from rich.console import Console

    from rnnkit.tasks.task import Task

# What a training measures of its gradients, and of them through time: each with its better end, `"min"` or `"max"`.
GRADIENTS = {"grad_norm": "min", "grad_norm_max": "min", "clip_rate": "min", "skipped_steps": "min"}
THROUGH_TIME = {"gain_min": "max", "gain_max": "min", "horizon_min": "max"}


class TaskSpec:
    """What a task says about itself: how a run gets its data and model, what it writes, prints and shows.

    Attributes:
        task: its name on the command line, in `rnnkit.tune` and in `rnnkit.compare`.
        model: where its class is, as `module:Class`.
        title: its name in a report.
        about: what it does, in a line.
        time: what a run on its sample takes on two processor cores, about.
        sample: the data of a run that names none.
        cell: that of a run that names none, where nothing else suits the data.
        headline: the metrics that say how good a run is, the first one first.
        counted: what a row of its data is called.
        options: what a run can be asked for besides the options of every task, or in their place.
        shorthands: those of them that only say what others are, see `resolve`.
        lasting: those of them that describe a file, and hold for the files that a trained model is given later as well.
        fewest: rows of a file that can be split into training, validation and test data.
        evaluate_options: what `rnnkit evaluate` can be asked for besides its data.
        predict_options: what `rnnkit predict` can be asked for in place of texts; see `predict`.
        examples: command lines that its help shows.
        space: what a search tries besides what is tried for every task, or in its place; see `read_part`.
        objectives: the metrics in its logs, each with its better end, `"min"` or `"max"`.
        suited: by a data set's name, arguments of the task that suit it better than the task's own, chosen on its
            validation part; what the user says goes first.
        extra, packages: an extra of rnnkit, and the packages of it without which a run is not possible.
        rules: what scores without training, by name; the one that a model has to leave behind comes first.
    """

    task: ClassVar[str]
    model: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str] = ""
    time: ClassVar[str] = ""
    sample: ClassVar[str]
    cell: ClassVar[str] = "lstm"
    headline: ClassVar[tuple[str, ...]]
    counted: ClassVar[str] = "rows"
    options: ClassVar[tuple[Option, ...]] = ()
    shorthands: ClassVar[tuple[str, ...]] = ()
    lasting: ClassVar[tuple[str, ...]] = ()
    fewest: ClassVar[int] = 10
    evaluate_options: ClassVar[tuple[Option, ...]] = ()
    predict_options: ClassVar[tuple[Option, ...]] = ()
    examples: ClassVar[tuple[str, ...]] = ()
    space: ClassVar[dict[str, Any]] = {}
    objectives: ClassVar[dict[str, str]] = {}
    suited: ClassVar[dict[str, dict[str, Any]]] = {}
    extra: ClassVar[str] = ""
    packages: ClassVar[tuple[str, ...]] = ()
    rules: ClassVar[dict[str, Rule]] = {}

    @property
    def task_class(self) -> "type[Task]":
        """The class of its model; it needs TensorFlow.

        Raises:
            PackageError: packages of the task's extra are missing.
        """
        installed(self.task, self.extra, self.packages)
        module, name = self.model.split(":")
        return getattr(importlib.import_module(module), name)

    @property
    def run_options(self) -> tuple[Option, ...]:
        """All options of its runs."""
        named = {option.name: option for option in (*COMMON, *self.options)}
        return tuple(named.values())

    @property
    def data_options(self) -> tuple[Option, ...]:
        """Those that say which data, and how a file is read."""
        return tuple(each for each in self.run_options if each.panel == "Data" and each.name not in self.shorthands)

    @property
    def known_objectives(self) -> dict[str, str]:
        """What a search can optimize, by name, each with its better end, `"min"` or `"max"`."""
        metrics = {"loss": "min", **self.objectives}
        return {**{f"val_{name}": way for name, way in metrics.items()}, "loss": "min", **GRADIENTS, **THROUGH_TIME}

    @property
    def _names(self) -> set[str]:
        return {option.name for option in self.run_options}

    def resolve(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values of options without the shorthands, which say what others are.

        Raises:
            ArgumentError: values that do not go together.
        """
        return values

    def splits(self, config: Config) -> Splits:
        """The data of a run; a file of the user's is split 80 : 10 : 10 at random, by a fixed seed.

        Raises:
            ArgumentError: an option that the data cannot take.
            DataError: neither a known data set nor a file, or a file that cannot be used.
            PackageError: packages of the task's extra are missing.
        """
        installed(self.task, self.extra, self.packages)
        data = str(config.data)
        if datasets.is_known(data):
            self._check_kind(data)
            for option in self.data_options:
                if option.of_files and getattr(config, option.name) is not None:
                    raise ArgumentError(f"{option.name}: {option.of_files.format(data=data)}")
            return self.load(data)
        if not Path(data).exists():
            names = ", ".join(datasets.names())
            raise DataError(
                f"data: '{data}' is neither a data set nor a file.{close_to(data, datasets.names())} "
                f"Known data sets: {names}."
            )
        return datasets.read_split(data, *self._parts(config), read=partial(self._read, config), split=self.split)

    def _parts(self, config: Config) -> list[str | None]:
        """The files of the validation and the test data, where they were named."""
        return [getattr(config, part) if part in self._names else None for part in ("valid", "test")]

    def _read(self, config: Config, path: Any) -> Dataset:
        found = self.read(config, str(path))
        if str(path) == config.data and len(found) < self.fewest and None in self._parts(config):
            raise DataError(
                f"data: {path} has {len(found)} {self.counted} that can be used; a run needs at least {self.fewest} to "
                "train, validate and test on.",
                advice="Name files of those parts with <valid> and <test>, or give more.",
            )
        return found

    def test_data(self, config: Config) -> Dataset:
        """What a trained model is measured on: the test part of a known data set, or the whole of a user's file.

        Raises:
            DataError: data for another task, or a file that cannot be used.
        """
        data = str(config.data)
        if not datasets.is_known(data):
            parts = part_files(Path(data))
            return self.read(config, str(parts.get("test") or parts.get("valid") or data))
        self._check_kind(data)
        return self.load(data).test

    def load(self, name: str) -> Splits:
        """A known data set."""
        return datasets.load(name)

    def read(self, config: Config, path: str) -> Dataset:
        """A user's file, in the run's columns.

        Raises:
            ArgumentError: columns that cannot be meant.
            DataError: the file cannot be used.
        """
        return datasets.read(path, **self.reading(config))

    def reading(self, config: Config) -> dict[str, Any]:
        """What the readers are told about a user's file."""
        told = {name: getattr(config, name) for name in OF_READERS if name in self._names}
        if told.get("columns") is not None:
            told["columns"] = tuple(int(each) if each.isdecimal() else each for each in told["columns"].split(","))
        return {name: value for name, value in told.items() if value is not None}

    def split(self, data: Dataset, fraction: float) -> tuple[Dataset, Dataset]:
        """The rest of a user's data, and a part with this fraction of the rows."""
        return data.split(fraction)

    def model_arguments(self, config: Config) -> dict[str, Any]:
        """The arguments of the task that are not those of every task, and those that suit the data."""
        return self.suited.get(str(config.data), {})

    def data_arguments(self, config: Config) -> dict[str, Any]:
        """The arguments of the task without which it cannot learn the data."""
        return {}

    def fit_arguments(self, config: Config) -> dict[str, Any]:
        """What `adapt` and `fit` get besides the data."""
        return {}

    def compile(self, model: "Task", config: Config) -> None:
        """Compiles the adapted model, where the task's own settings do not suit the data."""

    def results(self, model: "Task", splits: Splits, config: Config, metrics: Mapping[str, Any]) -> Results:
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

    def rules_for(self, model: "Task") -> dict[str, Rule]:
        """`rules`, on the terms of a model, such as its horizon."""
        return self.rules

    def networks(self) -> "dict[str, type[Task]]":
        """Networks without recurrence for the same data, by name."""
        return {}

    def show(self, console: "Console", trained: Finished, folder: str, test: Dataset) -> str:
        """Prints what a run has found beyond its metrics; returns a command line to try its model with.

        Args:
            folder: of the run, as it is written on a command line.
            test: the test data.
        """
        from rnnkit.report.terminal import show_table

        show_table(console, trained.samples, "A few examples of the test data", "samples.csv")
        return f"rnnkit evaluate {folder}"

    def evaluate(self, console: "Console", model: "Task", data: Dataset, folder: Path, name: str, **options: Any):
        """The model's metrics on raw data, and a function that prints and writes what goes beyond them.

        Args:
            folder: of the run, for what is written.
            name: of the data, for the names of files.
            options: values of `evaluate_options`.
        """
        return metrics_of(model, data), lambda: None

    def check_predict(self, run: Path, **options: Any) -> None:
        """Raises where `rnnkit predict` is not the command for this task, or lacks something.

        Raises:
            ArgumentError: it names the command.
        """

    def predict(self, console: "Console", model: "Task", **options: Any) -> None:
        """What `rnnkit predict` does for a task that has `predict_options`, with those that were given."""

    def answers(self, model: "Task", texts: list[str], as_json: bool) -> Iterator[Any]:
        """What `rnnkit predict` prints: a line for each text.

        Raises:
            ArgumentError: the task answers no texts.
        """
        raise ArgumentError(f"run: a model of {self.task} does not answer texts. Load it in Python with rnnkit.load.")

    def answer_rows(self, model: "Task", rows: Any, **options: Any) -> Mapping[str, Any]:
        """Columns with an answer for each input, for `rnnkit.Predictor`; raises where the task has none."""
        raise ArgumentError(f"path: a model of {self.task} has no answer for each row. Load it with rnnkit.load.")

    def page(self, folder: Saved) -> PageParts:
        """What the page of a run shows beyond what all pages show."""
        return PageParts()

    def web_page(self, model: "Task") -> WebPage | None:
        """The page that `model.export(format="web")` writes; None where there is none.

        Raises:
            ArgumentError: this model has something that a browser cannot run.
        """
        return None

    def _check_kind(self, data: str) -> None:
        kind = datasets.info(data).task
        if kind != self.task:
            raise DataError(f"data: '{data}' is data for {kind}. Run rnnkit run {kind} --data {data}, or name another.")


def metrics_of(model: "Task", data: Any) -> dict[str, float]:
    """The model's metrics on raw data, as plain floats."""
    return {name: float(value) for name, value in model.evaluate(data, verbose=0, return_dict=True).items()}
