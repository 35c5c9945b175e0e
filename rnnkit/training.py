"""One training from a configuration to its results: what `rnnkit run` does, without the printing."""

import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.checks import one_of, whole
from rnnkit.datasets import Splits
from rnnkit.errors import ArgumentError, DataError, RnnkitError
from rnnkit.recipes import RECIPES, find_recipe

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.callbacks import GradientClipping, GradientHealth
    from rnnkit.diagnosis import Diagnosis
    from rnnkit.recipes.recipe import Leaving
    from rnnkit.tasks.task import Task


MOST = 1_000_000  # of anything that is counted
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
WHERE = ("device", "devices")  # what a run's config.json says beside its configuration
SAVE_EVERY = 1000  # batches, beside the start of each epoch


@dataclass(frozen=True)
class RunConfig:
    """All that is needed to run a training again.

    Attributes:
        task: a name of `RECIPES`.
        data: a built-in sample, a public data set's name, or the path of a file; None takes the task's sample. For
            `"memory"` it is `PROBLEM-LENGTH`, such as `adding-200`; for `"music"` a path is that of a folder of MIDI
            files.
        cell, units, layers, activation, initializer: of the recurrent stack; None takes what suits the data, or the
            task's or the cell's own.
        epochs: how many; None stops when validation no longer improves. The best epoch is kept either way.
        batch_size: examples a step; None takes the task's own.
        seed: sets all randomness.
        text, label: the columns of a file: names, or for tagged sentences numbers from 0; None takes the reader's own.
        clip: `RULE` or `RULE:THRESHOLD`, a rule of `rnnkit.callbacks.GradientClipping`; None adds none to what the
            task's own optimizer does (for music and translation, a global norm of at most 1).
        head: for `"music"`, see `MusicGenerator`; None takes its own.
        steps_per_beat: for a folder of MIDI files, the grid; None is 4.
        target: for `"translation"`, the path of a file with the translations of the lines of `data`.
        attention: for `"translation"`, see `Translator`; `"none"` is without, and None takes its own.
        precision: one of `PRECISIONS`: what the layers compute in. Weights, losses and a CRF are in float32 always.
        deterministic: the same numbers each time on one machine, from the seed. It holds for the whole process from
            `prepare` on, and costs time.
    """

    task: str = "sentiment"
    data: str | None = None
    cell: str | None = None
    units: int | None = None
    layers: int = 1
    epochs: int | None = None
    batch_size: int | None = None
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
    precision: str = "float32"
    deterministic: bool = False

    def __post_init__(self):
        recipe = find_recipe(self.task)
        for name in {name for each in RECIPES.values() for name in each.options} - {*recipe.options}:
            if getattr(self, name) is not None:
                owners = ", ".join(each.task for each in RECIPES.values() if name in each.options)
                raise ArgumentError(f"{name}: it belongs to {owners}. Leave it out for {self.task}.")
        for name in ("units", "layers", "epochs", "batch_size", "steps_per_beat"):
            value = getattr(self, name)
            if value is not None:
                whole(name, value, most=MOST)
        one_of("precision", self.precision, PRECISIONS)
        whole("seed", self.seed, least=0, most=2**32 - 1)
        if self.data is None:
            object.__setattr__(self, "data", recipe.sample)
        if self.cell is None:
            object.__setattr__(self, "cell", recipe.suited.get(str(self.data), {}).get("cell", recipe.cell))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """The configuration in a run's `config.json`, which also holds where it ran.

        Raises:
            DataError: it holds something else.
        """
        for each in dataclasses.fields(cls):
            value = values.get(each.name)
            is_of_type = isinstance(value, each.type) and isinstance(value, bool) == (each.type is bool)  # type: ignore[arg-type]
            if each.name in values and not is_of_type:
                raise DataError(f"run: config.json has {each.name} = {value!r:.40}, which is of the wrong type.")
        try:
            return cls(**{name: value for name, value in values.items() if name not in WHERE})
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
            measured, and those of the task's recipe.
        diagnosis: on validation examples, or why there is none.
        cause: the diagnosis that tells what the trouble comes from (see `ThroughTime.cause`); None if there is none.
        leavings: other files, by the task's recipe.
    """

    model: "Task"
    history: "pd.DataFrame"
    metrics: dict[str, Any]
    health: "GradientHealth"
    samples: "pd.DataFrame"
    tables: dict[str, "pd.DataFrame"]
    diagnosis: "Diagnosis | str"
    cause: "Diagnosis | None" = None
    leavings: "Sequence[Leaving]" = ()


def open_data(config: RunConfig) -> Splits:
    """The splits of a run's data (see `Recipe.splits`)."""
    return find_recipe(config.task).splits(config)


