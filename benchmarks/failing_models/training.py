"""Training a setting, and the skill that comes of it."""

import time
import warnings
from dataclasses import dataclass

import keras
import numpy as np

from failing_models import data as tasks
from failing_models import models
from rnnkit.callbacks import GradientGuard


@dataclass
class Trained:
    """A model after `fit`, what it was compiled and fed with, and how good it is.

    Attributes:
        model: the compiled model.
        probe: `(x, y)` for validation, as `fit` takes them.
        history: of `fit`.
        skill: share of the validation data's variance, or for classes of its entropy, that the model explains; at
            least 0.
        best: the skill of the best model.
    """

    model: keras.Model
    probe: tuple
    history: dict
    skill: float
    best: float
    seconds: float

    @property
    def lost_again(self) -> float:
        """Skill that was there in an earlier epoch and is not any more, as in overfitting."""
        losses = self.history["val_loss"]
        return (1 - self.skill) * (1 - min(losses) / losses[-1])


class AddsLoss(keras.layers.Layer):
    """Adds the squared error of its two inputs to the losses of the model."""

    def call(self, predicted_and_true):
        predicted, true = predicted_and_true
        self.add_loss(keras.ops.mean((predicted - true) ** 2))
        return predicted


def root(true, predicted):
    """As one leaves out small targets, by a root that has no derivative where nothing is left."""
    left = keras.ops.cast(keras.ops.abs(true) > 0.2, predicted.dtype)
    return keras.ops.sqrt(keras.ops.mean(left * (predicted - true) ** 2, axis=-1))


def logarithm(true, predicted):
    """Relative errors, of numbers that should be larger than -1 and are not."""
    return keras.ops.mean((keras.ops.log(1 + true) - keras.ops.log(1 + predicted)) ** 2, axis=-1)


def _squared_error(predicted_and_true):
    predicted, true = predicted_and_true
    error = (predicted - true) ** 2
    return keras.ops.mean(keras.ops.reshape(error, (keras.ops.shape(error)[0], -1)), axis=1, keepdims=True)


def train(setting, callbacks=()):
    """One training of a setting, from its seed. Validated in each epoch if anyone looks."""
    began = time.perf_counter()
    data = tasks.make(setting)
    network = models.build(setting, data)
    model, train_set, valid_set, weights = _with_loss(setting, network, data)
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what goes wrong here is on purpose
        history = model.fit(
            *train_set,
            validation_data=valid_set if callbacks or setting.stop_early else None,
            sample_weight=weights,
            epochs=setting.epochs,
            batch_size=setting.batch,
            verbose=0,
            callbacks=[*callbacks, *[stop] * setting.stop_early, *[GradientGuard("skip")] * setting.guarded],
        ).history
    skill = _skill(setting, data, network)
    return Trained(model, valid_set, history, skill, data.best, time.perf_counter() - began)


def _with_loss(setting, network, data):
    """The compiled model, and the data and sample weights that its loss takes."""
    loss = "binary_crossentropy" if setting.task in tasks.CLASSES else "mse"
    optimizer = {"Adam": keras.optimizers.Adam, "SGD": keras.optimizers.SGD, "RMSprop": keras.optimizers.RMSprop}
    options = {"momentum": 0.9} if setting.optimizer == "SGD" else {}
    made = optimizer[setting.optimizer](setting.rate, global_clipnorm=setting.clip or None, **options)
    train_set, valid_set, weights = (data.x, data.y), (data.x_valid, data.y_valid), None
    if setting.loss in ("in graph", "add_loss"):
        true = keras.Input(data.y.shape[1:])
        layer = AddsLoss() if setting.loss == "add_loss" else keras.layers.Lambda(_squared_error)
        model = keras.Model([*network.inputs, true], layer([network.outputs[0], true]))
        model.compile(made, **({} if setting.loss == "add_loss" else {"loss": lambda y, p: p}))
        zeros = [np.zeros((len(y), 1), "float32") for y in (data.y, data.y_valid)]
        ins = [[data.x, data.y], [data.x_valid, data.y_valid]]
        if setting.loss == "add_loss":
            return model, (ins[0],), (ins[1],), None
        return model, (ins[0], zeros[0]), (ins[1], zeros[1]), None
    if setting.loss == "two outputs":
        state = network.layers[-2].output
        model = keras.Model(network.inputs, [network.outputs[0], keras.layers.Dense(data.y.shape[-1])(state)])
        model.compile(made, loss=[loss, "mae"], loss_weights=[1.0, 0.01])
        return model, (data.x, [data.y, -data.y]), (data.x_valid, [data.y_valid, -data.y_valid]), None
    if setting.loss == "sample weights":
        weights = np.random.default_rng(setting.seed).uniform(0.1, 5, size=len(data.x)).astype("float32")
    network.compile(made, loss={"huber": "huber", "root": root, "logarithm": logarithm}.get(setting.loss, loss))
    return network, train_set, valid_set, weights


def _skill(setting, data, network):
    rows = np.isfinite(data.x_valid).reshape(len(data.x_valid), -1).all(1)
    rows &= np.isfinite(data.y_valid).reshape(len(data.y_valid), -1).all(1)
    true = data.y_valid[rows].astype("float64")
    predicted = np.array(network(data.x_valid[rows], training=False), "float64")
    with np.errstate(all="ignore"):
        if setting.task in tasks.CLASSES:
            predicted = np.clip(predicted, 1e-7, 1 - 1e-7)
            lost, all_of_it = _entropy(true, predicted), _entropy(true, np.full(true.shape, true.mean()))
        else:
            lost, all_of_it = ((predicted - true) ** 2).mean(), ((true - true.mean(0)) ** 2).mean()
        skill = 1 - lost / all_of_it
    return float(max(0.0, skill)) if np.isfinite(skill) else 0.0


def _entropy(true, probability):
    return -(true * np.log(probability) + (1 - true) * np.log(1 - probability)).mean()
