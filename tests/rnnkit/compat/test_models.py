"""Canaries: what `rnnkit.compat` takes from models, layers and optimizers keeps its meaning."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from rnnkit import compat


def test_layers_of_a_model_are_those_inside_of_others_and_of_cells():
    cells = [keras.layers.LSTMCell(2), keras.layers.GRUCell(2)]
    inner = keras.Sequential([keras.layers.RNN(cells), keras.layers.Dense(1)])
    model = keras.Sequential([keras.Input((3, 2)), inner])
    found = compat.layers_of(model)
    assert {id(each) for each in (model, inner, *inner.layers, *cells)} <= {id(each) for each in found}
    assert len(found) == len({id(each) for each in found})


def test_a_functional_model_runs_each_operation_by_a_function():
    x = keras.Input((2,), name="x")
    dense = keras.layers.Dense(2)
    network = keras.Model({"x": x}, ops.abs(dense(x)))
    given, seen = {"x": tf.constant([[1.0, -2.0]])}, []

    def call(operation, *arguments, **options):
        seen.append(operation)
        return arguments[0] if operation is dense else operation(*arguments, **options)

    np.testing.assert_array_equal(compat.run_graph(network, given, call), [[1.0, 2.0]])
    assert seen[0] is dense
    assert len(seen) == 2


def test_the_history_of_the_last_fit_is_on_the_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert compat.last_history(model) is None
    history = model.fit(np.zeros((4, 2)), np.zeros((4, 1)), epochs=2, verbose=0)
    assert compat.last_history(model).history["loss"] == history.history["loss"]


def test_the_recurrent_loop_runs_a_step_over_time():
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    last, outputs, (state,) = compat.recurrent_loop(
        lambda inputs, states: (states[0] + inputs, [states[0] + inputs]),
        tf.constant(x),
        [tf.zeros((2, 3))],
        return_all_outputs=True,
    )
    np.testing.assert_allclose(outputs, np.cumsum(x, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(last, outputs[:, -1])
    np.testing.assert_array_equal(state, last)


@pytest.mark.parametrize("kind", [keras.layers.RNN, keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN])
def test_a_recurrent_layer_goes_through_time_by_its_inner_loop(kind):
    class Doubled(compat.OpenRNN, kind):
        def through_time(self, *arguments, **options):
            last, outputs, states = super().through_time(*arguments, **options)
            for one, other in zip((last, outputs), self.generic_loop(*arguments, **options), strict=False):
                np.testing.assert_allclose(one, other, atol=1e-6)
            return 2 * last, outputs, states

    given = keras.layers.LSTMCell(3) if kind is keras.layers.RNN else 3
    layer, x = Doubled(given), np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    doubled, plain = layer(x), kind(given)
    plain(x)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(doubled, 2 * plain(x), atol=1e-6)


def test_fit_takes_an_adapter_of_a_py_dataset_in_place_of_data():
    class Ones(keras.utils.PyDataset):
        num_batches = 2

        def __getitem__(self, index):
            return np.ones((3, 2)), np.ones((3, 1))

    adapter = compat.py_dataset_adapter()(Ones(), None)
    assert isinstance(adapter.get_tf_dataset(), tf.data.Dataset)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(adapter, verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_fit_calls_what_an_open_trainer_overrides():
    called = []

    class Told(compat.OpenTrainer, keras.Sequential):
        def build_for(self, iterator=None, batch=None):
            called.append("build" if iterator is not None else "build without data")
            super().build_for(iterator, batch)

        def epoch_logs(self, logs):
            called.append("logs")
            return {**super().epoch_logs(logs), "added": 3.0}

    model = Told([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0).history
    assert called == ["build", "logs"]
    assert history["added"] == [3.0]
    assert history["loss"][0] > 0


def test_an_open_optimizer_clips_and_sums_just_before_the_update():
    called = []

    class Told(compat.OpenOptimizer, keras.optimizers.SGD):
        def clip(self, gradients):
            called.append("clip")
            return super().clip(gradients)

        def sum_gradients(self, pairs):
            called.append("sum")
            return [(2 * gradient, variable) for gradient, variable in super().sum_gradients(pairs)]

    weight = keras.Variable([3.0, 4.0])
    Told(0.1, clipnorm=1.0).apply([tf.constant([3.0, 4.0])], [weight])
    assert called == ["clip", "sum"]
    np.testing.assert_allclose(weight.numpy(), [3.0 - 0.2 * 0.6, 4.0 - 0.2 * 0.8], rtol=1e-6)


def test_adams_moments_are_those_of_the_variable():
    one, two = keras.Variable([1.0]), keras.Variable([1.0, 1.0])
    adam = keras.optimizers.Adam(beta_1=0.75, beta_2=0.5)
    adam.apply([tf.constant([1.0]), tf.constant([2.0, 4.0])], [one, two])
    assert compat.index_of(adam, two.value) == 1
    momentum, velocity = compat.moments(adam, two)
    np.testing.assert_allclose(momentum.numpy(), [0.5, 1.0])
    np.testing.assert_allclose(velocity.numpy(), [2.0, 8.0])
