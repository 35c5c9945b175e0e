"""Canaries: each name of another library that `rnnkit.compat` rests on is there and means what we take it to mean."""

import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

from rnnkit import compat


def test_importing_it_imports_no_library():
    heavy = "{'keras', 'tensorflow', 'keras_tuner', 'numpy'}"
    code = f"import sys, rnnkit.compat; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_layers_of_a_model_are_those_inside_of_others_and_of_cells():
    cells = [keras.layers.LSTMCell(2), keras.layers.GRUCell(2)]
    inner = keras.Sequential([keras.layers.RNN(cells), keras.layers.Dense(1)])
    model = keras.Sequential([keras.Input((3, 2)), inner])
    found = compat.layers_of(model)
    assert {id(each) for each in (model, inner, *inner.layers, *cells)} <= {id(each) for each in found}
    assert len(found) == len({id(each) for each in found})


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
    momentum, velocity = compat.moments(adam, two)
    np.testing.assert_allclose(momentum.numpy(), [0.5, 1.0])
    np.testing.assert_allclose(velocity.numpy(), [2.0, 8.0])


def test_the_global_seed_is_that_which_was_set():
    before = compat.global_seed()
    try:
        tf.random.set_seed(7)
        assert compat.global_seed() == 7
    finally:
        tf.random.set_seed(before)
    assert compat.global_seed() == before


def test_op_determinism_is_known_in_a_process_that_asked_for_it():
    code = (
        "import tensorflow as tf\nfrom rnnkit import compat\nassert compat.is_op_determinism_enabled() is False\n"
        "tf.config.experimental.enable_op_determinism()\nassert compat.is_op_determinism_enabled() is True"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_traced_custom_gradient_is_in_the_registry():
    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda upstream: 2 * upstream

    known = set(compat.gradient_registry())
    tf.function(lambda x: tf.gradients(double(x), x))(tf.constant(1.0))
    new = set(compat.gradient_registry()) - known
    assert new
    assert all(name.startswith("CustomGradient-") for name in new)


def test_one_device_needs_no_merging_of_replicas():
    assert compat.merges_replicas() is False
