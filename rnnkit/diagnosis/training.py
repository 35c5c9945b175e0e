"""What the records, the history and the optimizer tell of a training."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from rnnkit.compat import last_history, layers_of
from rnnkit.diagnosis.layers import unbounded_layer
from rnnkit.errors import ArgumentError
from rnnkit.optimizers import without_scaler

NAN = float("nan")
LEARNED, UNLEARNED = 0.9, 0.1  # fractions of the loss that the inputs explain
ENOUGH_STEPS = 100  # of the optimizer; before, little can be said about learning
WORSE = 0.15  # of the variance, by which a model that lost quality is behind a linear one


@dataclass(frozen=True)
class History:
    """The losses of the epochs of the last `fit`: of training, and of validation, if there was any."""

    loss: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = ()

    @property
    def jump(self) -> float:
        """The largest training loss of an epoch over the smallest before it; NaN if that is not known."""
        finite = np.array(self.loss)[np.isfinite(self.loss)]
        if len(finite) < 2 or finite.min() <= 0:
            return NAN
        return float((finite[1:] / np.minimum.accumulate(finite)[:-1]).max())

    @property
    def falling(self) -> bool:
        """Whether the training loss of the last third of the epochs fell by as much an epoch as that of the first."""
        part = len(self.loss) // 3
        if part < 1 or not np.isfinite(self.loss).all():
            return False
        first, last = self.loss[0] - self.loss[part], self.loss[-1 - part] - self.loss[-1]
        return last > max(0.0, 0.5 * first)

    @property
    def paired(self) -> bool:
        """Whether there are both, over epochs enough to compare them."""
        return len(self.loss) == len(self.val_loss) >= 4 and bool(np.isfinite([*self.loss, *self.val_loss]).all())


@dataclass(frozen=True)
class Records:
    """What a `GradientHealth` recorded; NaN is unknown.

    Attributes:
        ratio, largest_ratio: median and largest norm of an update over the norm of the weights.
        travelled: sum of these over all steps: how far the weights moved at most, in their own size.
        norm, largest_norm: median and largest finite norm of the gradient before clipping.
        refused, clipped: fraction of the steps that were not taken, and that were made smaller.
        threshold: for clipping the global norm.
        first_broken: the first step whose gradient was not finite; -1 if there was none.
    """

    ratio: float = NAN
    largest_ratio: float = NAN
    travelled: float = NAN
    norm: float = NAN
    largest_norm: float = NAN
    refused: float = 0.0
    clipped: float = 0.0
    threshold: float = NAN
    first_broken: int = -1

    @property
    def spike(self) -> float:
        """The largest norm over the median one."""
        return self.largest_norm / self.norm if self.norm > 0 else NAN


@dataclass(frozen=True)
class Training:
    """What is known about a model's training; NaN is unknown.

    Attributes:
        steps: optimizer steps so far.
        explained: fraction of the loss that the inputs explain (see `signal.explained`).
        linear: the R^2 that a linear model reaches on the probe (see `data.Data`).
        solved: whether the user is content with the model's test quality; None if nothing was said.
        rate: the learning rate.
        optimizer: its class name.
        depth: recurrent layers on top of each other.
        shortcuts: whether there are residual connections.
        dropout: the largest rate of dropout.
        task: whether the model is one of rnnkit's tasks.
        unbounded: the class of the first gated recurrent layer whose activation has no bound, as it stands in code;
            empty if there is none.
        records, history: of the training.
    """

    steps: int = 0
    explained: float = NAN
    linear: float = NAN
    solved: bool | None = None
    rate: float = NAN
    optimizer: str = "Adam"
    depth: int = 1
    shortcuts: bool = False
    dropout: float = 0.0
    task: bool = False
    unbounded: str = ""
    records: Records = field(default_factory=Records)
    history: History = field(default_factory=History)

    @property
    def trained(self) -> bool:
        """Whether there were steps enough to say something about learning."""
        return self.steps >= ENOUGH_STEPS

    @property
    def content(self) -> bool:
        """Whether the quality is as good as any: by the user's word, or else since the inputs explain the loss."""
        return self.explained >= LEARNED if self.solved is None else self.solved

    @property
    def unlearned(self) -> bool:
        """Whether there was training, and the answers still do not depend on the inputs."""
        return not self.solved and self.trained and self.explained < UNLEARNED

    @property
    def fair(self) -> bool:
        """Whether the quality is as good as any, or there was training and no sign that quality was lost."""
        return self.content or (self.trained and self.explained >= UNLEARNED and not self.wanting)

    @property
    def wanting(self) -> bool:
        """Whether there was training, and a sign that quality was lost."""
        return self.trained and self._behind

    @property
    def early(self) -> bool:
        """Whether there is such a sign, after too few steps to tell why."""
        return 0 < self.steps < ENOUGH_STEPS and self._behind

    @property
    def _behind(self) -> bool:
        behind = self.explained < UNLEARNED or self.explained < self.linear - WORSE
        return not self.content and (self.solved is False or behind)


