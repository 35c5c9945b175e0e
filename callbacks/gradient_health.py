"""Recording what the gradients of a training look like."""

import warnings
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rnnkit.callbacks.gradients.gradient_callback import GradientCallback
from rnnkit.callbacks.gradients.records import Records
from rnnkit.callbacks.gradients.rows import Block
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnkit.callbacks.tensorboard import ScalarWriter

LEVELS = ("layer", "variable", "gate")
SETTLED, JUMP = 10, 100.0  # norms whose median is a usual one; a norm over that median which is a jump


class GradientHealth(GradientCallback):
    """Records the gradients of every optimizer step inside the compiled `fit`, on any Keras model.

    Recording changes nothing: weights, optimizer state and metrics are bit for bit those of a `fit` without it. Norms
    are Euclidean, over replicas summed, accumulated gradients averaged, loss scaling taken out, and repeated rows of
    an embedding summed. "Before" is before any clipping, the optimizer's own `clipnorm`, `clipvalue` or
    `global_clipnorm` included (under a strategy of several replicas, where Keras clips each replica's gradient, it is
    after that); "after" is what the update saw, 0 for a step that was not taken.

    The epoch logs get `grad_norm` and `grad_norm_max` (mean and largest global norm before clipping of the epoch's
    taken steps) and `update_ratio` (norm of the update over norm of the weights, the mean of the measured steps), so
    place it before callbacks that read them.

    Args:
        every: keep the records of each step whose number is a multiple of this; steps not taken are always kept,
            and so is the first step with measured weights in each run of `every` steps.
        level: `"layer"`, `"variable"`, or `"gate"`, which splits the kernels and biases of gated recurrent layers.
        weights_every: steps between two measurements of weight norm and update ratio, which cost a pass over all
            weights; NaN in between. The first step of each epoch is always measured.
        flush_every: steps between two transfers to the host.
        log_dir: folder for TensorBoard scalars, the means of each transfer; None writes none. What cannot be written
            is said once and never stops a training.
        max_rows: largest number of rows of `frame`; beyond it one of each two kept steps is dropped, again and again,
            so that a training of any length is covered evenly.

    Raises:
        ArgumentError: an argument that cannot be used; in `fit`, a model without trainable weights.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit import callbacks
        >>> model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 10, 2)), np.ones((32, 1))
        >>> health = callbacks.GradientHealth(level="gate")
        >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[health])
        >>> health.steps["status"].tolist()
        ['taken', 'taken']
    """

    required = False

    def __init__(
        self,
        every: int = 1,
        level: str = "variable",
        *,
        weights_every: int = 64,
        flush_every: int = 64,
        log_dir: str | Path | None = None,
        max_rows: int = 200_000,
    ):
        super().__init__()
        one_of("level", level, LEVELS)
        self.by_gate = level == "gate"
        self.weights_every = whole("weights_every", weights_every)
        self.flush_every = whole("flush_every", flush_every)
        self.log_dir = log_dir
        self.records = Records(level, whole("every", every), whole("max_rows", max_rows))
        self._norms, self._ratios = Running(), Running()
        self._writer: ScalarWriter | None = None
        self._failed = False

    @property
    def frame(self) -> pd.DataFrame:
        """One row per step and unit: `step, epoch, layer, variable, gate, norm_before, norm_after, weight_norm,
        update_ratio, zeros, nonfinite`.

        `step` counts optimizer steps from 0 (those of the loaded optimizer included, and steps that were not taken);
        `zeros` is the share of elements that are exactly 0, `nonfinite` the number of those that are not finite.
        """
        return self.records.frame

    @property
    def steps(self) -> pd.DataFrame:
        """One row per step: `step, epoch, norm_before, norm_after` (global norms), `update_ratio`, `threshold` (of the
        clipping rule, NaN without one), `clipped`, `status`: `taken`, or why not (`nonfinite`, `explosion`, `overflow`
        of the loss scale, `waiting` for a guard to act), and `loss`, that of the batch (NaN where train_step does not
        give it to Keras' loss tracker).
        """
        return self.records.steps

    def summary(self) -> pd.DataFrame:
        """Median, 90 and 99 % quantile and maximum of the norm before clipping, one row per layer; finite norms."""
        frame = self.frame
        squares = frame.assign(square=frame["norm_before"].astype(float) ** 2)
        norms = np.sqrt(squares.groupby(["layer", "step"], observed=True)["square"].sum(min_count=1))
        groups = norms[np.isfinite(norms)].groupby("layer", observed=True)
        table = {"median": groups.median(), "p90": groups.quantile(0.9), "p99": groups.quantile(0.99)}
        return pd.DataFrame({**table, "max": groups.max()})

    def suggest_threshold(self, percentile: float = 90.0) -> float:
        """A threshold for `GradientClipping("global_norm", ...)`: a percentile of the global norms of the taken steps.

        Where a norm jumped to more than a hundred times the median before it, only the steps before that count: what a
        training that ran away had afterwards is no size to clip at.

        Raises:
            ArgumentError: nothing was recorded yet, or `percentile` is not within 0 to 100.
        """
        if not 0 <= percentile <= 100:
            raise ArgumentError(f"percentile: expected a number from 0 to 100, got {percentile!r}.")
        steps = self.steps
        norms = steps["norm_before"][(steps["status"] == "taken") & np.isfinite(steps["norm_before"])]
        if norms.empty:
            raise ArgumentError("suggest_threshold: no step has been recorded. Pass the callback to `fit` first.")
        return float(np.percentile(_before_jump(norms), percentile))

    def plot(self) -> "Figure":
        """A `matplotlib.figure.Figure`: global norm, norms by layer, and update ratios over the steps."""
        from rnnkit.callbacks.health_plot import health_plot

        return health_plot(self.frame, self.steps).figure(columns=1, width=720)

    def to_csv(self, path: str | Path) -> None:
        """Writes `frame` as CSV."""
        self.frame.to_csv(path, index=False)

    def steps_to_csv(self, path: str | Path) -> None:
        """Writes `steps` as CSV."""
        self.steps.to_csv(path, index=False)

    def consume(self, block: Block):
        if self._failed:
            return
        try:
            self._record(block)
        except Exception as error:  # whatever it is, a training is not lost for its records
            self._failed = True
            warnings.warn(f"GradientHealth records nothing from here on: {error!r}", stacklevel=2)

    def _record(self, block: Block) -> None:
        self.records.add(block)
        self._norms.add(block.total_before[block.taken])
        self._ratios.add(block.update_ratio)
        if self.log_dir is not None:
            self._write_scalars(self.log_dir, block)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        self._norms, self._ratios = Running(), Running()
        super().on_epoch_begin(epoch, logs)

    def epoch_logs(self) -> dict[str, Any]:
        norms, ratios = self._norms, self._ratios
        return {"grad_norm": norms.mean, "grad_norm_max": norms.largest, "update_ratio": ratios.mean}

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()  # first, as it may bring new records
        epoch = {name: list(astuple(each)) for name, each in (("norms", self._norms), ("ratios", self._ratios))}
        at = self._seam.weights_at if self._seam else []
        return {**state, **epoch, "records": self.records.as_dict(), "weights_at": at}

    def set_state(self, state: Any):
        state = dict(state)
        self.records = Records.from_dict(state.pop("records"))
        self._norms, self._ratios = Running(*state.pop("norms")), Running(*state.pop("ratios"))
        at = state.pop("weights_at")
        super().set_state(state)
        if self._seam:
            self._seam.weights_at = list(at) if isinstance(at, list) else [at]  # a number in version 0.1

    def __getstate__(self):
        return {**super().__getstate__(), "_writer": None}

    def _write_scalars(self, folder: str | Path, block: Block) -> None:
        from rnnkit.callbacks.tensorboard import ScalarWriter

        try:
            self._writer = self._writer or ScalarWriter(folder)
            self._writer.write(block)
        except OSError as error:
            warnings.warn(f"log_dir: TensorBoard scalars cannot be written and are left out: {error}", stacklevel=2)
            self.log_dir = None


@dataclass
class Running:
    """Mean and maximum of the finite numbers so far, the same in whatever portions they come; NaN before the first."""

    count: int = 0
    total: float = 0.0
    largest: float = float("nan")

    def add(self, values: np.ndarray) -> None:
        """Takes some more numbers in."""
        finite = values[np.isfinite(values)].astype(float)
        if len(finite):
            self.count += len(finite)
            self.total = float(np.cumsum([self.total, *finite])[-1])  # one after the other, which `sum` does not
            self.largest = float(np.fmax(self.largest, finite.max()))

    @property
    def mean(self) -> float:
        """NaN if there were none."""
        return self.total / self.count if self.count else float("nan")


def _before_jump(norms: pd.Series) -> pd.Series:
    """The norms before the first that is JUMP times the median of at least SETTLED before it; all if there is none."""
    usual = norms.expanding(SETTLED).median().shift()
    jumps = np.flatnonzero(norms > JUMP * usual)
    return norms.iloc[: jumps[0]] if len(jumps) else norms
