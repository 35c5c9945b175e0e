import copy
import pickle

import keras
import numpy as np
import pytest

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth
from rnnkit.callbacks.resuming.state_files import packed, unpacked
from rnnkit.callbacks.resuming.training_state import Snapshot
from rnnkit.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("untraced_fits")  # those of which graphs could make another thing are traced

BAD = range(12, 16)  # the rows of batch 3
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.05),
    "adamw": lambda: keras.optimizers.AdamW(0.05, weight_decay=0.1),
    "averages": lambda: keras.optimizers.SGD(0.05, momentum=0.9, use_ema=True, ema_overwrite_frequency=3),
    "own clipping": lambda: keras.optimizers.Adam(0.05, global_clipnorm=0.1),
}


def spoiled(data, rows=BAD, value=np.nan):
    x, y = data
    y = y.copy()
    y[list(rows)] = value
    return x, y


def without(data, rows=BAD):
    return tuple(np.delete(each, list(rows), axis=0) for each in data)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("others", [False, True])
def test_skip_ends_as_if_the_batch_had_not_been_there(kit, data, optimizer, others, request):
    if others:
        request.getfixturevalue("traced_fits")
    models = [kit.compiled(optimizer=OPTIMIZERS[optimizer]()) for _ in range(2)]
    guard = GradientGuard()
    more = [GradientHealth(weights_every=1)] if others else []
    history = kit.fit(models[0], spoiled(data), [guard, *more], epochs=2).history
    clean = kit.fit(models[1], without(data), epochs=2).history
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert history["loss"] == clean["loss"]
    assert history["skipped_steps"] == [1, 1]


@pytest.mark.usefixtures("traced_fits")
def test_skip_does_so_for_a_recurrent_layer(kit, data):
    models = [kit.compiled("gru", "adam") for _ in range(2)]
    kit.fit(models[0], spoiled(data), [GradientGuard()])
    kit.fit(models[1], without(data))
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))


@pytest.mark.usefixtures("traced_fits")
@pytest.mark.parametrize("options", [{"jit_compile": True}, {"steps_per_execution": 8}, {"run_eagerly": True}])
def test_skip_does_so_on_every_way_of_running(kit, data, options):
    models = [kit.compiled(optimizer=OPTIMIZERS["adamw"](), **options) for _ in range(2)]
    rules = [GradientClipping("global_norm", 0.1) for _ in range(2)]
    history = kit.fit(models[0], spoiled(data), [GradientGuard(), GradientHealth(), rules[0]]).history
    clean = kit.fit(models[1], without(data), [GradientGuard(), rules[1]]).history
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert history["loss"] == clean["loss"]


@pytest.mark.usefixtures("traced_fits")
def test_skip_keeps_a_bad_batch_out_of_accumulated_gradients(kit, data):
    models = [kit.compiled(optimizer=keras.optimizers.Adam(0.05, gradient_accumulation_steps=4)) for _ in range(2)]
    health = GradientHealth()
    kit.fit(models[0], spoiled(data), [GradientGuard(), health])
    kit.fit(models[1], without(data))
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert list(health.steps["status"]) == ["nonfinite", "taken"]


def test_the_first_batch_may_be_bad(kit, data):
    models = [kit.compiled(optimizer="adam") for _ in range(2)]
    kit.fit(models[0], spoiled(data, range(4)), [GradientGuard()])
    kit.fit(models[1], without(data, range(4)))
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))


def test_without_a_guard_the_same_batch_spoils_everything(kit, data):
    model = kit.compiled(optimizer="adam")
    history = kit.fit(model, spoiled(data)).history
    assert np.isnan(history["loss"][0])
    assert np.isnan(model.get_weights()[-1]).all()


@pytest.mark.usefixtures("traced_fits")
def test_half_precision_skips_and_counts(kit, data):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = kit.compiled(
            optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=8)
        )
        history = kit.fit(model, spoiled(data), [GradientGuard(), health := GradientHealth()]).history
    finally:
        keras.config.set_dtype_policy("float32")
    assert list(health.steps["status"]) == ["taken"] * 3 + ["overflow"] + ["taken"] * 4
    assert np.isfinite(history["loss"][0])


