"""Trains on two logical CPUs in this process and on one device, and prints what both saw as JSON."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth
from rnnkit.errors import ArgumentError

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # a few steps cost less than it does
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.integers(0, 7, (32, 6)), RANDOM.normal(size=(32, 1)).astype("float32")
SPOILED = Y.copy()
SPOILED[9] = np.nan  # batch 1, on one of the two replicas only


def compiled(optimizer, strategy=None, **options):
    with (strategy or tf.distribute.get_strategy()).scope():
        keras.utils.set_random_seed(0)
        middle = keras.layers.GlobalAveragePooling1D()
        layers = [keras.Input((6,)), keras.layers.Embedding(7, 4), middle, keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile(optimizer(), "mse", jit_compile=False, **options)
    return model


def mirrored():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def run(model, y=Y, callbacks=(), x=X):
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, callbacks=list(callbacks), verbose=0).history
    weights = [variable.numpy().tolist() for variable in [*model.weights, *model.optimizer.variables]]
    return {"weights": weights, "loss": history["loss"]}


def recorded(model, *callbacks, y=Y):
    health = GradientHealth(level="gate", weights_every=2)
    result = run(model, y, [health, *callbacks])
    frame = health.frame
    for name in ("norm_before", "norm_after", "update_ratio"):
        result[name] = frame[name].fillna(-1).tolist()
    result["status"] = health.steps["status"].tolist()
    result["losses"] = health.steps["loss"].tolist()
    return result


def adamw():
    return keras.optimizers.AdamW(0.05, weight_decay=0.1)


def clipnorm():
    return keras.optimizers.Adam(0.05, clipnorm=0.5)


def accumulating():
    return keras.optimizers.Adam(0.05, gradient_accumulation_steps=4)


def scaled():
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=8.0)


def refusal():
    try:
        run(compiled(accumulating, mirrored()), callbacks=[GradientClipping()])
    except ArgumentError as error:
        return str(error)
    return "nothing was raised"


def usual():
    keep = np.delete(np.arange(32), range(8, 16))
    yield "plain", run(compiled(clipnorm, mirrored()))
    yield "watched", recorded(compiled(clipnorm, mirrored()))
    yield "one device", recorded(compiled(adamw), GradientClipping("global_norm", 0.1))
    yield "two devices", recorded(compiled(adamw, mirrored()), GradientClipping("global_norm", 0.1))
    yield "guarded", recorded(compiled(adamw, mirrored()), GradientGuard(), y=SPOILED)
    yield "never saw it", run(compiled(adamw, mirrored()), Y[keep], x=X[keep])
    yield "refusal", refusal()


def others():
    yield "percentile", recorded(compiled(adamw, mirrored()), GradientClipping("percentile"), GradientGuard())
    yield "percentile, one", recorded(compiled(adamw), GradientClipping("percentile"), GradientGuard())
    yield "scaled", recorded(compiled(scaled, mirrored()), GradientGuard(), GradientClipping("norm", 0.1))
    yield "scaled, one", recorded(compiled(scaled), GradientGuard(), GradientClipping("norm", 0.1))
    rollback = GradientGuard("rollback", snapshot_every=1)
    yield "rollback", {**recorded(compiled(adamw, mirrored()), rollback, y=SPOILED), "rollbacks": rollback.rollbacks}


if __name__ == "__main__":
    print(json.dumps(dict({"usual": usual, "others": others}[sys.argv[1]]())))
