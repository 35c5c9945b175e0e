import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.callbacks import ClippingRule, GradientClipping, GradientGuard, GradientHealth, NormClip
from rnnkit.errors import ArgumentError


def clipped_by_hand(gradients, weights, rule):
    """The dense rules again, in NumPy."""
    norms = {path: np.linalg.norm(g) for path, g in gradients.items()}
    total = np.linalg.norm(list(norms.values()))
    return {
        "value": {path: np.clip(g, -0.02, 0.02) for path, g in gradients.items()},
        "norm": {path: g * min(1, 0.02 / norms[path]) for path, g in gradients.items()},
        "global_norm": {path: g * min(1, 0.02 / total) for path, g in gradients.items()},
    }[rule]


@pytest.mark.parametrize(
    ("cell", "rule"), [("mean", "value"), ("mean", "norm"), ("mean", "global_norm"), ("lstm", "global_norm")]
)
def test_the_update_is_that_of_a_bare_loop_that_clips(kit, data, rule, cell):
    model, health = kit.compiled(cell, keras.optimizers.SGD(1.0)), GradientHealth()
    kit.fit(model, data, [GradientClipping(rule, 0.02), health])
    bare = kit.build(cell)
    weights = {variable.path: variable for variable in bare.trainable_variables}
    frame = health.frame.set_index(["step", "variable"])
    for number, batch in enumerate(kit.in_batches(*data)):
        (gradients,) = kit.tape_steps(bare, [batch], keras.optimizers.SGD(0.0)) if number == 0 else [None]
        if gradients is None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(bare(batch[0], training=True) - batch[1]))
            found = tape.gradient(loss, bare.trainable_variables)
            gradients = {path: tf.convert_to_tensor(g).numpy() for path, g in zip(weights, found, strict=True)}
        after = clipped_by_hand(gradients, weights, rule)
        for path, variable in weights.items():
            variable.assign_sub(after[path])
            row = frame.loc[(number, path)]
            assert row["norm_before"] == pytest.approx(np.linalg.norm(gradients[path]), rel=1e-4)
            assert row["norm_after"] == pytest.approx(np.linalg.norm(after[path]), rel=1e-4)
    for one, other in zip(model.get_weights(), bare.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_adaptive_obeys_its_rule_on_rows_of_an_embedding(kit, data):
    model = kit.compiled(optimizer=keras.optimizers.SGD(1.0))
    before = model.get_weights()
    kit.fit(model, (data[0][:4], data[1][:4]), [GradientClipping("adaptive", 0.002)])
    for old, new in zip(before[:2], model.get_weights()[:2], strict=True):
        axis = 1 if old.shape == (7, 4) else 0
        moved, size = np.linalg.norm(new - old, axis=axis), np.linalg.norm(old, axis=axis)
        assert (moved <= 0.002 * size * (1 + 1e-3)).all()
        assert (moved > 0.0019 * size).any()


@pytest.mark.parametrize("rule", ["percentile", "zscore"])
def test_an_adaptive_threshold_obeys_the_recorded_norms(kit, data, rule):
    health = GradientHealth()
    clipping = GradientClipping(
        rule, **({"percentile": 30} if rule == "percentile" else {"z": 1.0, "initial_steps": 3})
    )
    kit.fit(kit.compiled(optimizer="adam"), data, [health, clipping], epochs=3)
    steps = health.steps
    np.testing.assert_allclose(steps["norm_after"], np.minimum(steps["norm_before"], steps["threshold"]), rtol=1e-5)
    assert steps["clipped"].any()
    if rule == "percentile":
        totals = steps["norm_before"].to_numpy()
        expected = [np.percentile(totals[: number + 1], 30) for number in range(len(totals))]
        np.testing.assert_allclose(steps["threshold"], expected, rtol=1e-5)


@pytest.mark.usefixtures("untraced_fits")
def test_logs_say_how_often_and_at_what_threshold(kit, data):
    health = GradientHealth()
    clipping = GradientClipping("percentile", 40)
    history = kit.fit(kit.compiled(), data, [clipping, health], epochs=2).history
    epochs = health.steps.groupby("epoch")
    np.testing.assert_allclose(history["clip_rate"], epochs["clipped"].mean())
    np.testing.assert_allclose(history["clip_threshold"], epochs["threshold"].last(), rtol=1e-6)


@pytest.mark.usefixtures("untraced_fits")
def test_nothing_is_clipped_during_warm_up(kit, data):
    health = GradientHealth()
    kit.fit(kit.compiled(), data, [GradientClipping("value", 1e-4, warm_up=5), health])
    assert list(health.steps["clipped"]) == [False] * 5 + [True] * 3


@pytest.mark.usefixtures("untraced_fits")
def test_a_schedule_counts_the_optimizers_steps(kit, data):
    schedule = keras.optimizers.schedules.PolynomialDecay(0.05, 16, 0.01)
    health, model = GradientHealth(), kit.compiled()
    for _ in range(2):
        kit.fit(model, data, [GradientClipping("global_norm", schedule), health])
    np.testing.assert_allclose(health.steps["threshold"], [schedule(step) for step in range(16)], rtol=1e-5)


@pytest.mark.usefixtures("untraced_fits")
def test_beside_an_optimizers_own_clipping_it_warns_and_both_are_recorded(kit, data):
    x, y = data
    batch = (x[:4], y[:4])
    health = GradientHealth()
    model = kit.compiled(optimizer=keras.optimizers.SGD(1.0, clipvalue=0.05))
    with pytest.warns(UserWarning, match="own clipvalue clips first; NormClip clips what is left") as caught:
        kit.fit(model, batch, [health, GradientClipping("norm", 0.03)])
    assert len(caught) == 1
    (gradients,) = kit.tape_steps(kit.build(), [batch], keras.optimizers.SGD(0.0))
    frame = health.frame.set_index("variable")
    for path, gradient in gradients.items():
        assert frame["norm_before"][path] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
        left = np.linalg.norm(np.clip(gradient, -0.05, 0.05))
        assert frame["norm_after"][path] == pytest.approx(min(0.03, left), rel=1e-4)


@pytest.mark.usefixtures("untraced_fits")
def test_the_norm_before_an_optimizers_own_clipnorm_is_recorded(kit, data):
    raw, own = GradientHealth(), GradientHealth()
    kit.fit(kit.compiled(optimizer=keras.optimizers.SGD(0.0)), data, [raw])
    kit.fit(kit.compiled(optimizer=keras.optimizers.SGD(0.0, global_clipnorm=0.1)), data, [own])
    np.testing.assert_allclose(own.steps["norm_before"], raw.steps["norm_before"], rtol=1e-6)
    assert (own.steps["norm_after"] <= 0.11).all()


@pytest.mark.usefixtures("untraced_fits")
def test_refused_steps_do_not_enter_the_memory(kit, data):
    x, y = data[0], data[1].copy()
    y[8:12] = np.nan
    spoiled, clean = GradientClipping("percentile", 50), GradientClipping("percentile", 50)
    kit.fit(kit.compiled(), (x, y), [spoiled, GradientGuard()])
    kit.fit(kit.compiled(), (np.delete(x, range(8, 12), 0), np.delete(y, range(8, 12), 0)), [clean, GradientGuard()])
    kit.assert_same(list(spoiled.get_state().values())[1:], list(clean.get_state().values())[1:])


@pytest.mark.usefixtures("untraced_fits")
@pytest.mark.parametrize("rule", ["percentile", "zscore"])
@pytest.mark.parametrize("way", ["same", "pickle", "state"])
def test_the_memory_goes_on(kit, data, rule, way):
    whole = GradientClipping(rule, **({} if rule == "percentile" else {"initial_steps": 4}))
    parts = copy.deepcopy(whole)
    kit.fit(kit.compiled(), data, [whole], epochs=2)
    model = kit.compiled()
    kit.fit(model, data, [parts])
    if way == "pickle":
        parts = pickle.loads(pickle.dumps(parts))
    if way == "state":
        state = parts.get_state()
        parts = GradientClipping(rule, **({} if rule == "percentile" else {"initial_steps": 4}))
        parts.set_state(state)
    kit.fit(model, data, [parts])
    kit.assert_same(list(parts.get_state().values()), list(whole.get_state().values()))


def test_a_rule_of_the_users_own_with_a_memory(kit, data):
    class FirstNorm(ClippingRule):
        """Never more than the first step's norm."""

        def initial_state(self):
            return {"first": np.float32(np.inf)}

        def clip(self, step, state):
            first = tf.where(tf.math.is_inf(state["first"]), step.total, state["first"])
            factor = tf.minimum(1.0, first / step.total)
            scaled = [tf.convert_to_tensor(gradient) * factor for gradient in step.gradients]
            return scaled, first, {"first": first}

    health = GradientHealth()
    kit.fit(kit.compiled(optimizer="adam"), data, [health, GradientClipping(FirstNorm)], epochs=2)
    assert (health.steps["norm_after"] <= health.steps["norm_before"][0] * (1 + 1e-5)).all()
    assert health.steps["clipped"].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "glob"}, "rule: unknown rule 'glob'"),
        ({"rule": "norm", "threshold": 0}, "threshold: expected a positive number"),
        ({"rule": "norm", "threshold": -3}, "threshold: expected a positive number"),
        ({"rule": NormClip(1.0), "threshold": 2}, "NormClip is an instance of a rule"),
        ({"rule": "norm", "windows": 2}, "NormClip does not take"),
        ({"warm_up": -1}, "warm_up: expected a whole number from 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        GradientClipping(**arguments)
