import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth
from rnnkit.callbacks.gradients import seam_checks
from rnnkit.errors import ArgumentError, DeviceError

pytestmark = pytest.mark.usefixtures("untraced_fits")  # those of which graphs could make another thing are traced


class Interrupt(keras.callbacks.Callback):
    """Stops `fit` by an exception before a batch."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", seam_checks.REQUIRED)
def test_on_a_keras_without_the_place_recording_warns_and_clipping_refuses(kit, data, monkeypatch, name):
    model, plain = kit.compiled(), kit.compiled()
    monkeypatch.setattr(keras.optimizers.SGD, name, None)
    callbacks = keras.callbacks.CallbackList([GradientHealth()], model=model)
    with pytest.warns(UserWarning, match=f"GradientHealth records nothing: .*{name}") as caught:
        callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    callbacks.on_train_batch_begin(0)
    callbacks.on_epoch_end(0, {})
    callbacks.on_train_end()
    (health,) = callbacks.callbacks
    assert len(caught) == 1
    assert health.frame.empty
    for needed in (GradientClipping(), GradientGuard()):
        with pytest.raises(DeviceError, match=f"{type(needed).__name__} cannot work: .*{name}"):
            kit.fit(plain, data, [needed])


def test_a_second_fit_goes_on_with_the_numbers(kit, data):
    model, once = kit.compiled(optimizer="adam"), kit.compiled(optimizer="adam")
    health, whole = GradientHealth(), GradientHealth()
    kit.fit(model, data, [health])
    kit.fit(model, data, [health])
    kit.fit(once, data, [whole], epochs=2)
    np.testing.assert_array_equal(health.steps["norm_before"], whole.steps["norm_before"])
    assert list(health.steps["step"]) == list(range(16))


@pytest.mark.usefixtures("traced_fits")
def test_nothing_is_left_behind(kit, data):
    model = kit.compiled(optimizer="adam")
    kit.fit(model, data)
    function, before = model.train_function, [set(vars(each)) for each in (model, model.optimizer, model._loss_tracker)]
    kit.fit(model, data, [GradientHealth(), GradientClipping(), GradientGuard()])
    assert model.train_function is function
    assert [set(vars(each)) for each in (model, model.optimizer, model._loss_tracker)] == before


@pytest.mark.usefixtures("traced_fits")
@pytest.mark.parametrize("watched", [False, True])
def test_a_fit_after_an_interrupted_one_is_clean(kit, data, watched):
    model, fresh = kit.compiled(optimizer="adam"), kit.compiled(optimizer="adam")
    health = GradientHealth()
    clipping = GradientClipping("global_norm", 1e-3)
    with pytest.raises(KeyboardInterrupt):
        kit.fit(model, data, [health, clipping, Interrupt()])
    model.set_weights(fresh.get_weights())
    for variable in model.optimizer.variables:
        variable.assign(tf.zeros_like(variable) if "learning_rate" not in variable.path else variable)
    kit.fit(model, data, [health] if watched else [])
    kit.fit(fresh, data)
    kit.assert_same(kit.everything(model), kit.everything(fresh))


def test_the_logs_after_an_interrupted_epoch_are_those_of_the_new_one(kit, data):
    model, spoiled = kit.compiled(), (data[0], data[1].copy())
    spoiled[1][:4] = np.nan
    callbacks = [GradientHealth(flush_every=1), GradientClipping(threshold=0.1), GradientGuard()]
    with pytest.raises(KeyboardInterrupt):
        kit.fit(model, spoiled, [*callbacks, Interrupt()])
    history = kit.fit(model, data, callbacks).history
    steps = callbacks[0].steps.iloc[-8:]
    assert history["skipped_steps"] == [0]
    assert history["clip_rate"] == [steps["clipped"].mean()]
    assert history["grad_norm"][0] == pytest.approx(steps["norm_before"].mean(), rel=1e-6)


def test_interrupted_then_compiled_anew_trains_with_the_new_settings(kit, data):
    model = kit.compiled(optimizer="adam")
    kit.fit(model, data)
    with pytest.raises(KeyboardInterrupt):
        kit.fit(model, data, [GradientHealth(), Interrupt()])
    model.compile(keras.optimizers.SGD(0.0), "mae")
    before = model.get_weights()
    loss = kit.fit(model, data).history["loss"][0]
    kit.assert_same(before, model.get_weights())
    assert loss == pytest.approx(np.mean(np.abs(model.predict(data[0], verbose=0) - data[1])), rel=1e-5)


def functional(kit):
    inputs = keras.Input((6,), dtype="int32")
    return keras.Model(inputs, kit.build()(inputs))


def subclassed(kit):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = kit.build()

        def call(self, inputs):
            return self.inner(inputs)

    return Net()


def unbuilt(kit):
    keras.utils.set_random_seed(0)
    layers = kit.build().layers
    return keras.Sequential([type(layer).from_config(layer.get_config()) for layer in layers])


@pytest.mark.usefixtures("traced_fits")
@pytest.mark.parametrize("make", [functional, subclassed, unbuilt])
def test_every_kind_of_model_gives_the_same_norms(kit, data, make):
    model = make(kit)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    health = GradientHealth()
    kit.fit(model, data, [health, GradientClipping(), GradientGuard()])
    if make is unbuilt:
        for variable, value in zip(model.weights, kit.build().get_weights(), strict=True):
            variable.assign(value)
        health = GradientHealth()
        kit.fit(model, data, [health])
    oracle = kit.tape_steps(kit.build(), kit.in_batches(*data), keras.optimizers.SGD(0.0))
    totals = [np.sqrt(sum(np.sum(g**2) for g in step.values())) for step in oracle]
    np.testing.assert_allclose(health.steps["norm_before"], totals, rtol=1e-5)


@pytest.mark.usefixtures("traced_fits")
def test_a_custom_train_step_is_seen_too(kit, data):
    class Own(keras.Sequential):
        def train_step(self, batch):
            x, y = batch
            with tf.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            for metric in self.metrics:
                metric.update_state(loss)
            return {metric.name: metric.result() for metric in self.metrics}

    model = Own([kit.build()])
    model.compile("sgd", "mse")
    health, guard = GradientHealth(), GradientGuard()
    x, y = data
    y[5] = np.nan
    history = kit.fit(model, (x, y), [health, guard, GradientClipping("norm", 0.1)]).history
    assert list(health.steps["status"]) == ["taken", "nonfinite"] + ["taken"] * 6
    assert np.isfinite(history["loss"][0])


@pytest.mark.parametrize("flush_every", [1, 4, 64])
def test_every_update_of_a_train_step_with_two_is_kept(kit, data, flush_every, request):
    if flush_every == 4:
        request.getfixturevalue("traced_fits")

    class Twice(keras.Sequential):
        def train_step(self, batch):
            super().train_step(batch)
            return super().train_step(batch)

    model = Twice([kit.build()])
    model.compile("sgd", "mse")
    health = GradientHealth(flush_every=flush_every)
    kit.fit(model, data, [health])
    assert list(health.steps["step"]) == list(range(16))
    twice = [batch for batch in kit.in_batches(*data) for _ in range(2)]
    oracle = kit.tape_steps(kit.build(), twice, keras.optimizers.SGD())
    totals = [np.sqrt(sum(np.sum(g**2) for g in step.values())) for step in oracle]
    np.testing.assert_allclose(health.steps["norm_before"], totals, rtol=1e-5)


def test_a_checkpoint_in_mid_fit_loads_without_our_callbacks_and_goes_on(kit, data, tmp_path):
    path = tmp_path / "net-{epoch}.keras"
    model = kit.compiled(optimizer="adam")
    checkpoint = keras.callbacks.ModelCheckpoint(path)
    clipping = GradientClipping("percentile", 50)
    state = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: state.append(clipping.get_state()))
    kit.fit(model, data, [GradientHealth(), clipping, checkpoint, keep], epochs=2)
    middle = keras.saving.load_model(tmp_path / "net-1.keras")
    assert int(middle.optimizer.iterations) == 8
    again = GradientClipping("percentile", 50)
    again.set_state(state[0])
    health = GradientHealth()
    kit.fit(middle, data, [again, health], epochs=2, initial_epoch=1)
    kit.assert_same(kit.everything(middle), kit.everything(model))
    assert list(health.steps["step"]) == list(range(8, 16))
    final = keras.saving.load_model(tmp_path / "net-2.keras")
    kit.assert_same(kit.everything(final), kit.everything(model))


def test_a_model_without_trainable_weights_is_refused_by_what_acts_and_warned_of_by_what_records(kit, data):
    model = kit.build()
    model.trainable = False
    model.compile("sgd", "mse")
    for callback in (GradientClipping(), GradientGuard()):
        with pytest.raises(ArgumentError, match="model: it has no trainable weights"):
            kit.fit(model, data, [callback])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = kit.fit(model, data, [health := GradientHealth()]).history
    assert sum("GradientHealth records nothing: model: it has no trainable" in str(each.message) for each in said) == 1
    assert health.frame.empty
    assert np.isfinite(history["loss"][0])


@pytest.mark.parametrize("callback", [GradientClipping, GradientGuard])
def test_two_that_contradict_are_refused(kit, data, callback):
    with pytest.raises(ArgumentError, match=f"two {callback.__name__} in one fit"):
        kit.fit(kit.compiled(), data, [callback(), callback()])


def test_two_recorders_share_one_installation(kit, data):
    first, second = GradientHealth(level="layer"), GradientHealth(level="gate", every=2)
    kit.fit(kit.compiled(), data, [first, second])
    assert len(first.steps) == 8
    assert len(second.steps) == 4
