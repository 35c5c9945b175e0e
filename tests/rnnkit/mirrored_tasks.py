"""Trains every task on one device and on two logical CPUs, and prints both loss curves and weights as JSON."""

import json

from few_rows import BATCH, LENGTHS, tasks  # first: it sets the environment

# isort: split
import keras
import numpy as np
import tensorflow as tf

from rnnkit.optimizers import LossScaleOptimizer
from rnnkit.recurrent import devices

devices.use_device("cpu", 2)
TWO = devices.strategy("cpu", 2)
ONE = devices.strategy("cpu", 1)


def trained(name, data, kind, options, strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = kind(**options)
    model.adapt(*data)
    model.compile(run_eagerly=strategy is ONE)  # nothing to trace
    options = {"batch_size": BATCH, "epochs": 2, "sample_weight": np.linspace(0.5, 1.5, len(LENGTHS)), "verbose": 0}
    if name in ("sentiment", "ner"):
        options |= {"validation_data": data, "validation_batch_size": BATCH}
    history = model.fit(*data, **options).history
    if name == "sentiment":
        history["answers"] = model.predict_on_batch(model.network_inputs(data[0])).tolist()
    return {"history": history, "weights": [variable.numpy().tolist() for variable in model.weights]}


def overflow_on(replica):
    """A variable and the loss scale after a step whose gradient has overflowed on one of two replicas."""
    with TWO.scope():
        variable = keras.Variable(1.0)
        optimizer = LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=8.0)
        optimizer.build([variable])

    @tf.function
    def step():
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        optimizer.apply([tf.where(here == replica, float("inf"), 8.0)], [variable])

    TWO.run(step)
    return [float(variable.numpy()), float(optimizer.dynamic_scale.numpy())]


def results():
    for name, (data, kind, options) in tasks().items():
        yield name, [trained(name, data, kind, options, strategy) for strategy in (ONE, TWO)]
    yield "overflow", [overflow_on(replica) for replica in (0, 1, None)]


if __name__ == "__main__":
    print(json.dumps(dict(results())))
