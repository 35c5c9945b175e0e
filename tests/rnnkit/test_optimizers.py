import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.optimizers import LazyAdam

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