def known_of_training(model, *, explained: float, linear: float, depth: int, solved, health, history, task) -> Training:
    """From the model, its optimizer and the records.

    Args:
        model: any Keras model.
        explained, linear, depth, solved, task: as in `Training`.
        health: a `GradientHealth`, or None.
        history: a `keras.callbacks.History`, or its dict; None takes that of the model's last `fit`.
    """
    optimizer = without_scaler(model.optimizer) if model.compiled and model.optimizer is not None else None
    layers = layers_of(model)
    rates = [
        float(rate)
        for layer in layers
        for rate in (getattr(layer, "dropout", 0), getattr(layer, "rate", 0))
        if isinstance(rate, (int, float)) and rate is not True
    ]
    return Training(
        steps=0 if optimizer is None else int(optimizer.iterations.numpy()),
        explained=explained,
        linear=linear,
        solved=solved,
        rate=NAN if optimizer is None else learning_rate(optimizer),
        optimizer="SGD" if isinstance(optimizer, keras.optimizers.SGD) else type(optimizer).__name__,
        depth=depth,
        shortcuts=_shortcuts(model),
        dropout=max(rates, default=0.0),
        task=task,
        unbounded=unbounded_layer(layers),
        records=_records(health),
        history=_history(last_history(model) if history is None else history),
    )


def learning_rate(optimizer) -> float:
    """The rate as it is now; of several devices, whose variable is no array, that of the first."""
    rate = optimizer.learning_rate
    return float(rate.numpy() if hasattr(rate, "numpy") else rate)


def _shortcuts(model) -> bool:
    layers = layers_of(model)
    return any(isinstance(layer, keras.layers.Add) or getattr(layer, "residual", False) for layer in layers)


def _history(history: Any) -> History:
    logs = getattr(history, "history", history) or {}
    return History(*(tuple(map(float, logs.get(name, ()))) for name in ("loss", "val_loss")))


def _records(health) -> Records:
    if health is None or health.steps.empty:
        return Records()
    steps = health.steps
    taken, ratios = steps["status"] == "taken", steps["update_ratio"].dropna()
    norms = steps["norm_before"][np.isfinite(steps["norm_before"])]
    broken = steps["step"][~np.isfinite(steps["norm_before"])]
    try:
        threshold = health.suggest_threshold()
    except ArgumentError:  # no step was taken
        threshold = NAN
    return Records(
        ratio=float(ratios.median()),
        largest_ratio=float(ratios.max()),
        travelled=float(ratios.mean() * len(steps)),
        norm=float(norms.median()),
        largest_norm=float(norms.max()),
        refused=float(1 - taken.mean()),
        clipped=float(steps["clipped"].mean()),
        threshold=threshold,
        first_broken=int(broken.iloc[0]) if len(broken) else -1,
    )
