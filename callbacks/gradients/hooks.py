"""The methods of Keras that are hooked while `fit` runs, and when each acts (TensorFlow).

All hooks are instance attributes, so classes and other models are untouched, and pass everything through unless the
train function of the hooked `fit` is being run.
"""

import tensorflow as tf

from rnnkit.callbacks.gradients.train_step import TrainStep


class Hooks:
    """Hooks on one model's optimizer and loss tracker.

    - `apply` of the optimizer: a guard decides here, before weight decay has touched anything.
    - `_clip_gradients`: Keras' own clipping, which is moved behind the first measurement.
    - `_all_reduce_sum_gradients`: gradients are measured and clipped here, once replicas are summed.
    - `apply` and `check_finite` of a `LossScaleOptimizer`: overflows are noted.
    - `update_state` of the loss tracker: with a guard against them, losses that are not finite are left out.

    Args:
        model: the model that is trained.
        optimizer: the one that updates the weights.
        scaler: the `LossScaleOptimizer` around it, or None.
    """

    def __init__(self, model, optimizer, scaler):
        self.model, self.optimizer, self.scaler = model, optimizer, scaler
        self.active = False
        self.step: TrainStep | None = None
        self.original: dict = {}
        self.places = [
            (optimizer, "apply", self._apply),
            (optimizer, "_clip_gradients", self._clip_gradients),
            (optimizer, "_all_reduce_sum_gradients", self._all_reduce_sum_gradients),
            (scaler, "apply", self._apply_scaled),
            (scaler, "check_finite", self._check_finite),
            (getattr(model, "_loss_tracker", None), "update_state", self._update_loss),
        ]

    def install(self) -> None:
        """Puts the hooks on the instances."""
        for owner, name, hook in self.places:
            if owner is not None:
                self.original[hook.__name__] = getattr(owner, name)
                object.__setattr__(owner, name, hook)

    def remove(self) -> None:
        """Gives the instances their own methods back."""
        for owner, name, _ in self.places:
            if owner is not None:
                vars(owner).pop(name, None)

    def prepare(self, clients: list, capacity: int, start: int) -> None:
        """Says who takes part, before the first step is traced."""
        self.clients, self.capacity, self.start = clients, capacity, start

    def make_step(self) -> TrainStep:
        """The measuring and clipping step; made once, when the model's weights are there."""
        if self.step is None:
            with tf.init_scope():
                self.step = TrainStep(
                    self.model, self.optimizer, self.original, self.clients, self.capacity, self.start
                )
        return self.step

    def _apply(self, gradients, trainable_variables=None):
        if not self.active:
            return self.original["_apply"](gradients, trainable_variables)
        variables = list(trainable_variables or self.optimizer._trainable_variables)
        return self.make_step().apply(list(gradients), variables)

    def _clip_gradients(self, gradients):
        if self.active and self.make_step().single:
            return gradients
        return self.original["_clip_gradients"](gradients)

    def _all_reduce_sum_gradients(self, gradients_and_variables):
        if not self.active:
            return self.original["_all_reduce_sum_gradients"](gradients_and_variables)
        return self.make_step().reduce(list(gradients_and_variables))

    def _apply_scaled(self, gradients, trainable_variables=None):
        # kept for `check_finite`, which is not told whose gradients it gets
        self.scaled = list(trainable_variables or self.scaler._trainable_variables)
        return self.original["_apply_scaled"](gradients, trainable_variables)

    def _check_finite(self, gradients):
        finite = self.original["_check_finite"](gradients)
        if self.active:
            self.make_step().note_overflow(finite, gradients, self.scaled, self.scaler.dynamic_scale)
        return finite

    def _update_loss(self, values, sample_weight=None):
        if self.active and any(client.drops_nonfinite for client in self.clients):
            finite = tf.reduce_all(tf.math.is_finite(values))
            weight = 1.0 if sample_weight is None else tf.cast(sample_weight, tf.float32)
            values, sample_weight = tf.where(finite, values, tf.zeros_like(values)), tf.where(finite, weight, 0.0)
        return self.original["_update_loss"](values, sample_weight=sample_weight)
