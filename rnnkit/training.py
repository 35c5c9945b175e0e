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
from rnnkit.datasets.memory import read_name
from rnnkit.entities.checks import split_tagged
from rnnkit.errors import ArgumentError, DataError, RnnkitError

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.callbacks import GradientClipping, GradientHealth
    from rnnkit.diagnosis import Diagnosis
    from rnnkit.tasks.task import Task

SAMPLES = {"sentiment": "sentiment-sample", "ner": "ner-sample", "memory": "adding-100"}


@dataclass(frozen=True)
class RunConfig:
    """All that is needed to run a training again.

    Attributes:
        task: a name of `SAMPLES`.
        data: a built-in sample, a public data set's name, or the path of a file; None takes the task's sample. For
            `"memory"` it is `PROBLEM-LENGTH`, such as `adding-200`.
        cell, units, layers, activation, initializer: of the recurrent stack; None takes the task's or the cell's own.
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
    activation: str | None = None
    initializer: str | None = None

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
    """What a training leaves: the model, a row an epoch, the metrics contract, gradients, and a few answers.

    Attributes:
        tables: `spectrum` (see `RecurrentSpectrum`), and for entities `types`, the scores by type on test data.
        diagnosis: on validation examples, or why there is none.
    """

    model: "Task"
    history: "pd.DataFrame"
    metrics: dict[str, Any]
    health: "GradientHealth"
    samples: "pd.DataFrame"
    tables: dict[str, "pd.DataFrame"]
    diagnosis: "Diagnosis | str"


def open_data(config: RunConfig) -> Splits:
    """The splits of a run's data; a file of the user's is split 80 : 10 : 10 at random, by a fixed seed.

    Raises:
        DataError: neither a known data set nor a file, or a file that cannot be used.
    """
    data = str(config.data)
    if config.task == "memory":
        return datasets.memory(*read_name(data))
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
    if config.task == "ner":
        return split_tagged(whole)
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
        token, tag = int(text or 0), int(label or -1)
    except ValueError as error:
        raise ArgumentError(f"text, label: expected the numbers of columns, from 0, got {given}.") from error
    return datasets.read_conll(path, token_column=token, tag_column=tag)


def prepare(config: RunConfig, splits: Splits) -> "Task":
    """The model before its first step. All that is wrong with options or data is said here, and costs no training.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
        DataError: data that cannot be used.
    """
    import keras

    keras.utils.set_random_seed(config.seed)
    model = make_model(config)
    model.adapt(splits.train)
    for part in splits:
        model.encode(part)
    return model


def train(config: RunConfig, splits: Splits, callbacks=(), verbose=0, model: "Task | None" = None) -> Trained:
    """Trains, keeps the epoch that is best on validation, and tests once; `model` is what `prepare` gave, if it did."""
    import pandas as pd

    from rnnkit.callbacks import GradientGuard, GradientHealth, RecurrentSpectrum

    health, spectrum = GradientHealth(max_rows=20_000), RecurrentSpectrum()
    clipping = gradient_clipping(config.clip)

    model = model or prepare(config, splits)
    stopping = [] if config.epochs is None else [model.best_epoch(patience=config.epochs)]
    start = time.perf_counter()
    history = model.fit(
        splits.train,
        validation_data=splits.valid,
        batch_size=config.batch_size,
        epochs=config.epochs or "auto",
        callbacks=[health, GradientGuard("skip"), *clipping, *callbacks, spectrum, *stopping],
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
    tables = {"spectrum": spectrum.frame}
    if hasattr(model, "score"):
        tables["types"] = model.score(splits.test).to_frame().reset_index()
    return Trained(
        model, frame, metrics, health, model.preview(splits.test), tables, diagnosed(model, splits.valid, health)
    )


def diagnosed(model, valid: Dataset, health=None) -> "Diagnosis | str":
    """The diagnosis on up to 64 validation examples, or in words why there is none."""
    reason = ""
    for examples in (64, 8):  # eight, where 64 are too long for one batch
        try:
            from rnnkit.diagnosis import diagnose

            return diagnose(model, *valid.sample(examples), health=health)
        except Exception as error:  # the model is trained, and whatever this is must not cost it
            reason = reason or str(error) or type(error).__name__
    return reason


def make_model(config: RunConfig) -> "Task":
    """The task of a configuration, untrained.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
    """
    from rnnkit.tasks import TASKS

    stack = {"units": config.units, "activation": config.activation, "recurrent_initializer": config.initializer}
    given = {name: value for name, value in stack.items() if value is not None}
    if config.task == "memory":
        given["target"] = datasets.MEMORY_PROBLEMS[read_name(str(config.data))[0]].target
    try:
        return TASKS[config.task](cell=config.cell, layers=config.layers, **given)
    except RnnkitError:
        raise
    except ValueError as error:  # Keras' own, of a name that it does not know
        raise ArgumentError(f"activation, initializer: {error}") from error


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
