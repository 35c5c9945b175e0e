import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit import compat
from rnnkit.optimizers import LazyAdam
from rnnkit.optimizers.sparse import sum_over_workers

ROWS = 9


def gradient_of(table, tokens):
    """The row-sparse gradient of a loss on an embedding's rows."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(tf.gather(table.value, tokens)))
    gradient = tape.gradient(loss, table.value)
    assert isinstance(gradient, tf.IndexedSlices)
    return gradient


def table():
    return keras.Variable(np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32"), name="table")


def adam_by_hand(value, gradients, rate=0.1, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Adam in float64 on the rows of each step's batch, all other rows and moments left alone."""
    value, m, v = value.astype("float64"), np.zeros(value.shape), np.zeros(value.shape)
    for number, (rows, gradient) in enumerate(gradients, 1):
        m[rows] = beta_1 * m[rows] + (1 - beta_1) * gradient[rows]
        v[rows] = beta_2 * v[rows] + (1 - beta_2) * gradient[rows] ** 2
        rate_now = rate * np.sqrt(1 - beta_2**number) / (1 - beta_1**number)
        value[rows] -= rate_now * m[rows] / (np.sqrt(v[rows]) + epsilon)
    return value


def test_every_row_in_every_batch_is_plain_adam():
    tokens = [*range(ROWS), 3, 3, 5]
    lazy, plain = table(), table()
    optimizers = LazyAdam(0.1), keras.optimizers.Adam(0.1)
    for _ in range(4):
        optimizers[0].apply([gradient_of(lazy, tokens)], [lazy])
        optimizers[1].apply([tf.convert_to_tensor(gradient_of(plain, tokens))], [plain])
    np.testing.assert_allclose(np.array(lazy.value), np.array(plain.value), atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_repeated_and_absent_rows_equal_adam_by_hand(jit):
    variable, optimizer = table(), LazyAdam(0.1)
    optimizer.build([variable])
    start = np.array(variable.value)
    batches = [[1, 1, 4], [4, 7, 7], [1, 8, 8]]
    gradients = []

    @tf.function(jit_compile=jit)
    def train(tokens):
        gradient = gradient_of(variable, tokens)
        optimizer.apply([gradient], [variable])
        return tf.convert_to_tensor(gradient)

    for tokens in batches:
        gradients.append((sorted(set(tokens)), train(tf.constant(tokens)).numpy()))
    np.testing.assert_allclose(np.array(variable.value), adam_by_hand(start, gradients), atol=1e-5)
    untouched = [0, 2, 3, 5, 6]
    np.testing.assert_array_equal(np.array(variable.value)[untouched], start[untouched])


def test_dense_gradients_get_plain_adam():
    values = []
    for optimizer in (LazyAdam(0.1), keras.optimizers.Adam(0.1)):
        variable = table()
        for number in range(3):
            optimizer.apply([tf.fill((ROWS, 3), float(number))], [variable])
        values.append(np.array(variable.value))
    np.testing.assert_array_equal(*values)


def model():
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((4,), dtype="int32"), keras.layers.Embedding(ROWS, 3), keras.layers.Flatten()]
    )
    network.add(keras.layers.Dense(1))
    network.compile(LazyAdam(0.05, clipnorm=1.0, weight_decay=0.01), "mse", jit_compile=False)
    return network


def test_saved_in_mid_training_it_goes_on_to_the_same_weights(tmp_path):
    x = np.random.default_rng(1).integers(0, ROWS, (16, 4))
    y = np.random.default_rng(2).normal(size=(16, 1))
    whole = model()
    whole.fit(x, y, epochs=4, batch_size=4, shuffle=False, verbose=0)
    half = model()
    half.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    half.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras")
    again.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    for first, second in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


class Worker:
    """The replica context of one of several threads, which wait for each other where workers do."""

    def __init__(self, number, told, barrier):
        self.replica_id_in_sync_group, self.num_replicas_in_sync = number, len(told)
        self.told, self.barrier, self.messages = told, barrier, []

    def heard(self, values):
        self.told[self.replica_id_in_sync_group] = values
        self.barrier.wait(9)
        found = list(self.told)
        self.barrier.wait(9)
        return found

    def reduce(self, values):
        self.messages.append("all rows")
        return tf.add_n(self.heard(values))

    def all_reduce(self, _, values):
        self.messages.append(f"{len(values)} summed")
        return [tf.add_n(each) for each in zip(*self.heard(values), strict=True)]

    def gather(self, values):
        self.messages.append("rows")
        return tf.concat(self.heard(values), axis=0)


@pytest.mark.parametrize(
    ("rows", "others", "second"),
    [([[8, 1, 8], [1], []], [[2], [0, 0], [1]], "rows"), ([[*range(9)] * 2, [3], [*range(5)]], [[1]] * 3, "all rows")],
    ids=["few rows", "many rows"],
)
def test_workers_sum_gradients_in_two_messages(monkeypatch, rows, others, second):
    monkeypatch.setattr(compat, "gather_from_workers", Worker.gather)
    monkeypatch.setattr(compat, "sum_from_workers", Worker.reduce)
    rng, shapes = np.random.default_rng(0), [(ROWS, 3), (3, 2, 2)]
    dense = rng.normal(size=(3, 4)).astype("float32")
    sparse = [
        [rng.normal(size=(len(each), *shape[1:])) for each in own]
        for own, shape in zip((rows, others), shapes, strict=True)
    ]
    told, barrier = [None] * 3, threading.Barrier(3)

    def summed(number):
        worker = Worker(number, told, barrier)
        first, last = (
            tf.IndexedSlices(
                tf.constant(values[number], "float32"), tf.constant(own[number], "int64"), tf.constant(shape)
            )
            for own, values, shape in zip((rows, others), sparse, shapes, strict=True)
        )
        variables = [np.zeros(shape) for shape in (shapes[0], (4,), shapes[1])]
        pairs = list(zip((first, tf.constant(dense[number]), last), variables, strict=True))
        return [gradient for gradient, _ in sum_over_workers(pairs, worker)], worker.messages

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(summed, range(3)))
    for (first, middle, last), messages in found:
        assert messages == ["2 summed", second]
        np.testing.assert_allclose(middle, dense.sum(axis=0), rtol=1e-6)
        for gradient, own, values, shape in zip((first, last), (rows, others), sparse, shapes, strict=True):
            expected = np.zeros(shape)
            for indices, each in zip(own, values, strict=True):
                np.add.at(expected, np.array(indices, int), each)
            assert len(np.unique(gradient.indices)) == len(gradient.indices)
            assert set(gradient.indices.numpy()) == {index for each in own for index in each}
            np.testing.assert_allclose(tf.convert_to_tensor(gradient), expected, atol=1e-6)
