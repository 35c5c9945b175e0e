"""One training from a configuration to its results: what `rnnkit run` does, without the printing."""

import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit import datasets
from rnnkit.datasets import Dataset, Splits
from rnnkit.datasets.memory import read_name
from rnnkit.entities.checks import split_tagged
from rnnkit.errors import ArgumentError, DataError, RnnkitError
from rnnkit.music.grid import load_music, read_music

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.callbacks import GradientClipping, GradientHealth
    from rnnkit.diagnosis import Diagnosis
    from rnnkit.music import Piece
    from rnnkit.tasks.task import Task
    from rnnkit.translation.results import TranslatedSet

SAMPLES = {
    "sentiment": "sentiment-sample",
    "ner": "ner-sample",
    "memory": "adding-100",
    "music": "music-sample",
    "translation": "translation-sample",
}
TABLES = (".csv", ".jsonl", ".json")  # files of pairs whose columns have names


@dataclass(frozen=True)
class RunConfig:
    """All that is needed to run a training again.

    Attributes:
        task: a name of `SAMPLES`.
        data: a built-in sample, a public data set's name, or the path of a file; None takes the task's sample. For
            `"memory"` it is `PROBLEM-LENGTH`, such as `adding-200`; for `"music"` a path is that of a folder of MIDI
            files.
        cell, units, layers, activation, initializer: of the recurrent stack; None takes the task's or the cell's own.
        epochs: how many; None stops when validation no longer improves. The best epoch is kept either way.
        batch_size: examples a step.
        seed: sets all randomness.
        text, label: the columns of a file: names, or for tagged sentences numbers from 0; None takes the reader's own.
        clip: `RULE` or `RULE:THRESHOLD`, a rule of `rnnkit.callbacks.GradientClipping`; None does not clip.
        head: for `"music"`, see `MusicGenerator`; None takes its own.
        steps_per_beat: for a folder of MIDI files, the grid; None is 4.
        target: for `"translation"`, the path of a file with the translations of the lines of `data`.
        attention: for `"translation"`, see `Translator`; `"none"` is without, and None takes its own.
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
    head: str | None = None
    steps_per_beat: int | None = None
    target: str | None = None
    attention: str | None = None

    def __post_init__(self):
        if self.task not in SAMPLES:
            raise ArgumentError(f"task: unknown task '{self.task}'. Known tasks: {', '.join(SAMPLES)}.")
        if self.task != "music" and (self.head is not None or self.steps_per_beat is not None):
            raise ArgumentError(f"head, steps_per_beat: they belong to music. Leave them out for {self.task}.")
        if self.task != "translation" and (self.target is not None or self.attention is not None):
            raise ArgumentError(f"target, attention: they belong to translation. Leave them out for {self.task}.")
        for name in ("units", "layers", "epochs", "batch_size", "steps_per_beat"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{name}: expected a positive integer, got {value}.")
        if not 0 <= self.seed < 2**32:
            raise ArgumentError(f"seed: expected a whole number from 0 to {2**32 - 1}, got {self.seed}.")
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
        tables: `spectrum` (see `RecurrentSpectrum`), `through_time` (see `ThroughTime.profile`) unless nothing could be
            measured, for entities `types`, the scores by type on test data, and for music `statistics` and `baselines`
            (see `rnnkit.music.results`).
        diagnosis: on validation examples, or why there is none.
        cause: the diagnosis that tells what the trouble comes from (see `ThroughTime.cause`); None if there is none.
        pieces: for music, what the model generates.
        translations: for translation, by `"test"` and `"valid"`.
    """

    model: "Task"
    history: "pd.DataFrame"
    metrics: dict[str, Any]
    health: "GradientHealth"
    samples: "pd.DataFrame"
    tables: dict[str, "pd.DataFrame"]
    diagnosis: "Diagnosis | str"
    cause: "Diagnosis | None" = None
    pieces: "Sequence[Piece]" = ()
    translations: "Mapping[str, TranslatedSet]" = field(default_factory=dict)


