import keras
import numpy as np
import pytest

from rnnkit.callbacks import GradientClipping
from rnnkit.callbacks.clipping_rules import RULES

OPTIONS = {
    "value": {"threshold": 0.05},
    "norm": {"threshold": 0.5},
    "global_norm": {"threshold": 1.0},
    "adaptive": {"threshold": 0.1},
    "percentile": {"max_norm": 1.0},
    "zscore": {"max_norm": 1.0},
}


def losses(callbacks):
    """Epoch losses of a SimpleRNN whose gradient grows by 1.5 a step over 200 steps; only the last input matters."""
    random = np.random.default_rng(0)
    x = 0.1 * random.normal(size=(32, 200, 2)).astype("float32")
    x[:, -1] *= 30
    keras.utils.set_random_seed(0)
    kernel = keras.initializers.Orthogonal(gain=1.5)
    layers = [keras.Input((200, 2)), keras.layers.SimpleRNN(16, recurrent_initializer=kernel), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    return model.fit(x, x[:, -1, :1] / 3, batch_size=32, epochs=40, callbacks=callbacks, verbose=0).history["loss"]


def test_without_clipping_it_diverges():
    loss = losses([])
    assert not loss[-1] < 1e6 * loss[0]


@pytest.mark.parametrize("rule", RULES)
def test_with_clipping_it_trains(rule):
    loss = losses([GradientClipping(rule, **OPTIONS[rule])])
    assert loss[-1] < 0.5 * loss[0]
