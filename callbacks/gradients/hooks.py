"""The methods of Keras that are hooked while `fit` runs, and when each acts (TensorFlow).

All hooks on a model and its optimizers are instance attributes, so classes and other models are untouched, and pass
everything through unless the train function of the hooked `fit` is being run. While it runs, an optimizer that nobody
has found on the model is met at `apply`, and hooked then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from rnnkit import compat
from rnnkit.callbacks.gradients.steps import Steps
from rnnkit.optimizers import Adam, without_scaler


class Hooks:
    """Hooks on one model, its optimizers and its loss.

    - `train_step`: the batch is noted, and where a guard refuses it, which of its arrays are not finite.
    - `update_state` of the loss tracker: the loss is noted; a guard leaves losses that are not finite out.
    - `result` of the loss tracker: NaN where all losses were left out.
    - those of each optimizer, see `OptimizerHooks`.

    Args:
        model: the model that is trained.

    Attributes:
        active: whether the hooked train function is being run.
        met: whether an optimizer made an update.
        trained: `id` of each variable that was trainable when the train function was traced last.
    """

    def __init__(self, model):
        self.model = model
        self.active = self.met = False
        self.trained: frozenset[int] = frozenset()
        self.steps: Steps | None = None
        self.optimizers: dict[int, OptimizerHooks] = {}
        self.tracker = compat.loss_tracker(model)
        self.original = {"train_step": model.train_step}
        if self.tracker is not None:
            self.original |= {"update_state": self.tracker.update_state, "result": self.tracker.result}

    def install(self) -> None:
        """Puts the hooks on the instances."""
        compat.replace(self.model, "train_step", self._train_step)
        if self.tracker is not None:
            compat.replace(self.tracker, "update_state", self._update_loss)
            compat.replace(self.tracker, "result", self._loss)
        if self.model.optimizer is not None:
            self._take(self.model.optimizer)

    def remove(self) -> None:
        """Gives the instances their own methods back."""
        for owner, names in ((self.model, ("train_step",)), (self.tracker, ("update_state", "result"))):
            for name in names if owner is not None else ():
                compat.restore(owner, name)
        for hooks in self.optimizers.values():
            hooks.remove()

    @contextmanager
    def running(self) -> Iterator[None]:
        """For as long as the train function runs."""
        self.active = True
        try:
            with compat.every_apply(self._meet):
                yield
        finally:
            self.active = False

    def _take(self, optimizer) -> None:
        leaf = without_scaler(optimizer)
        if id(leaf) not in self.optimizers:
            self.optimizers[id(leaf)] = OptimizerHooks(self, leaf, None if leaf is optimizer else optimizer)

    def _meet(self, optimizer, gradients, variables) -> bool:
        """Whether an optimizer's `apply`, of which nobody knew, was hooked and has been done with that."""
        leaf = without_scaler(optimizer)
        if id(leaf) in self.optimizers:
            return False
        self._take(optimizer)
        optimizer.apply(gradients, variables)
        return True

    def _train_step(self, data):
        steps = self.steps
        if self.active and steps:
            steps.forget_loss()
            if steps.checks_inputs:
                steps.check_inputs(_floats(data))
        logs = self.original["train_step"](data)
        self.trained = frozenset(map(id, self.model.trainable_variables))
        return logs

    def _update_loss(self, values, sample_weight=None):
        if self.active and self.steps:
            self.steps.note_loss(values, sample_weight)
            if self.steps.guard and self.steps.guard.drops_nonfinite:
                finite = tf.reduce_all(tf.math.is_finite(values))
                weight = 1.0 if sample_weight is None else tf.cast(sample_weight, tf.float32)
                values, sample_weight = tf.where(finite, values, tf.zeros_like(values)), tf.where(finite, weight, 0.0)
        return self.original["update_state"](values, sample_weight=sample_weight)

    def _loss(self):
        result = self.original["result"]()
        return keras.ops.where(self.tracker.count > 0, result, float("nan"))


