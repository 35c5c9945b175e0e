"""One training from a configuration to its results: what `rnnkit run` does, without the printing."""

import dataclasses
import importlib.metadata
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit import datasets
from rnnkit.datasets import Dataset, Splits
from rnnkit.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.callbacks import GradientClipping, GradientHealth
    from rnnkit.tasks.task import Task

SAMPLES = {"sentiment": "sentiment-sample", "ner": "ner-sample"}
COLUMN_OF = {"text": "token", "label": "tag"}


@dataclass(frozen=True)
class RunConfig:
    """All that is needed to run a training again.

    Attributes:
        task: a name of `SAMPLES`.
        data: a built-in sample, a public data set's name, or the path of a file; None takes the task's sample.
        cell, units, layers: of the recurrent stack; units None takes the task's own.
        epochs: how many; None stops when validation no longer improves. The best epoch is kept either way.
        batch_size: examples a step.
        seed: sets all randomness.
        text, label: the columns of a file: names, or for tagged sentences numbers from 0; None takes the reader's own.
        clip: `RULE` or `RULE:THRESHOLD`, a rule of `rnnkit.callbacks.GradientClipping`; None does not clip.
    """

    task: str = "sentiment"
    data: str | None = None
    cell: str = "lstm"
    units: int | None = None
    layers: int = 1
    epochs: int | None = None
    batch_size: int = 32
    seed: int = 0
    text: str | None = None
    label: str | None = None
    clip: str | None = None

    def __post_init__(self):
        if self.task not in SAMPLES:
            raise ArgumentError(f"task: unknown task '{self.task}'. Known tasks: {', '.join(SAMPLES)}.")
        for name in ("units", "layers", "epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{name}: expected a positive integer, got {value}.")
        if self.data is None:
            object.__setattr__(self, "data", SAMPLES[self.task])

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """The configuration in a run's `config.json`, which also holds where it ran.

        Raises:
            DataError: it holds something else.
        """
        try:
            return cls(**{name: value for name, value in values.items() if name != "device"})
        except TypeError as error:
            raise DataError(f"run: config.json is not one of rnnkit run ({error}).") from error

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able dict; `RunConfig(**dict)` gives the same configuration."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Trained:
    """What a training leaves: the model, a row an epoch, the metrics contract, gradients, and a few answers."""

    model: "Task"
    history: "pd.DataFrame"
    metrics: dict[str, Any]
    health: "GradientHealth"
    samples: "pd.DataFrame"


def open_data(config: RunConfig) -> Splits:
    """The splits of a run's data; a file of the user's is split 80 : 10 : 10 at random, by a fixed seed.

    Raises:
        DataError: neither a known data set nor a file, or a file that cannot be used.
    """
    data = str(config.data)
    if data in datasets.names():
        kind = datasets.info(data).task
        if kind != config.task:
            raise DataError(f"data: '{data}' is data for {kind}. Run rnnkit run {kind} --data {data}, or name another.")
        return datasets.load(data)
    if not Path(data).exists():
        names = ", ".join(datasets.names())
        raise DataError(f"data: '{data}' is neither a data set nor a file. Known data sets: {names}.")
    whole = read_file(config.task, data, config.text, config.label)
    if len(whole) < 10:
        raise DataError(f"data: {data} has {len(whole)} rows; a run needs at least 10 to train, validate and test on.")
    rest, test = whole.split(0.1, seed=0)
    train, valid = rest.split(1 / 9, seed=0)
    return Splits(train, valid, test)


def read_file(task: str, path: str, text: str | None = None, label: str | None = None) -> Dataset:
    """A user's file for a task: by its suffix, or for `"ner"` as CoNLL columns whatever it is called.

    Raises:
        ArgumentError: a column of tagged sentences is no number.
        DataError: the file cannot be used.
    """
    given = {name: value for name, value in (("text", text), ("label", label)) if value is not None}
    if task != "ner":
        return datasets.read(path, **given)
    try:
        columns = {f"{COLUMN_OF[name]}_column": int(value) for name, value in given.items()}
    except ValueError as error:
        raise ArgumentError(f"text, label: expected the numbers of columns, from 0, got {given}.") from error
    return datasets.read_conll(path, **columns)


def train(config: RunConfig, splits: Splits, callbacks=(), verbose=0) -> Trained:
    """Trains, keeps the epoch that is best on validation, and tests once."""
    import keras
    import pandas as pd

    from rnnkit.callbacks import GradientGuard, GradientHealth
    from rnnkit.tasks import TASKS

    health = GradientHealth(max_rows=20_000)
    clipping = gradient_clipping(config.clip)

    keras.utils.set_random_seed(config.seed)
    width = {} if config.units is None else {"units": config.units}
    model = TASKS[config.task](cell=config.cell, layers=config.layers, **width)
    model.adapt(splits.train)
    model.encode(splits.test)  # what is wrong with the test data is said before the training, not after it
    stopping = [] if config.epochs is None else [model.best_epoch(patience=config.epochs)]
    start = time.perf_counter()
    history = model.fit(
        splits.train,
        validation_data=splits.valid,
        batch_size=config.batch_size,
        epochs=config.epochs or "auto",
        callbacks=[health, GradientGuard("skip"), *clipping, *callbacks, *stopping],
        verbose=verbose,
    )
    seconds = time.perf_counter() - start
    frame = pd.DataFrame({"epoch": history.epoch, **history.history})
    metrics = {
        **{name: getattr(config, name) for name in ("task", "data", "cell", "seed")},
        "test": evaluate(model, splits.test),
        "valid": evaluate(model, splits.valid),
        "seconds": round(seconds, 2),
        "examples_per_second": round(len(splits.train) * len(frame) / seconds, 1),
        "epochs": len(frame),
        "kernels": _kernels(model),
        "versions": versions(),
    }
    return Trained(model, frame, metrics, health, model.preview(splits.test))


def gradient_clipping(clip: str | None) -> list["GradientClipping"]:
    """The callback that `RULE` or `RULE:THRESHOLD` asks for, in a list; none for None.

    Raises:
        ArgumentError: an unknown rule, or a threshold that it cannot take.
    """
    from rnnkit.callbacks import GradientClipping

    if clip is None:
        return []
    rule, colon, threshold = clip.partition(":")
    try:
        return [GradientClipping(rule, float(threshold) if colon else None)]
    except ValueError as error:
        raise ArgumentError(f"clip: expected RULE or RULE:THRESHOLD, got '{clip}'. {error}") from error


def evaluate(model, data) -> dict[str, float]:
    """The model's metrics on raw data, as plain floats."""
    return {name: float(value) for name, value in model.evaluate(data, verbose=0, return_dict=True).items()}


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("rnnkit", "keras", "tensorflow", "numpy")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def _kernels(model) -> dict[str, str]:
    from rnnkit.kernel_choice import kernels

    return {path: str(kernel) for path, kernel in kernels(model).items()}
