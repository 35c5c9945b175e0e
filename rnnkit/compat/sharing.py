"""Keras: training by several workers."""

from collections.abc import Callable

from rnnkit.compat.fits import follow


def mend_trainer() -> None:
    """From now on `fit`, `evaluate` and `predict` of every model run under a `MultiWorkerMirroredStrategy`.

    Keras fails there in two places (keras#20585), and has no argument for either: it reduces a whole batch to have an
    example, and it asks the strategy for a mean over the first axis of logs, which are scalars.
    """
    import keras
    from keras.src.backend.tensorflow import trainer

    if hasattr(trainer.reduce_per_replica, _MENDED):
        return
    reduce, build = trainer.reduce_per_replica, keras.Model._maybe_symbolic_build

    def reduce_logs(values, strategy, reduction):
        """The logs of this worker's replicas; those of an epoch are read from the metrics, which the strategy sums."""
        if reduction not in ("auto", "mean") or not is_shared(strategy):
            return reduce(values, strategy, reduction)
        local = strategy.experimental_local_results
        mean = lambda value: keras.ops.mean(keras.ops.stack(local(value)), axis=0)  # noqa: E731
        return keras.tree.map_structure(mean, values)

    def build_by_own_rows(self, iterator=None, data_batch=None):
        """By what the first replica of this worker sees of the first batch."""
        follow(self, iterator)
        if iterator is not None and is_shared(self.distribute_strategy):
            first = lambda value: self.distribute_strategy.experimental_local_results(value)[0]  # noqa: E731
            data_batch = keras.tree.map_structure(first, next(next(iter(iterator))[2]))
            iterator = None
        return build(self, iterator, data_batch)

    setattr(reduce_logs, _MENDED, True)
    trainer.reduce_per_replica, keras.Model._maybe_symbolic_build = reduce_logs, build_by_own_rows
    keras.random.SeedGenerator.next = _own_seeds(keras.random.SeedGenerator.next)


def _own_seeds(following: Callable) -> Callable:
    """`SeedGenerator.next` with seeds of its own for each replica of several workers.

    The state of a generator is the same on all, so that they would drop the same units of their different rows.
    """
    import tensorflow as tf

    def next_of_replica(self, ordered=True):
        seed, context = following(self, ordered), tf.distribute.get_replica_context()
        if context is None or not is_shared(context.strategy):
            return seed
        replica = tf.cast(context.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([replica * tf.constant(_GOLDEN, seed.dtype), tf.zeros_like(replica)])

    return next_of_replica


_MENDED = "_mended_by_rnnkit"
_GOLDEN = 0x1E3779B9  # far from the seeds of other layers, which are below 1e9, and of other replicas


def is_shared(strategy) -> bool:
    """Whether a strategy trains with other processes."""
    from keras.src.backend.tensorflow import trainer

    return trainer._collective_all_reduce_multi_worker(strategy)
