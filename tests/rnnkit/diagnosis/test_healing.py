"""The first cure heals the case that it is named for, and the next best thing to try does not."""

from dataclasses import dataclass, replace
from functools import cache

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.callbacks import GradientHealth
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis import verdict as v

L = keras.layers
N, STEPS, EPOCHS = 256, 12, 15


@dataclass(frozen=True)
class Case:
    """A training, whole in all that is not said: what a fault, a cure and the next best thing change."""

    cell: type = L.SimpleRNN
    features: int = 2
    inputs: float = 1.0  # scale, around ten times as much
    target: float = 1.0
    broken: bool = False
    padding: str = ""
    between: str = ""
    head: str = "last"
    bias: float = 0.0
    front: str = ""
    rate: float = 1e-2
    clip: float | None = None

    def data(self):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(N, STEPS, self.features))
        y = 0.7 * x[:, -1:, 0] + 0.5 * x[:, -3:-2, 0]
        if self.inputs != 1:
            x = self.inputs * (x + 10)
        if self.padding:
            rows = [row[start:] for row, start in zip(x, rng.integers(STEPS // 2, size=N), strict=True)]
            x = keras.utils.pad_sequences(rows, maxlen=4 * STEPS, padding=self.padding, dtype="float32")
        if self.broken:
            x[7, 3, 0] = np.nan
        return x.astype("float32"), (self.target * (y + 10 * (self.target != 1))).astype("float32")

    def model(self, x):
        keras.utils.set_random_seed(1)
        options = {}
        if self.bias:
            options = {"bias_initializer": keras.initializers.RandomUniform(-self.bias, self.bias)}
            options |= {"unit_forget_bias": False} if self.cell is L.LSTM else {}
        layers = [keras.Input(x.shape[1:])]
        if self.front == "features":
            layers.append(L.Normalization())
            layers[-1].adapt(x)
        layers += {"steps": [L.LayerNormalization()], "mask": [L.Masking()]}.get(self.front, [])
        layers.append(self.cell(16, return_sequences=self.head == "first", **options))
        layers += [L.Lambda(lambda h: h[:, 0])] if self.head == "first" else []
        layers += [L.Lambda(tf.round)] if self.between == "round" else []
        model = keras.Sequential([*layers, L.Dense(1)])
        model.compile(keras.optimizers.Adam(self.rate, global_clipnorm=self.clip), "mse", jit_compile=False)
        return model

    def train(self, *callbacks):
        """R^2 on the training data, and what a diagnosis takes."""
        x, y = self.data()
        model = self.model(x)
        model.fit(x, y, epochs=EPOCHS, verbose=0, callbacks=list(callbacks))
        clean = np.isfinite(x).all(axis=(1, 2))
        r2 = 1 - ((np.array(model(x[clean])) - y[clean]) ** 2).mean() / y[clean].var()
        return r2 if np.isfinite(r2) else 0.0, (model, x[:64], y[:64])


@cache  # many are whole in the same way
def diagnosed(case):
    """R^2 on the training data, and the diagnosis."""
    health = GradientHealth()
    r2, probe = case.train(health)
    return r2, diagnose(*probe, health=health, lyapunov=False)


CASES = {
    "inputs around 20,000": ({"inputs": 2e3}, v.INPUT_SCALE, "normalization", {"front": "features"}, {"rate": 1e-3}),
    "one feature around 20,000": (
        {"inputs": 2e3, "features": 1, "cell": L.LSTM},
        *(v.INPUT_SCALE, "normalization", {"front": "features"}, {"front": "steps"}),
    ),
    "a target around 20,000": ({"target": 2e3}, v.TARGET_SCALE, "scale the target", {"target": 1.0}, {"rate": 1e-3}),
    "NaN in a row": ({"broken": True}, v.BROKEN_DATA, "drop broken rows", {"broken": False}, {"clip": 1.0}),
    "rounded": ({"between": "round", "cell": L.LSTM}, v.NO_GRADIENT, "open the path", {"between": ""}, {"rate": 1e-3}),
    "rate too high": ({"rate": 1.5}, v.RATE_HIGH, "lower learning rate", None, {"clip": 1.0}),
    "rate too low": ({"rate": 1e-6}, v.RATE_LOW, "higher learning rate", None, {"front": "features"}),
    "first step read": ({"head": "first"}, v.IGNORED, "read the last state", {"head": "last"}, {"cell": L.LSTM}),
    "padding behind": ({"padding": "post", "cell": L.GRU}, v.PADDING, "mask", {"front": "mask"}, {"rate": 3e-2}),
    "large biases": (
        {"bias": 80.0, "cell": L.LSTM},
        v.SATURATED,
        "bias initializer",
        {"bias": 0.0},
        {"front": "features"},
    ),
}
QUICK = ("a target around 20,000", "rounded")


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # Keras says it of what lies before the rounding
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in CASES]
)
def test_the_first_cure_heals_and_the_next_best_does_not(name):
    fault, problem, cure, healed, next_best = CASES[name]
    case = Case(**fault)
    failed, found = diagnosed(case)
    assert failed < 0.5
    assert found.findings[0].name == problem
    assert found.cure.name == cure
    if healed is None:  # the rate that its line names
        healed = {"rate": float(found.cure.python.partition("Adam(")[2].partition(")")[0])}
    worth, after = diagnosed(replace(case, **healed))
    assert worth > 0.8
    assert not after.findings
    other, _ = replace(case, **next_best).train()
    assert other < worth - 0.3