def open_data(config: RunConfig) -> Splits:
    """The splits of a run's data; a file of the user's is split 80 : 10 : 10 at random, by a fixed seed.

    Raises:
        DataError: neither a known data set nor a file, or a file that cannot be used.
    """
    data = str(config.data)
    if config.task == "memory":
        return datasets.memory(*read_name(data))
    if datasets.is_known(data):
        kind = datasets.info(data).task
        if kind != config.task:
            raise DataError(f"data: '{data}' is data for {kind}. Run rnnkit run {kind} --data {data}, or name another.")
        if config.steps_per_beat is not None:
            raise ArgumentError(f"steps_per_beat: it is the grid of a folder of MIDI files; '{data}' has its own.")
        if config.target is not None:
            raise ArgumentError(f"target: '{data}' has its own translations. Leave the file of translations out.")
        return load_music(data) if kind == "music" else datasets.load(data)
    if not Path(data).exists():
        names = ", ".join(datasets.names())
        raise DataError(f"data: '{data}' is neither a data set nor a file. Known data sets: {names}.")
    whole = read_file(config, data)
    if len(whole) < 10:
        raise DataError(
            f"data: {data} has {len(whole)} {'pieces' if config.task == 'music' else 'rows'} that can be used; a run "
            "needs at least 10 to train, validate and test on."
        )
    if config.task == "ner":
        return split_tagged(whole)
    split = datasets.split_pairs if config.task == "translation" else Dataset.split
    rest, test = split(whole, 0.1, seed=0)
    train, valid = split(rest, 1 / 9, seed=0)
    return Splits(train, valid, test)


def read_file(config: RunConfig, path: str) -> Dataset:
    """A user's file for a run's task, in the run's columns: by its suffix; for `"ner"` as CoNLL columns whatever it is
    called; for `"music"` a folder of MIDI files; for `"translation"` as `read_pairs` does, unless columns are named or
    its suffix is that of a table with names, `source` and `target` where no others are given.

    Raises:
        ArgumentError: a column of tagged sentences is no number.
        DataError: the file cannot be used.
    """
    if config.task == "music":
        return read_music(path, config.steps_per_beat)
    given = {name: value for name in ("text", "label") if (value := getattr(config, name)) is not None}
    if config.task == "translation":
        if config.target is not None or not (given or path.lower().removesuffix(".gz").endswith(TABLES)):
            return datasets.read_pairs(path, config.target)
        table = datasets.read(path, **{"text": "source", "label": "target", **given})
        return Dataset({"source": table["text"], "target": table["label"]}, name=table.name)
    if config.task != "ner":
        return datasets.read(path, **given)
    try:
        token, tag = int(config.text or 0), int(config.label or -1)
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
    from rnnkit.run_diagnosis import RunDiagnosis

    health, spectrum = GradientHealth(max_rows=20_000), RecurrentSpectrum()
    through_time = RunDiagnosis(splits.valid, health)
    clipping = gradient_clipping(config.clip)

    model = model or prepare(config, splits)
    best = model.best_epoch(patience=model.patience if config.epochs is None else config.epochs)
    start = time.perf_counter()
    history = model.fit(
        splits.train,
        validation_data=splits.valid,
        batch_size=config.batch_size,
        epochs=config.epochs or model.max_epochs,
        callbacks=[health, GradientGuard("skip"), *clipping, *callbacks, spectrum, best, through_time],
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
    cause = through_time.cause if through_time.diagnoses else None
    if through_time.diagnoses:
        tables["through_time"] = through_time.profile
    if hasattr(model, "score"):
        tables["types"] = model.score(splits.test).to_frame().reset_index()
    pieces: list[Piece] = []
    if config.task == "music":
        from rnnkit.music.results import GENERATED, result_tables

        pieces = model.generate(count=GENERATED, seed=config.seed)
        tables |= result_tables(pieces, splits, metrics["test"]["nll"])
    translations = {}
    if config.task == "translation":
        from rnnkit.translation.results import BEAM, translate_set

        translations = {part: translate_set(model, getattr(splits, part)) for part in ("test", "valid")}
        for part, translated in translations.items():
            metrics[part] |= translated.metrics
        metrics |= {"beam": BEAM, "signatures": translations["test"].signatures}
    samples, diagnosis = model.preview(splits.test), through_time.outcome
    return Trained(model, frame, metrics, health, samples, tables, diagnosis, cause, pieces, translations)


def make_model(config: RunConfig) -> "Task":
    """The task of a configuration, untrained.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
    """
    from rnnkit.tasks import TASKS

    options = {
        "units": config.units,
        "activation": config.activation,
        "recurrent_initializer": config.initializer,
        "head": config.head,
        "attention": config.attention,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if config.attention == "none":
        given["attention"] = None
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
