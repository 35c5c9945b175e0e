import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.layers import MinGRU, MinLSTM

VOCABULARY, STEPS, BATCH = 7, 6, 4
CELLS = {
    "simple_rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "min_gru": MinGRU,
    "min_lstm": MinLSTM,
}


def build(cell="mean"):
    """Embedding 4, one recurrent layer of 3 units (or the mean over time), Dense 1; always the same weights."""
    keras.utils.set_random_seed(0)
    middle = CELLS[cell](3, name=cell) if cell in CELLS else keras.layers.GlobalAveragePooling1D(name=cell)
    layers = [
        keras.Input((STEPS,), dtype="int32"),
        keras.layers.Embedding(VOCABULARY, 4, name="embedding"),
        middle,
        keras.layers.Dense(1, name="dense"),
    ]
    return keras.Sequential(layers, name="net")


def tape_steps(model, batches, optimizer):
    """A bare training loop: for each batch, variable path -> dense float64 gradient, before the optimizer sees it."""
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    paths = [variable.path for variable in model.trainable_variables]
    return [dict(zip(paths, [g.numpy().astype(float) for g in step(x, y)], strict=True)) for x, y in batches]


def in_batches(x, y, size=BATCH):
    return [(x[start : start + size], y[start : start + size]) for start in range(0, len(x), size)]


def everything(model):
    """Copies of all weights and optimizer variables."""
    return [variable.numpy() for variable in [*model.weights, *model.optimizer.variables]]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def data():
    """Token rows with many repetitions, shape (32, 6), and targets (32, 1): eight batches of four."""
    random = np.random.default_rng(0)
    return random.integers(0, VOCABULARY, (32, STEPS)).astype("int32"), random.normal(size=(32, 1)).astype("float32")


@pytest.fixture(scope="session")
def kit():
    """The helpers of this file, for tests: `kit.build`, `kit.fit`, ..."""
    return Kit


class Kit:
    build = staticmethod(build)
    tape_steps = staticmethod(tape_steps)
    in_batches = staticmethod(in_batches)
    everything = staticmethod(everything)
    assert_same = staticmethod(assert_same)
    cells = tuple(CELLS)

    @staticmethod
    def compiled(cell="mean", optimizer="sgd", **options):
        model = build(cell)
        model.compile(optimizer, "mse", **{"jit_compile": False, **options})
        return model

    @staticmethod
    def fit(model, data, callbacks=(), epochs=1, **options):
        x, y = data
        if not callbacks and model.built and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)  # else Keras traces the first step twice
        options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
        return model.fit(x, y, epochs=epochs, callbacks=list(callbacks), **options)
