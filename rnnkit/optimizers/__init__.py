"""Optimizers for models with large embeddings, and for several devices."""

from typing import Any

import keras
from keras import ops

from rnnkit import compat
from rnnkit.optimizers.replicas import replica_context, several_replicas, sum_over_replicas


@keras.saving.register_keras_serializable(package="rnnkit")
class Adam(compat.OpenOptimizer, keras.optimizers.Adam):
    """`keras.optimizers.Adam`, whose `clipnorm`, `clipvalue` and `global_clipnorm` act on the gradient of the whole
    batch where several devices share it; Keras clips what each device has found by itself.
    """

    def clip(self, gradients: list[Any]):
        return gradients if several_replicas() else super().clip(gradients)

    def sum_gradients(self, pairs: list[Any]):
        summed = self.sum_unclipped(pairs)
        if not several_replicas():
            return summed
        gradients, variables = zip(*summed, strict=True)
        return list(zip(self.clip_sum(list(gradients)), variables, strict=True))

    def sum_unclipped(self, pairs: list[Any]) -> list:
        """(gradient, variable) pairs, summed over replicas; of an embedding each row travels once (TensorFlow)."""
        context = replica_context()
        if context is None:
            return super().sum_gradients(pairs)
        from rnnkit.optimizers.sparse import is_sparse, sum_over_workers, sum_repeated_rows

        there = [pair for pair in pairs if pair[0] is not None]
        if compat.is_shared(context.strategy) and all(gradient.dtype == "float32" for gradient, _ in there):
            summed = iter(sum_over_workers(there, context))
            return [pair if pair[0] is None else next(summed) for pair in pairs]
        pairs = [(sum_repeated_rows(each) if is_sparse(each) else each, variable) for each, variable in pairs]
        return super().sum_gradients(pairs)

    def clip_sum(self, gradients: list[Any]) -> list:
        """The optimizer's own clipping of gradients that are summed over replicas."""
        return super().clip(gradients)


@keras.saving.register_keras_serializable(package="rnnkit")
class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """`keras.optimizers.LossScaleOptimizer`, which skips a step where the gradient of any device has overflowed; Keras
    asks the first device only.
    """

    def check_finite(self, grads):
        bad = ops.cast(ops.logical_not(super().check_finite(grads)), "float32")
        return ops.equal(sum_over_replicas(bad), 0.0)


def with_scaler(optimizer):
    """The optimizer, or the one of this name, in one that scales the loss, as Keras would put it."""
    optimizer = keras.optimizers.get(optimizer)
    return optimizer if _is_scaler(optimizer) else LossScaleOptimizer(optimizer)


def without_scaler(optimizer):
    """The optimizer that updates the weights: the one within a `LossScaleOptimizer`, or itself."""
    return optimizer.inner_optimizer if _is_scaler(optimizer) else optimizer


def _is_scaler(optimizer) -> bool:
    return isinstance(optimizer, keras.optimizers.LossScaleOptimizer)


@keras.saving.register_keras_serializable(package="rnnkit")
class LazyAdam(Adam):
    """Adam that touches only the embedding rows that occur in the batch.

    A row that is in the batch gets exactly Adam's update. A row that is not keeps its value and both of its moments,
    where Adam would decay the moments and go on moving the row; so words that are seen rarely are trained with
    moments of their own steps, and the cost of a step does not grow with the vocabulary. (With `weight_decay` Keras
    shrinks every row at every step.) The bias correction counts all steps, as Adam's does. Gradients that are not
    row-sparse (all other layers, tied or regularised embeddings, backends without row-sparse gradients) get plain
    Adam. Clipping is that of `Adam` here.

    Takes the arguments of `keras.optimizers.Adam`; saved and restored like it.

    Attributes:
        sums_repeated_rows: tells who looks at gradients before it that their repeated rows may be summed already.
    """

    sums_repeated_rows = True

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any):
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return super().update_step(gradient, variable, learning_rate)
        from rnnkit.optimizers.sparse import is_sparse, sum_repeated_rows

        if not is_sparse(gradient):
            return super().update_step(gradient, variable, learning_rate)
        return self._update_rows(sum_repeated_rows(gradient), variable, learning_rate)

    def _update_rows(self, gradient, variable, learning_rate):
        """Adam on the rows of a `tf.IndexedSlices` without repetitions."""
        momentum, velocity = compat.moments(self, variable)
        rows, dtype = gradient.indices, variable.dtype
        values = ops.cast(gradient.values, dtype)
        step = ops.cast(self.iterations + 1, dtype)
        decay_1, decay_2 = (ops.power(ops.cast(beta, dtype), step) for beta in (self.beta_1, self.beta_2))
        rate = ops.cast(learning_rate, dtype) * ops.sqrt(1 - decay_2) / (1 - decay_1)
        m, v, weights = (ops.take(each, rows, axis=0) for each in (momentum, velocity, variable))
        m = m + (values - m) * (1 - self.beta_1)
        v = v + (ops.square(values) - v) * (1 - self.beta_2)
        weights = weights - rate * m / (ops.sqrt(v) + self.epsilon)
        for target, value in ((momentum, m), (velocity, v), (variable, weights)):
            self.assign(target, type(gradient)(value, rows))
