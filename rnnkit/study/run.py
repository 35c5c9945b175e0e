"""A run, from its configuration to its results: what `rnnkit run` does, without the printing."""

import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.datasets import Splits
from rnnkit.errors import ArgumentError, RnnkitError
from rnnkit.tasks.config import RunConfig, read_clipping
from rnnkit.tasks.settings import split_settings
from rnnkit.tasks.spec import metrics_of
from rnnkit.tasks.specs import find_spec

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.callbacks import GradientHealth
    from rnnkit.diagnosis import Diagnosis
    from rnnkit.tasks.parts import Artifact
    from rnnkit.tasks.task import Task


SAVE_EVERY = 1000  # batches, and at the start of each epoch
PROBES = (64, 8)  # validation examples for the diagnosis; eight, where 64 are too long for one batch


@dataclass(frozen=True)
class Trained:
    """The results of a run: model, one row per epoch, the metrics contract, gradients, and a few answers.

    Attributes:
        tables: `steps` (see `GradientHealth.steps`), `spectrum` (see `RecurrentSpectrum`), `through_time` (see
            `ThroughTime.profile`) unless nothing could be measured, and those of the task's spec.
        diagnosis: on validation examples, or why there is none.
        cause: the diagnosis that tells what the problem comes from (see `ThroughTime.cause`); None if there is none.
        artifacts: other files, by the task's spec.
    """

    model: "Task"
    history: "pd.DataFrame"
    metrics: dict[str, Any]
    health: "GradientHealth"
    samples: "pd.DataFrame"
    tables: dict[str, "pd.DataFrame"]
    diagnosis: "Diagnosis | str"
    cause: "Diagnosis | None" = None
    artifacts: "Sequence[Artifact]" = ()

    @property
    def floor(self) -> str:
        """That the monitored score never left what a model reaches that has learned nothing; empty if it did."""
        if not self.model.ended_at_floor:
            return ""
        name, floor = self.model.monitor[0], self.model.floor
        return f"Nothing was learned: {name} did not leave {floor:.3g}, the value of a model that has learned nothing."


def open_data(config: RunConfig) -> Splits:
    """The splits of a run's data (see `TaskSpec.splits`)."""
    return find_spec(config.task).splits(config)


def prepare(config: RunConfig, splits: Splits) -> "Task":
    """The model before its first step; raises for all that is wrong with options or data, before any training.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
        DataError: data that cannot be used.
    """
    import keras

    from rnnkit.recurrent.devices import make_deterministic
    from rnnkit.study.training import Training, set_optimizer

    spec = find_spec(config.task)
    Training(*read_clipping(config.clip))
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        make_deterministic()
    model = make_model(config)
    model.adapt(splits.train, **spec.fit_arguments(config))
    spec.compile(model, config)
    set_optimizer(model, split_settings(spec, config.settings).optimizer)
    model.encoded(splits.train)
    for part in (splits.valid, splits.test):
        model.encoded_to_measure(part)
    return model


def train(
    config: RunConfig,
    splits: Splits,
    callbacks=(),
    verbose=0,
    model: "Task | None" = None,
    state: str | Path | None = None,
    *,
    finish: bool = False,
    tensorboard: str | Path | None = None,
) -> Trained:
    """Trains, keeps the epoch that is best on validation, and tests once.

    Args:
        config, splits: what `prepare` got.
        callbacks, verbose: of `fit`; the run has callbacks of its own, which come first.
        model: what `prepare` gave, if it did.
        state: a folder for the state of the training (see `rnnkit.callbacks.Resume`); if it holds one, training
            resumes from there.
        finish: train no further than the state in the folder.
        tensorboard: a folder for TensorBoard's events: scalars of the epochs, and the figures of the callbacks.

    Raises:
        ResumeError: the state in the folder is that of another training.
    """
    import keras
    import pandas as pd

    from rnnkit.callbacks import RecurrentSpectrum, Resume, TensorBoardImages, ThroughTime
    from rnnkit.study.made import made
    from rnnkit.study.training import Training

    model = model or prepare(config, splits)
    training = Training(*read_clipping(config.clip), level="variable")
    spectrum, probes = RecurrentSpectrum(), [splits.valid.sample(examples) for examples in PROBES]
    through_time = ThroughTime(probes[0], fallback=probes[1], warn=False, health=training.health)  # its page says why
    resume = [] if state is None else [Resume(state, every=SAVE_EVERY, finish=finish)]
    sources = (training.health, spectrum, through_time)
    events = [] if tensorboard is None else [keras.callbacks.TensorBoard(tensorboard, write_graph=False)]
    events += [] if tensorboard is None else [TensorBoardImages(tensorboard, *sources)]
    history = training.fit(
        model,
        splits.train,
        validation_data=splits.valid,
        batch_size=config.batch_size,
        epochs=config.epochs,
        callbacks=[*resume, spectrum, through_time, *callbacks, *events],
        verbose=verbose,
        **find_spec(config.task).fit_arguments(config),
        **split_settings(find_spec(config.task), config.settings).fit,
    )
    seconds = training.times.seconds + sum(each.seconds_before for each in resume)
    frame = pd.DataFrame({"epoch": history.epoch, **history.history})
    metrics = {
        **{name: getattr(config, name) for name in ("task", "data", "cell", "seed")},
        "test": metrics_of(model, splits.test),
        "valid": metrics_of(model, splits.valid),
        "seconds": round(seconds, 2),
        "examples_per_second": round(len(model.encoded(splits.train)["lengths"]) * len(frame) / seconds, 1),
        "epochs": len(frame),
        "parameters": model.count_params(),
        "units": list(model.stack.units),
        **made(**splits._asdict()),
        "kernels": _kernels(model),
        "versions": versions(),
    }
    tables = {"spectrum": spectrum.frame, "steps": training.health.steps}
    if through_time.diagnoses:
        tables["through_time"] = through_time.profile
    more = find_spec(config.task).results(model, splits, config, metrics)
    return Trained(
        model=model,
        history=frame,
        metrics={**metrics, **more.metrics},
        health=training.health,
        samples=model.preview(splits.test),
        tables={**tables, **more.tables},
        diagnosis=through_time.outcome,
        cause=through_time.cause if through_time.diagnoses else None,
        artifacts=more.artifacts,
    )


def make_model(config: RunConfig) -> "Task":
    """The task of a configuration, untrained.

    Raises:
        ArgumentError: an option that the task, its cell or Keras does not know.
    """
    spec = find_spec(config.task)
    stack = {
        "cell": config.cell,
        "units": config.units,
        "activation": config.activation,
        "recurrent_initializer": config.initializer,
    }
    asked = {name: value for name, value in stack.items() if value is not None}
    if config.precision != "float32":
        asked["dtype"] = config.precision
    given = {**spec.model_arguments(config), **asked, **split_settings(spec, config.settings).constructor}
    try:
        return spec.task_class(**{"layers": config.layers, **given})
    except RnnkitError:
        raise
    except ValueError as error:  # Keras' own, of a name that it does not know
        raise ArgumentError(f"activation, initializer: {error}") from error


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    import keras
    import numpy as np
    import tensorflow as tf

    modules = {"keras": keras, "tensorflow": tf, "numpy": np}  # a nightly's distribution has another name
    ours = {"python": platform.python_version(), "rnnkit": importlib.metadata.version("rnnkit")}
    return {**ours, **{name: module.__version__ for name, module in modules.items()}}


def _kernels(model) -> dict[str, str]:
    from rnnkit.recurrent.kernel_choice import kernels

    return {path: str(kernel) for path, kernel in kernels(model).items()}