def test_the_report_names_where_it_began(kit, data):
    guard, health = GradientGuard(), GradientHealth()
    kit.fit(kit.compiled(), spoiled(data), [guard, health])
    (report,) = guard.reports
    assert guard.report is report
    assert report["reason"] == "nonfinite"
    assert report["action"] == "skip"
    assert (report["step"], report["epoch"]) == (3, 0)
    assert (report["layer"], report["variable"]) == ("net/dense", "net/dense/bias")
    assert np.isnan(report["norm"])
    assert np.isnan(report["value"])
    row = health.frame[health.frame["step"] == 3]
    assert (row["nonfinite"] > 0).all()
    assert (row["norm_after"] == 0).all()


def test_stop_keeps_the_weights_before_the_bad_step(kit, data):
    models = [kit.compiled(optimizer="adam") for _ in range(2)]
    guard = GradientGuard("stop")
    history = kit.fit(models[0], spoiled(data), [guard], epochs=3).history
    x, y = data
    kit.fit(models[1], (x[:12], y[:12]))
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert len(history["loss"]) == 1
    assert np.isfinite(history["loss"][0])
    assert guard.report["action"] == "stop"
    assert guard.report["step"] == 3


@pytest.mark.usefixtures("traced_fits")
def test_stop_holds_within_one_execution_of_several_steps(kit, data):
    models = [kit.compiled(optimizer="adam") for _ in range(2)]
    health = GradientHealth()
    models[0].compile("adam", "mse", steps_per_execution=8)
    kit.fit(models[0], spoiled(data), [GradientGuard("stop"), health], epochs=2)
    x, y = data
    kit.fit(models[1], (x[:12], y[:12]))
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    assert list(health.steps["status"]) == ["taken"] * 3 + ["nonfinite"] + ["waiting"] * 4


