"""Keeping bad steps out of the weights."""

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.gradients.gradient_callback import GradientCallback
from rnnkit.callbacks.gradients.rows import EXPLOSION, NONFINITE, STATUS, TAKEN, WAITING, Block
from rnnkit.callbacks.gradients.seam import Seam
from rnnkit.callbacks.resuming.training_state import Snapshot
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import positive, whole
from rnnkit.optimizers import without_scaler

ACTIONS = (None, "skip", "rollback", "stop")
MAX_REPORTS = 1000


class GradientGuard(GradientCallback):
    """Refuses steps whose gradients are not finite or have exploded, inside the compiled `fit`, on any Keras model.

    A refused step touches neither weights nor moments, weight decay, averages, accumulated gradients or the step count
    of the optimizer: training continues as if the batch had not been there. The batch's loss, where it is not finite,
    stays out of the epoch's `loss`, which is NaN where no batch had a finite one. An epoch in which no step could be
    taken is warned of, and the warning names the inputs that are not finite. (What the forward pass itself changes,
    such as dropout seeds, batch normalisation statistics and other metrics, has seen the batch.) Unlike
    `keras.callbacks.TerminateOnNaN`, nothing is lost.

    - `"skip"` continues with the next batch.
    - `"rollback"` returns to the last good state of weights and optimizer and multiplies the learning rate by
      `lr_factor`; after `max_rollbacks` it stops.
    - `"stop"` ends the training with the weights before the bad step.

    The epoch logs get `skipped_steps`, the number of refused steps. With gradient accumulation it is a single batch
    that is refused, with several replicas the sum over them is judged, which costs one more all-reduce.

    Args:
        on_nonfinite: what to do when a gradient, or the norm of all, is NaN or infinite; None ignores it.
        on_explosion: what to do when the global norm is more than `explosion_factor` times its running mean.
        explosion_factor: greater than 1.
        warm_up: taken steps before an explosion can be noticed.
        lr_factor: between 0 and 1, for `"rollback"`.
        max_rollbacks: rollbacks before training is stopped.
        snapshot_every: batches from one good state to the next, for `"rollback"`; each epoch's start is one, too.

    Attributes:
        reports: for the refused steps (the last 1000): `reason`, `action`, `step`, `epoch`, `layer`, `variable`, `gate`
            (of the bad variable closest to the loss, where the problem began; for an explosion of the one with the
            largest norm), `value` (its gradient norm) and `norm` (of all gradients).

    Raises:
        ArgumentError: an argument that cannot be used, or nothing to do; in `fit`, a model without trainable weights, a
            second guard, or `"rollback"` with a learning rate schedule, which cannot be lowered.
        DeviceError: in `fit`, where gradients cannot be seen (another backend than TensorFlow).

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit import callbacks
        >>> model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 10, 2)), np.ones((32, 1))
        >>> x[0] = np.nan  # a batch that would leave only NaN in the weights
        >>> guard = callbacks.GradientGuard("skip")
        >>> history = model.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False, callbacks=[guard])
        >>> bool(np.isfinite(model.get_weights()[0]).all())
        True
    """

    decides = True

    def __init__(
        self,
        on_nonfinite: str | None = "skip",
        on_explosion: str | None = None,
        *,
        explosion_factor: float = 10.0,
        warm_up: int = 20,
        lr_factor: float = 0.5,
        max_rollbacks: int = 5,
        snapshot_every: int = 200,
    ):
        super().__init__()
        for name, action in (("on_nonfinite", on_nonfinite), ("on_explosion", on_explosion)):
            if action not in ACTIONS:
                raise ArgumentError(f"{name}: expected 'skip', 'rollback', 'stop' or None, got {action!r}.")
        if on_nonfinite is None and on_explosion is None:
            raise ArgumentError("on_nonfinite: with on_explosion=None too there is nothing to guard. Give an action.")
        if not positive("explosion_factor", explosion_factor) > 1:
            raise ArgumentError(f"explosion_factor: expected a number greater than 1, got {explosion_factor!r}.")
        self.on_nonfinite, self.on_explosion = on_nonfinite, on_explosion
        self.drops_nonfinite = on_nonfinite is not None
        self.explosion_factor = explosion_factor
        self.warm_up = whole("warm_up", warm_up, least=0)
        self.lr_factor = positive("lr_factor", lr_factor, most=1)
        self.max_rollbacks = whole("max_rollbacks", max_rollbacks, least=0)
        self.snapshot_every = whole("snapshot_every", snapshot_every)
        self.reports: list[dict] = []
        self.rollbacks = 0
        self._refused = self._taken = self._checked = 0
        self._warned = False
        self._snapshot: Snapshot | None = None

    def initial_state(self) -> dict[str, Any]:
        return {name: np.zeros((), "float32") for name in ("mean", "seen", "waiting")}

    @property
    def report(self) -> dict | None:
        """The last of `reports`; after a stop, what stopped the training."""
        return self.reports[-1] if self.reports else None

    @property
    def actions(self) -> dict[int, str | None]:
        """What is done for each status of a step."""
        return {NONFINITE: self.on_nonfinite, EXPLOSION: self.on_explosion}

    def decide(self, total: Any, state: dict):
        """Inside the compiled step: the status of a step with this global norm (int32 scalar), and the next state."""
        mean, seen, waiting = (tf.convert_to_tensor(state[name]) for name in ("mean", "seen", "waiting"))
        finite = tf.math.is_finite(total)
        high = finite & (seen >= max(self.warm_up, 1)) & (total > self.explosion_factor * mean)
        status = tf.where(finite | (self.on_nonfinite is None), TAKEN, NONFINITE)
        status = tf.where(high & (self.on_explosion is not None), EXPLOSION, status)
        status = tf.where(waiting > 0, WAITING, status)
        holds = [reason for reason, action in self.actions.items() if action in ("rollback", "stop")]
        hold = tf.reduce_any([tf.equal(status, reason) for reason in holds]) if holds else tf.constant(False)
        learn = tf.equal(status, TAKEN) & finite
        weight = tf.maximum(1 / (seen + 1), 0.02)  # a plain mean over the first 50 steps, exponential after
        return status, {
            "mean": tf.where(learn, mean + weight * (total - mean), mean),
            "seen": tf.where(learn, seen + 1, seen),
            "waiting": tf.where(hold, 1.0, waiting),
        }

    def on_train_begin(self, logs: dict[str, Any] | None = None):
        self._checked = 0
        self._check_learning_rates([] if self.model.optimizer is None else [self.model.optimizer])
        super().on_train_begin(logs)
        self.state["waiting"] = np.zeros((), "float32")
        self._snapshot, self._warned = None, False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        self._refused = self._taken = 0
        super().on_epoch_begin(epoch, logs)
        self._keep()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None):
        super().on_train_batch_begin(batch, logs)
        if self._seam and len(self._seam.optimizers) != self._checked:  # an own train_step has used others
            self._check_learning_rates(self._seam.optimizers)
        self._act()
        if batch and batch % self.snapshot_every < self.model.steps_per_execution:
            self._keep()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        self._act()
        super().on_epoch_end(epoch, logs)
        if self._refused and not self._taken and not self._warned:
            self._warned = True
            self._warn(epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None):
        super().on_train_end(logs)
        self._snapshot = None

    def consume(self, block: Block):
        refused = np.flatnonzero(np.isin(block.status, (NONFINITE, EXPLOSION, WAITING)))
        self._refused += len(refused)
        self._taken += int(block.taken.sum())
        self.reports += [self._describe(block, int(row)) for row in refused if block.status[row] != WAITING]
        self.reports = self.reports[-MAX_REPORTS:]

    def epoch_logs(self) -> dict[str, Any]:
        return {"skipped_steps": self._refused}

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()  # first, as it may bring new reports
        snapshot = self._snapshot.values if self._snapshot else None
        more = {"reports": self.reports, "rollbacks": self.rollbacks, "refused": self._refused, "snapshot": snapshot}
        return {**state, **more}

    def set_state(self, state: Any):
        state = dict(state)
        self.reports, self.rollbacks = [dict(report) for report in state.pop("reports")], state.pop("rollbacks")
        self._refused, values = state.pop("refused"), state.pop("snapshot")
        self._snapshot = Snapshot(self.model, self._seam.optimizers, values) if values and self._seam else None
        super().set_state(state)

    def __getstate__(self):
        return {**super().__getstate__(), "_snapshot": None}

    def _warn(self, epoch: int) -> None:
        bad = self._seam.bad_inputs() if self._seam else {}
        named = ", ".join(f"{name} (in {count} of {self._refused} steps)" for name, count in bad.items())
        reason = f"values that are not finite are in {named}" if bad else "its inputs and targets are finite"
        warnings.warn(f"GradientGuard: no step of epoch {epoch} could be taken; {reason}.", stacklevel=2)

    def _check_learning_rates(self, optimizers: list) -> None:
        self._checked = len(optimizers)
        if not self._rolls_back:
            return
        rates = [without_scaler(optimizer).get_config()["learning_rate"] for optimizer in optimizers]
        if not all(isinstance(rate, float) for rate in rates):
            raise ArgumentError(
                "on_nonfinite, on_explosion: 'rollback' lowers the learning rate, which the optimizer's schedule does "
                "not allow. Use 'skip' or 'stop', or a learning rate that is a number."
            )

    @property
    def _rolls_back(self) -> bool:
        return "rollback" in self.actions.values()

    def _keep(self) -> None:
        """Takes the present weights and optimizer as the last good state, unless they are not finite."""
        if self._rolls_back and self.model.weights:  # an own train_step may use its layers and never build the model
            snapshot = Snapshot(self.model, self._seam.optimizers if self._seam else ())
            self._snapshot = snapshot if snapshot.finite else self._snapshot

    def _act(self) -> None:
        """Rolls back or stops, if the compiled step waits for that."""
        if not self._seam or set(self.actions.values()) <= {None, "skip"} or not self._seam.value(self, "waiting"):
            return
        self._seam.flush()
        report = next(report for report in reversed(self.reports) if report["action"] in ("rollback", "stop"))
        if report["action"] == "rollback" and self._snapshot and self.rollbacks < self.max_rollbacks:
            self._roll_back(self._seam, self._snapshot)
        else:
            report["action"] = "stop"
            self.model.stop_training = True

    def _roll_back(self, seam: Seam, snapshot: Snapshot) -> None:
        rates = [float(optimizer.learning_rate.numpy()) * self.lr_factor for optimizer in seam.optimizers]
        snapshot.restore()
        for optimizer, rate in zip(seam.optimizers, rates, strict=True):
            optimizer.learning_rate = rate
        self.rollbacks += 1
        seam.set_value(self, "waiting", 0.0)

    def _describe(self, block: Block, row: int) -> dict:
        status, norms = int(block.status[row]), block["norm_before"][row]
        bad = np.flatnonzero((block["nonfinite"][row] > 0) | np.isinf(norms))
        place = bad[-1] if len(bad) else int(np.nanargmax(norms))
        unit = block.units[place]
        return {
            "reason": STATUS[status],
            "action": self.actions[status],
            "step": int(block.steps[row]),
            "epoch": block.epoch,
            "layer": unit.layer,
            "variable": unit.variable,
            "gate": unit.gate,
            "value": float(norms[place]),
            "norm": float(block.total_before[row]),
        }
