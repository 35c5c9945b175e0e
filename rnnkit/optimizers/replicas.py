"""What the replicas of a model under a distribution strategy (TensorFlow) have to know of each other.

Each replica sees its part of a batch, and the parts may differ by a row. Keras takes the mean over the replicas' own
means; with what is here, loss and gradient are those of the joined batch. With one device, and on other backends, all
of it does nothing.
"""

import keras
from keras import ops


def sum_over_replicas(value):
    """The sum of a tensor over all replicas of this step; a constant for gradients."""
    value = ops.stop_gradient(value)
    context = replica_context()
    return value if context is None else context.all_reduce("SUM", value)


def share_gradient(loss, rows, whole=None):
    """The same loss, with a gradient that counts each of this replica's rows as one of the joined batch.

    Args:
        loss: a mean over the replica's rows, divided by the number of replicas, as Keras has it.
        rows: how many there are, an int or a scalar tensor.
        whole: how many the joined batch has, for each of these rows; None asks the other replicas.
    """
    context = replica_context()
    if context is None:
        return loss
    rows = ops.cast(rows, loss.dtype)
    every = sum_over_replicas(rows) if whole is None else ops.cast(ops.max(ops.pad(whole, (0, 1))), loss.dtype)
    weight = rows * context.num_replicas_in_sync / ops.maximum(every, 1)
    return weight * loss + ops.stop_gradient((1 - weight) * loss)


def several_replicas() -> bool:
    """Whether this is a step that several replicas share."""
    return replica_context() is not None


def run_on_share(network, inputs, **options):
    """`network(inputs, **options)`; a part without rows, which not every operation takes, gets one of zeros inside."""
    if replica_context() is None:
        return network(inputs, **options)
    rows = ops.shape(keras.tree.flatten(inputs)[0])[0]
    missing = ops.cast(rows == 0, "int32")
    padded = keras.tree.map_structure(lambda x: ops.pad(x, [(0, missing), *[(0, 0)] * (len(x.shape) - 1)]), inputs)
    return keras.tree.map_structure(lambda y: y[:rows], network(padded, **options))


def replica_context():
    """TensorFlow's replica context where there are several replicas, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None