def prepare(config: RunConfig, splits: Splits) -> "Task":
    """The model before its first step. All that is wrong with options or data is said here, and costs no training.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
        DataError: data that cannot be used.
    """
    import keras

    from rnnkit.devices import make_deterministic

    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        make_deterministic()
    model = make_model(config)
    model.adapt(splits.train)
    find_recipe(config.task).compile(model, config)
    for part in splits:
        model.encode(part)
    return model


def train(
    config: RunConfig,
    splits: Splits,
    callbacks=(),
    verbose=0,
    model: "Task | None" = None,
    state: str | Path | None = None,
) -> Trained:
    """Trains, keeps the epoch that is best on validation, and tests once.

    Args:
        config, splits: what `prepare` got.
        callbacks, verbose: of `fit`, beside its own callbacks.
        model: what `prepare` gave, if it did.
        state: a folder for the state of the training (see `rnnkit.callbacks.Resume`); where one lies in it, training
            goes on from there.

    Raises:
        ResumeError: the state in the folder is that of another training.
    """
    import pandas as pd

    from rnnkit.callbacks import GradientGuard, GradientHealth, RecurrentSpectrum, Resume
    from rnnkit.run_diagnosis import RunDiagnosis

    health, spectrum = GradientHealth(max_rows=20_000), RecurrentSpectrum()
    through_time = RunDiagnosis(splits.valid, health)
    clipping = gradient_clipping(config.clip)
    resume = [] if state is None else [Resume(state, every=SAVE_EVERY)]

    model = model or prepare(config, splits)
    stopping = model.auto_callbacks() if config.epochs is None else [model.best_epoch(config.epochs)]
    start = time.perf_counter()
    history = model.fit(
        splits.train,
        validation_data=splits.valid,
        batch_size=config.batch_size,
        epochs=config.epochs or model.max_epochs,
        callbacks=[
            *(*resume, health, GradientGuard("skip"), *clipping),
            *(*callbacks, spectrum, *stopping, through_time),
        ],
        verbose=verbose,
    )
    seconds = time.perf_counter() - start + sum(each.seconds_before for each in resume)
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
    if through_time.diagnoses:
        tables["through_time"] = through_time.profile
    more = find_recipe(config.task).results(model, splits, config, metrics)
    return Trained(
        model=model,
        history=frame,
        metrics={**metrics, **more.metrics},
        health=health,
        samples=model.preview(splits.test),
        tables={**tables, **more.tables},
        diagnosis=through_time.outcome,
        cause=through_time.cause if through_time.diagnoses else None,
        leavings=more.leavings,
    )


def make_model(config: RunConfig) -> "Task":
    """The task of a configuration, untrained.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
    """
    from rnnkit.tasks import TASKS

    stack = {
        "cell": config.cell,
        "units": config.units,
        "activation": config.activation,
        "recurrent_initializer": config.initializer,
    }
    asked = {name: value for name, value in stack.items() if value is not None}
    if config.precision != "float32":
        asked["dtype"] = config.precision
    given = {**find_recipe(config.task).model_options(config), **asked}
    try:
        return TASKS[config.task](layers=config.layers, **given)
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

    rule, threshold = read_clipping(clip)
    return [] if rule is None else [GradientClipping(rule, threshold)]


def read_clipping(clip: str | None) -> tuple[str | None, float | None]:
    """Rule and threshold of `RULE` or `RULE:THRESHOLD`, None for what is not said.

    Raises:
        ArgumentError: the threshold is no number.
    """
    if clip is None:
        return None, None
    rule, colon, threshold = clip.partition(":")
    try:
        return rule, float(threshold) if colon else None
    except ValueError as error:
        raise ArgumentError(f"clip: expected RULE or RULE:THRESHOLD, such as norm:1.0, got '{clip}'.") from error


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
