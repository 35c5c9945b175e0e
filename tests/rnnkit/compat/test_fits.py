"""Canaries: what `rnnkit.compat` takes from `fit`, its gradients and its callbacks keeps its meaning."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit import compat


def dense(optimizer="sgd", **options):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", **options)
    return model


BATCHES = (np.ones((12, 2), "float32"), np.ones((12, 1), "float32"))


class At(keras.callbacks.Callback):
    """Calls a function of the model when training begins."""

    def __init__(self, function):
        super().__init__()
        self.function, self.batches, self.epochs = function, [], []

    def on_train_begin(self, logs=None):
        self.found = self.function(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        compat.begin_at_epoch(self.model, None)
        self.epochs.append(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        self.batches.append(batch)


def fitted(at, **options):
    compat.follow_fits()
    options = {"batch_size": 3, "shuffle": False, "verbose": 0, **options}
    return dense().fit(*BATCHES, callbacks=[at], **options)


def test_the_places_of_gradients_are_passed_in_their_order():
    called = []
    optimizer = keras.optimizers.SGD(0.1, clipnorm=1.0)
    for name, method in zip((compat.CLIP, compat.SUM_GRADIENTS), compat.gradient_methods(optimizer), strict=True):

        def told(each, name=name, method=method):
            called.append(name)
            return method(each)

        compat.replace(optimizer, name, told)
    weight = keras.Variable([3.0, 4.0])
    optimizer.apply([tf.constant([3.0, 4.0])], [weight])
    assert called == [compat.CLIP, compat.SUM_GRADIENTS]
    assert compat.variables_of(optimizer) == [weight]
    for name in called:
        compat.restore(optimizer, name)
    assert optimizer.clipnorm == 1.0
    optimizer.apply([tf.constant([3.0, 4.0])], [weight])
    assert len(called) == 2


def test_a_loss_scale_asks_check_finite_before_the_inner_optimizer():
    source = inspect.getsource(keras.optimizers.LossScaleOptimizer)
    assert "self.check_finite" in source
    assert source.index("def _common_apply") > source.index("self.inner_optimizer.apply(")


def test_the_loss_is_tracked_before_the_update_and_its_mean_is_the_epochs_loss():
    called = []
    model = dense()
    tracker, update, apply = compat.loss_tracker(model), compat.loss_tracker(model).update_state, model.optimizer.apply
    compat.replace(tracker, "update_state", lambda *a, **k: called.append("loss") or update(*a, **k))
    compat.replace(tracker, "result", lambda: keras.ops.convert_to_tensor(7.0))
    compat.replace(model.optimizer, "apply", lambda *a: called.append("update") or apply(*a))
    assert model.fit(*BATCHES, verbose=0).history["loss"] == [7.0]
    assert called[:2] == ["loss", "update"]
    assert isinstance(tracker, keras.metrics.Mean)
    assert float(tracker.count) == 12


def test_what_replaces_a_method_is_not_saved(tmp_path):
    model = dense()
    compat.replace(model, "train_step", lambda data: None)
    compat.replace(model.optimizer, "apply", lambda *a: None)
    model.save(tmp_path / "model.keras")
    assert "train_step" in vars(model)
    keras.saving.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "make", [keras.optimizers.Adam, lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())]
)
def test_every_apply_is_met_and_may_be_done(make):
    optimizer, weight, met = make(), keras.Variable([1.0]), []
    before = vars(keras.optimizers.Optimizer).get("apply"), vars(keras.optimizers.LossScaleOptimizer).get("apply")
    with compat.every_apply(lambda *all_of_it: met.append(all_of_it) or True):
        optimizer.apply([tf.constant([1.0])], [weight])
    assert weight.numpy() == [1.0]
    assert met[0][0] is optimizer
    with compat.every_apply(lambda *all_of_it: False):
        optimizer.apply([tf.constant([1.0])], [weight])
    assert weight.numpy() < 1
    assert before == (
        vars(keras.optimizers.Optimizer).get("apply"),
        vars(keras.optimizers.LossScaleOptimizer).get("apply"),
    )


def test_fit_makes_its_train_function_after_the_callbacks_have_the_model_and_before_training_begins():
    order = []

    class Told(keras.Sequential):
        def make_train_function(self, force=False):
            order.append("make")
            return super().make_train_function(force)

    class Tells(keras.callbacks.Callback):
        def set_model(self, model):
            super().set_model(model)
            order.append("model")

        def on_train_begin(self, logs=None):
            order.append("begin")

    model = Told([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(*BATCHES, verbose=0, callbacks=[Tells()])
    assert order == ["model", "make", "begin"]


def test_a_running_fit_has_its_callbacks_and_its_data():
    at = At(compat.running_fit)
    history = fitted(at)
    callbacks, iterator = at.found
    assert callbacks.callbacks[0] is at
    assert history in callbacks.callbacks
    assert (iterator.num_batches, iterator.steps_per_epoch) == (4, None)
    inputs, shuffled = compat.arrays_of(iterator.data_adapter)
    assert not shuffled
    np.testing.assert_array_equal(inputs[0], BATCHES[0])
    assert not compat.is_generator(iterator.data_adapter)
    compat.wait_for_callbacks(callbacks)
    assert compat.running_fit(dense()) == (None, None)


def test_a_generator_is_told_from_other_data():
    at = At(compat.running_fit)
    compat.follow_fits()
    dense().fit((BATCHES for _ in range(4)), steps_per_epoch=2, verbose=0, shuffle=False, callbacks=[at])
    adapter = at.found[1].data_adapter
    assert compat.is_generator(adapter)
    assert compat.arrays_of(adapter) is None


def test_a_fit_begins_at_an_epoch_and_a_batch():
    def begin(model):
        compat.begin_at_epoch(model, 2)
        compat.begin_at_batch(compat.running_fit(model)[1], 3)

    at = At(begin)
    fitted(at, epochs=4)
    assert at.epochs == [2, 3]
    assert at.batches == [3, 0, 1, 2, 3]


def test_variables_are_made_before_the_first_step():
    def make(model):
        before = len(model.metrics_variables)
        compat.make_variables(model, compat.running_fit(model)[1])
        return before, len(model.metrics_variables)

    at = At(make)
    compat.follow_fits()
    model = dense(metrics=["mae"])
    model.fit(*BATCHES, batch_size=3, verbose=0, callbacks=[at])
    assert at.found[1] > at.found[0]
    assert len(model.metrics_variables) == at.found[1]
    assert at.batches == [0, 1, 2, 3]


def test_the_shared_random_state_is_that_of_keras_random():
    state = compat.random_state_variable(make=True)
    assert compat.random_state_variable() is state
    before = state.numpy()
    first = keras.random.uniform((3,))
    state.assign(before)
    np.testing.assert_array_equal(first, keras.random.uniform((3,)))


def test_what_changes_in_the_callbacks_of_keras_is_known(tmp_path):
    callbacks = [
        keras.callbacks.History(),
        keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss"),
        keras.callbacks.ModelCheckpoint(tmp_path / "model.keras", "loss"),
        keras.callbacks.SwapEMAWeights(),
    ]
    model = dense(keras.optimizers.SGD(use_ema=True))

    class Before(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.states = [dict(vars(each)) for each in callbacks]

    before = Before()
    model.fit(*BATCHES, epochs=2, verbose=0, callbacks=[*callbacks, before])
    for callback, state in zip(callbacks, before.states, strict=True):
        names = compat.state_names(callback)
        assert set(names) <= set(vars(callback))
        changed = {name for name in vars(callback) if callback.__dict__[name] is not state.get(name)}
        known = {"_current_epoch", "monitor_op", "min_delta"}  # found again by each epoch
        assert changed <= {*names, *known}, (callback, changed)
    assert compat.state_names(keras.callbacks.Callback()) == ()
    assert compat.without_model(callbacks[0])["_model"] is None
    assert vars(callbacks[0])["_model"] is model


def test_a_csv_log_is_rewritten_whether_it_is_open_or_not(tmp_path):
    log, path, text = keras.callbacks.CSVLogger(tmp_path / "log.csv"), tmp_path / "log.csv", "epoch,loss\n0,1.5\n"
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": 3.0, "mae": 2.0})
    compat.rewrite_csv(log, ["loss"], text)
    log.on_epoch_end(1, {"loss": 0.5})
    log.on_train_end()
    assert path.read_text().split() == ["epoch,loss", "0,1.5", "1,0.5"]
    compat.rewrite_csv(log, ["loss"], text)
    assert path.read_text() == text
