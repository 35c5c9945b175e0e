"""The diagnosis through time, over training."""

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import pandas as pd

from rnnkit import compat
from rnnkit.callbacks.gradients.seam import steps_taken
from rnnkit.diagnosis import Diagnosis, diagnose
from rnnkit.diagnosis.verdict import COLLAPSE, EXPLODING, LABELS, NOT_KNOWN, SATURATED, UNBOUNDED, VANISHING
from rnnkit.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAUSES = {EXPLODING, SATURATED, COLLAPSE, UNBOUNDED}
RESULTS = {NOT_KNOWN, VANISHING, LABELS}
GROWTH = 4 / 3  # of the number of epochs from one diagnosis to the next, where time allows no more
NOTHING = {"gain_min": float("nan"), "gain_max": float("nan"), "horizon_min": float("nan")}


class ThroughTime(keras.callbacks.Callback):
    """Diagnoses a model before training, after it, and in between at the ends of epochs.

    Each diagnosis is that of `rnnkit.diagnose`, on any Keras model with recurrent layers; those in between go without
    Lyapunov exponents. It changes nothing: weights, seeds and metrics are bit for bit those of a `fit` without it. For
    TensorFlow.

        through_time = callbacks.ThroughTime(valid.sample(64))
        model.fit(train, validation_data=valid, callbacks=[through_time])
        through_time.plot()
        print(through_time.diagnosis.verdict)

    `diagnosis` describes the model at this callback's `on_train_end`. In a Keras `fit` place it
    behind an `EarlyStopping` that restores the best weights; that of a task's `epochs="auto"` comes first by itself.

    The epoch logs get `gain_min`, `gain_max` and `horizon_min` (joint path, smallest and largest over layers and
    directions; horizon in steps), so place it before callbacks that read them. They are NaN in epochs that are not
    measured, and where nothing can be, as with weights that have exploded. Nothing that goes wrong here ends a `fit`.

    Args:
        probe: `(x, y)`, some 32 to 64 sequences in any form that `rnnkit.diagnose` takes; not those trained on.
        budget: fraction of the wall time up to which an epoch is measured, the start counted in; so which ones depends
            on the machine's speed. The ends of epochs 1, 2, 3, 4, 6, 8, 11, ... are measured in any case. 0 leaves
            only start and end, 1 measures every epoch.
        fallback: another probe, for where the first cannot be measured, such as a smaller one; None has none.
        warn: whether a warning says, once, that nothing can be measured.
        options: arguments of `rnnkit.diagnose`, such as `needed_lag` and `health`.

    Raises:
        ArgumentError: `budget` is not within 0 to 1.

    Warns:
        UserWarning: in `fit`, once, that a model cannot be diagnosed or a probe not be used, and why.

    Attributes:
        reason: why nothing was measured the last time; empty if it was.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit import callbacks
        >>> model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 10, 2)), np.ones((32, 1))
        >>> through_time = callbacks.ThroughTime((x, y))
        >>> history = model.fit(x, y, epochs=1, verbose=0, callbacks=[through_time])
        >>> sorted(through_time.diagnoses)
        [0, 1]
    """

    def __init__(self, probe: Any, budget: float = 0.03, *, fallback: Any = None, warn: bool = True, **options: Any):
        super().__init__()
        if not 0 <= budget <= 1:
            raise ArgumentError(f"budget: expected a fraction of the time from 0 to 1, got {budget!r}.")
        self.probe, self.fallback = probe, fallback
        self.budget, self.warn = budget, warn
        self.options = options
        self.diagnoses: dict[int, Diagnosis] = {}
        self._stored: dict[str, dict] = {}  # read from them once: pandas remembers each time that a column is read
        self.next_step = 0
        self._epochs = 0
        self._numbers = dict(NOTHING)
        self._clock = Clock()
        self._said = False
        self.reason = ""

    @property
    def outcome(self) -> "Diagnosis | str":
        """The last diagnosis, or why nothing was measured the last time."""
        return self.reason or self.diagnosis

    @property
    def diagnosis(self) -> Diagnosis:
        """The last one.

        Raises:
            ArgumentError: nothing was measured yet.
        """
        if not self.diagnoses:
            raise ArgumentError("diagnosis: nothing was measured yet. Pass the callback to `fit` first.")
        return self.diagnoses[max(self.diagnoses)]

    @property
    def cause(self) -> Diagnosis:
        """The diagnosis whose cure to try first.

        That is the last one, unless its findings are only what comes of another: that nothing was learned, or that
        gradients vanish in what is left. Then it is the earliest that names one which keeps a network from learning at
        all: gradients that explode or collapse, or saturated gates.

        Raises:
            ArgumentError: nothing was measured yet.
        """
        found = {finding.name for finding in self.diagnosis.findings}
        if not found or not found <= RESULTS:
            return self.diagnosis
        earlier = (self.diagnoses[epoch] for epoch in sorted(self.diagnoses))
        return next((found for found in earlier if found.statuses & CAUSES), self.diagnosis)

    @property
    def frame(self) -> pd.DataFrame:
        """`Diagnosis.layers` of all diagnoses, with `epoch`, the epochs finished before it, and `step`, those taken."""
        return self._all("layers")

    @property
    def profile(self) -> pd.DataFrame:
        """`Diagnosis.profile` of all diagnoses, with `epoch` and `step` as in `frame`."""
        return self._all("profile")

    def plot(self) -> "Figure":
        """A `matplotlib.figure.Figure`: what is left of an error by steps back and epochs, each layer and direction."""
        from rnnkit.diagnosis.page import heat_map

        return heat_map(self.profile).figure()

    def to_csv(self, path: str | Path) -> None:
        """Writes `profile` as CSV."""
        self.profile.to_csv(path, index=False)

    def on_train_begin(self, logs: dict[str, Any] | None = None):
        self._clock = Clock()
        if not self.model.built:  # a subclassed model, until its first batch: the end of the first epoch is next
            return
        if self._epochs not in self.diagnoses or self.next_step != steps_taken(self.model):
            self._try()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        self._epochs += 1
        self.next_step = steps_taken(self.model)
        self._numbers = dict(NOTHING)
        due = self.budget and self._epochs >= GROWTH * max(self.diagnoses, default=0)
        if due or self._clock.allows(self.budget):
            self._try(lyapunov=False)
        if logs is not None:
            logs.update(self._numbers)

    def on_train_end(self, logs: dict[str, Any] | None = None):
        self.next_step = steps_taken(self.model)
        self._try()

    def get_state(self) -> dict:
        """What is needed to go on after a restart."""
        steps = {"next_step": self.next_step, "epochs": self._epochs}
        return {
            **steps,
            "diagnoses": dict(self._stored),
            "numbers": self._numbers,
            "clock": self._clock.read(),
            "reason": self.reason,
        }

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave, before `fit` or in it."""
        self.next_step, self._epochs = int(state["next_step"]), int(state["epochs"])
        self._stored = dict(state["diagnoses"])
        self.diagnoses = {int(epoch): Diagnosis.from_dict(found) for epoch, found in self._stored.items()}
        self._numbers, self.reason = dict(state["numbers"]), state.get("reason", "")
        self._clock.set(*state["clock"])

    def __getstate__(self):
        """A copy or pickle carries the records, not the model."""
        return compat.without_model(self)

    def _all(self, table: str) -> pd.DataFrame:
        times = [{"epoch": epoch, "step": found.training.steps} for epoch, found in self.diagnoses.items()]
        frames = [getattr(found, table).assign(**at) for at, found in zip(times, self.diagnoses.values(), strict=True)]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["epoch", "step"])

    def _measure(self, probe, **options) -> None:
        with self._clock:
            found = diagnose(self.model, *probe, **{**options, **self.options})
        self.diagnoses[self._epochs], self._stored[str(self._epochs)] = found, found.as_dict()
        if found.layers.empty:
            self._say(found.verdict)
        joint = found.layers[found.layers["path"] == "joint"]
        self._numbers = {
            "gain_min": float(joint["gain"].min()),
            "gain_max": float(joint["gain"].max()),
            "horizon_min": float(joint["horizon"].min()),
        }

    def _try(self, **options) -> None:
        """Training continues, and ends as it should, whatever goes wrong here; that is said once."""
        self.reason, self._numbers = "", dict(NOTHING)
        for probe in [self.probe] if self.fallback is None else [self.probe, self.fallback]:
            try:
                self._measure(probe, **options)
            except Exception as error:
                self.reason = self.reason or str(error) or type(error).__name__
            else:
                self.reason = ""
                return
        self._say(self.reason)

    def _say(self, reason: str) -> None:
        if self.warn and not self._said:
            warnings.warn(f"ThroughTime measures nothing after epoch {self._epochs}. {reason}", stacklevel=3)
        self._said = True


class Clock:
    """What fraction of the time since it was made is spent inside of it."""

    def __init__(self):
        self._start = time.perf_counter()
        self._entered = self._spent = self._last = 0.0

    def allows(self, fraction: float) -> bool:
        """Whether one more stay, as long as the last, would leave all stays within this fraction of the time."""
        after = self._spent + self._last
        return after <= fraction * (time.perf_counter() - self._start + self._last)

    def read(self) -> list[float]:
        """Seconds since it was made, those spent inside, and those of the last stay."""
        return [time.perf_counter() - self._start, self._spent, self._last]

    def set(self, since: float, spent: float, last: float) -> None:
        """Lets it go on from what `read` gave."""
        self._start, self._spent, self._last = time.perf_counter() - since, spent, last

    def __enter__(self):
        self._entered = time.perf_counter()

    def __exit__(self, *exception):
        self._last = time.perf_counter() - self._entered
        self._spent += self._last
