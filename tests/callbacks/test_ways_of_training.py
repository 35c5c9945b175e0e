import keras
import numpy as np
import pytest

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth

OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.05),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "clipnorm": lambda: keras.optimizers.Adam(0.05, clipnorm=0.1),
    "clipvalue": lambda: keras.optimizers.Adam(0.05, clipvalue=0.1),
    "global_clipnorm": lambda: keras.optimizers.AdamW(0.05, global_clipnorm=0.1),
    "accumulation": lambda: keras.optimizers.Adam(0.05, gradient_accumulation_steps=4),
    "averages": lambda: keras.optimizers.Adam(0.05, use_ema=True, ema_overwrite_frequency=3),
}
WAYS = {
    "graph": {},
    "xla": {"jit_compile": True},
    "several steps": {"steps_per_execution": 8},
    "eager": {"run_eagerly": True},
}


@pytest.fixture
def half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_recording_changes_nothing_with_any_optimizer(kit, data, optimizer):
    models = [kit.compiled(optimizer=OPTIMIZERS[optimizer](), metrics=["mae"]) for _ in range(2)]
    plain = kit.fit(models[0], data, epochs=2).history
    health = GradientHealth(level="gate", weights_every=3)
    watched = kit.fit(models[1], data, [health], epochs=2).history
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert {name: watched[name] for name in plain} == plain
    assert len(health.steps) == (4 if optimizer == "accumulation" else 16)


@pytest.mark.parametrize(
    ("cell", "way"),
    [("lstm", "graph"), ("gru", "several steps"), ("simple_rnn", "xla"), ("mean", "xla"), ("mean", "eager")],
)
def test_recording_changes_nothing_on_any_way_of_running(kit, data, cell, way):
    models = [kit.compiled(cell, "adam", **WAYS[way]) for _ in range(2)]
    plain = kit.fit(models[0], data).history
    health = GradientHealth(level="gate", weights_every=3)
    watched = kit.fit(models[1], data, [health]).history
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert watched["loss"] == plain["loss"]
    oracle = kit.tape_steps(kit.build(cell), kit.in_batches(*data), keras.optimizers.Adam())
    totals = [np.sqrt(sum(np.sum(g**2) for g in step.values())) for step in oracle]
    np.testing.assert_allclose(health.steps["norm_before"], totals, rtol=1e-5)


@pytest.mark.parametrize(
    ("way", "optimizer"),
    [
        ("graph", "adam"),
        ("graph", "clipnorm"),
        ("graph", "accumulation"),
        ("xla", "clipnorm"),
        ("xla", "accumulation"),
        ("several steps", "adam"),
        ("several steps", "accumulation"),
        ("eager", "accumulation"),
    ],
)
def test_all_callbacks_together_on_every_way_of_running(kit, data, way, optimizer):
    model = kit.compiled(optimizer=OPTIMIZERS[optimizer](), **WAYS[way])
    health = GradientHealth(level="gate")
    rule = GradientClipping("global_norm", 0.05)
    if optimizer == "clipnorm":
        with pytest.warns(UserWarning, match="clipnorm clips first; GlobalNormClip clips what is left"):
            history = kit.fit(model, data, [health, GradientGuard(), rule], epochs=2).history
    else:
        history = kit.fit(model, data, [health, GradientGuard(), rule], epochs=2).history
    steps = health.steps
    assert list(steps["step"]) == list(range(4 if optimizer == "accumulation" else 16))
    expected = np.minimum(steps["norm_before"], 0.05)
    if optimizer == "clipnorm":
        assert (steps["norm_after"] <= 0.05 * (1 + 1e-5)).all()
    else:
        np.testing.assert_allclose(steps["norm_after"], expected, rtol=1e-5)
    assert history["clip_rate"][-1] > 0
    assert history["skipped_steps"] == [0, 0]


def test_accumulated_gradients_are_the_mean_of_their_batches(kit, data):
    health = GradientHealth()
    model = kit.compiled(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    kit.fit(model, data, [health])
    kit.fit(model, data, [health])
    batches = 2 * kit.in_batches(*data, size=16)  # the mean of four equal batches is the mean over all their rows
    oracle = kit.tape_steps(kit.build(), batches, keras.optimizers.SGD(0.1))
    totals = [np.sqrt(sum(np.sum(g**2) for g in step.values())) for step in oracle]
    np.testing.assert_allclose(health.steps["norm_before"], totals, rtol=1e-5)
    assert list(health.steps["step"]) == [0, 1, 2, 3]
    later = GradientHealth()  # as after loading, it has no numbers of its own
    kit.fit(model, data, [later])
    assert list(later.steps["step"]) == [4, 5]


@pytest.mark.usefixtures("half_precision")
@pytest.mark.parametrize("guards", [[], ["guard"]])
def test_an_overflow_of_the_loss_scale_is_counted_and_later_norms_are_unscaled(kit, data, guards):
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0**20)
    model, plain = kit.compiled(optimizer=scaled), None
    health = GradientHealth()
    history = kit.fit(model, data, [health, *[GradientGuard() for _ in guards]], epochs=2).history
    status = health.steps["status"]
    assert status.iloc[0] == "overflow"
    assert list(status)[-4:] == ["taken"] * 4
    assert (health.frame[health.frame["step"] == 0]["nonfinite"] > 0).any()
    assert np.isfinite(history["grad_norm"][-1])
    plain = kit.compiled(
        optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=2.0**20)
    )
    kit.fit(plain, data, epochs=2)
    kit.assert_same(kit.everything(plain), kit.everything(model))
    scale = float(model.optimizer.dynamic_scale)
    taken = health.steps["norm_before"][status == "taken"]
    assert scale < 2.0**20
    assert taken.max() < 100  # the raw ones are larger by the scale


@pytest.mark.usefixtures("half_precision")
def test_a_loss_scale_that_stays_when_a_layer_is_frozen(kit, data):
    models = [kit.compiled(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01))) for _ in range(2)]
    health = GradientHealth()
    for model, callbacks in zip(models, ([], [health]), strict=True):
        kit.fit(model, data)
        model.layers[0].trainable = False
        model.compile(model.optimizer, "mse", jit_compile=False)
        kit.fit(model, data, callbacks)
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert health.frame["variable"].unique().tolist() == ["net/dense/kernel", "net/dense/bias"]