class OptimizerHooks:
    """Hooks on one optimizer, and its own methods as they are without us.

    - `apply`: a guard decides here, before weight decay has touched anything.
    - its own clipping, which is moved behind the first measurement.
    - the sum of gradients over replicas: they are measured and clipped here.
    - `apply` and `check_finite` of a `LossScaleOptimizer` around it: overflows are noted.

    Args:
        hooks: of the model.
        optimizer: the one that updates weights.
        scaler: the `LossScaleOptimizer` around it, or None.
    """

    def __init__(self, hooks: Hooks, optimizer, scaler):
        self.hooks, self.optimizer, self.scaler = hooks, optimizer, scaler
        self.apply = optimizer.apply
        self.clip, self.sum_gradients = compat.gradient_methods(optimizer)
        own = isinstance(optimizer, Adam)  # Keras' others have clipped what each replica has found
        self.sum_unclipped = optimizer.sum_unclipped if own else self.sum_gradients
        self.clip_sum = optimizer.clip_sum if own else list
        self.sums_repeated_rows = getattr(optimizer, "sums_repeated_rows", False)
        self.step = None
        self.places = [
            (optimizer, "apply", self._apply),
            (optimizer, compat.CLIP, self._clip),
            (optimizer, compat.SUM_GRADIENTS, self._sum_gradients),
        ]
        if scaler is not None:
            self.scaled_apply, self.check_finite = scaler.apply, scaler.check_finite
            self.places += [(scaler, "apply", self._apply_scaled), (scaler, "check_finite", self._check_finite)]
        for owner, name, hook in self.places:
            compat.replace(owner, name, hook)

    def remove(self) -> None:
        """Gives the instances their own methods back."""
        for owner, name, _ in self.places:
            compat.restore(owner, name)

    @property
    def _steps(self) -> Steps | None:
        """Those that take part now."""
        steps = self.hooks.steps if self.hooks.active else None
        return steps if steps and not steps.broken else None

    def _apply(self, gradients, trainable_variables=None):
        self.step, steps = None, self._steps
        if steps:
            self.hooks.met = True
            variables = list(trainable_variables or compat.variables_of(self.optimizer))
            self.step = steps.tolerate(lambda: steps.of(self, variables))
        if self.step is None:
            return self.apply(gradients, trainable_variables)
        return self.step.apply(list(gradients))

    def _clip(self, gradients):
        return gradients if self.step and self._steps and self._steps.single else self.clip(gradients)

    def _sum_gradients(self, pairs):
        return self.step.reduce(list(pairs)) if self.step and self._steps else self.sum_gradients(pairs)

    def _apply_scaled(self, gradients, trainable_variables=None):
        # kept for `check_finite`, which is not told whose gradients it gets
        self.scaled = list(trainable_variables or compat.variables_of(self.scaler))
        return self.scaled_apply(gradients, trainable_variables)

    def _check_finite(self, gradients):
        finite, steps = self.check_finite(gradients), self._steps
        if steps:
            self.hooks.met = True
            step = steps.tolerate(lambda: steps.of(self, self.scaled))
            if step:
                step.note_overflow(finite, gradients, self.scaler.dynamic_scale)
        return finite


def _floats(data) -> dict[str, tf.Tensor]:
    """The arrays of floating-point numbers in a batch, by what `fit` calls them."""
    usual = not isinstance(data, tuple) or len(data) <= 3  # else an own train step takes the batch apart
    parts: tuple[Any, ...] = keras.utils.unpack_x_y_sample_weight(data) if usual else (data, None, None)
    found = {}
    for name, values in zip(("x", "y", "sample_weight"), parts, strict=True):
        single = not isinstance(values, (dict, list, tuple))
        items = values.items() if isinstance(values, dict) else enumerate([values] if single else values)
        for key, value in items:
            if isinstance(value, tf.Tensor) and value.dtype.is_floating:
                found[name if single else f"{name}[{key!r}]"] = value
    return found