def test_a_fit_after_a_stop_trains_again(kit, data):
    model, guard = kit.compiled(), GradientGuard("stop")
    kit.fit(model, spoiled(data), [guard])
    before = model.get_weights()
    history = kit.fit(model, data, [guard]).history
    assert history["skipped_steps"] == [0]
    assert any((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


def test_rollback_returns_to_the_last_good_state_with_a_lower_rate(kit, data):
    class Watch(keras.callbacks.Callback):
        """The state at the start of each batch, behind the guard."""

        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_begin(self, batch, logs=None):
            self.seen.append((kit.everything(self.model), float(self.model.optimizer.learning_rate)))

    model, watch = kit.compiled(optimizer=keras.optimizers.SGD(0.1, momentum=0.9)), Watch()
    guard = GradientGuard("rollback", lr_factor=0.5, snapshot_every=2)
    kit.fit(model, spoiled(data), [guard, watch])
    rates = [rate for _, rate in watch.seen]
    np.testing.assert_allclose(rates, [0.1] * 4 + [0.05] * 4, rtol=1e-6)
    names = [variable.path for variable in [*model.weights, *model.optimizer.variables]]
    for name, then, now in zip(names, watch.seen[2][0], watch.seen[4][0], strict=True):
        if "learning_rate" not in name:
            np.testing.assert_array_equal(then, now)  # batch 2 was the last snapshot, batch 3 the bad one
    assert guard.rollbacks == 1


@pytest.mark.parametrize(("steps", "kept"), [(1, [0, 3, 6]), (2, [0, 4, 6])])
def test_good_states_are_kept_however_many_steps_go_at_once(kit, data, steps, kept, monkeypatch):
    model, guard = kit.compiled(steps_per_execution=steps), GradientGuard("rollback", snapshot_every=3)
    found = []
    monkeypatch.setattr(guard, "_keep", lambda: found.append(int(model.optimizer.iterations)))
    kit.fit(model, data, [guard])
    assert found == kept


def test_a_good_state_in_bfloat16_comes_back_from_a_file():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    model.compile("sgd", "mse")
    good = Snapshot(model)
    saved = unpacked(packed(good.values))
    before = model.get_weights()
    model.set_weights([weight + 1 for weight in before])
    Snapshot(model, values=saved).restore()
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one.astype("float32"), other.astype("float32"))


def test_rollback_stops_when_it_does_not_help(kit, data):
    model = kit.compiled()
    guard = GradientGuard("rollback", max_rollbacks=1)
    history = kit.fit(model, spoiled(data), [guard], epochs=5).history
    assert len(history["loss"]) == 2
    assert guard.rollbacks == 1
    assert [report["action"] for report in guard.reports] == ["rollback", "stop"]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_an_explosion_is_noticed_by_its_size(kit, data):
    x, y = spoiled(data, value=1e4)
    guard, health = GradientGuard(None, "skip", explosion_factor=20, warm_up=3), GradientHealth()
    models = [kit.compiled() for _ in range(2)]
    kit.fit(models[0], (x, y), [guard, health])
    kit.fit(models[1], without(data))
    kit.assert_same(kit.everything(models[0]), kit.everything(models[1]))
    norms = health.steps["norm_before"]
    assert norms[3] > 20 * norms[:3].mean()
    assert list(health.steps["status"] == "explosion") == [number == 3 for number in range(8)]
    assert guard.report["reason"] == "explosion"
    assert guard.report["value"] == pytest.approx(health.frame.query("step == 3")["norm_before"].max())


def test_nothing_is_an_explosion_during_warm_up_or_below_the_factor(kit, data):
    x, y = spoiled(data, rows=range(28, 32), value=1e4)
    for options in ({"warm_up": 8, "explosion_factor": 20}, {"warm_up": 3, "explosion_factor": 1e9}):
        guard = GradientGuard(None, "skip", **options)
        assert kit.fit(kit.compiled(), (x, y), [guard]).history["skipped_steps"] == [0]


def test_a_guard_for_explosions_only_lets_nonfinite_steps_and_losses_pass(kit, data):
    model = kit.compiled()
    history = kit.fit(model, spoiled(data), [GradientGuard(None, "skip")]).history
    assert np.isnan(history["loss"][0])
    assert np.isnan(model.get_weights()[-1]).all()


def test_the_mean_norm_goes_on_in_another_process(kit, data):
    guard, health = GradientGuard("skip", "skip"), GradientHealth()
    kit.fit(kit.compiled(), data, [guard, health])
    assert float(guard.get_state()["mean"]) == pytest.approx(health.steps["norm_before"].mean(), rel=1e-5)
    other = GradientGuard("skip", "skip")
    other.set_state(pickle.loads(pickle.dumps(guard.get_state())))
    assert float(copy.deepcopy(other).state["seen"]) == 8


def test_rollback_refuses_a_schedule_it_could_not_lower(kit, data):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = kit.compiled(optimizer=keras.optimizers.SGD(schedule))
    with pytest.raises(ArgumentError, match="lowers the learning rate, which the optimizer's schedule does not"):
        kit.fit(model, data, [GradientGuard("rollback")])
    kit.fit(model, data, [GradientGuard("stop")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_nonfinite": "ignore"}, "on_nonfinite: expected 'skip', 'rollback', 'stop' or None, got 'ignore'"),
        ({"on_explosion": "halt"}, "on_explosion: expected"),
        ({"on_nonfinite": None}, "nothing to guard"),
        ({"explosion_factor": 1.0}, "explosion_factor: expected a number greater than 1"),
        ({"explosion_factor": -2}, "explosion_factor: expected a positive number"),
        ({"warm_up": -1}, "warm_up: expected a whole number"),
        ({"lr_factor": 1.5}, "lr_factor: expected a positive number of at most 1"),
        ({"lr_factor": 0}, "lr_factor: expected a positive number"),
        ({"max_rollbacks": -1}, "max_rollbacks: expected a whole number"),
        ({"snapshot_every": 0}, "snapshot_every: expected a positive integer"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ArgumentError, match=message):
        GradientGuard(**options)
