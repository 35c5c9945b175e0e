import copy
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from rnnkit.callbacks import GradientClipping, GradientHealth
from rnnkit.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("untraced_fits")  # those of which graphs could make another thing are traced

COLUMNS = ["step", "epoch", "layer", "variable", "gate", "norm_before", "norm_after", "weight_norm", "update_ratio"]


def norms_of(steps):
    return {(number, path): np.linalg.norm(g) for number, step in enumerate(steps) for path, g in step.items()}


@pytest.mark.usefixtures("traced_fits")
@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "gru", "min_gru"])
def test_norms_equal_those_of_a_tape_on_the_same_batches(kit, data, cell):
    health = GradientHealth()
    kit.fit(kit.compiled(cell, keras.optimizers.Adam(0.05)), data, [health], epochs=2)
    oracle = kit.tape_steps(kit.build(cell), 2 * kit.in_batches(*data), keras.optimizers.Adam(0.05))
    expected = norms_of(oracle)
    frame = health.frame.set_index(["step", "variable"])
    assert sorted(frame.index) == sorted(expected)
    for key, norm in expected.items():
        np.testing.assert_allclose(frame.loc[key, ["norm_before", "norm_after"]].astype(float), norm, rtol=1e-5)
    totals = [np.sqrt(sum(np.sum(g**2) for g in step.values())) for step in oracle]
    np.testing.assert_allclose(health.steps["norm_before"], totals, rtol=1e-5)
    assert list(health.steps["epoch"]) == [0] * 8 + [1] * 8


GATES = {"lstm": "ifco", "gru": "zrh", "min_gru": "zh", "min_lstm": "fih"}


@pytest.mark.parametrize(("cell", "letters"), GATES.items())
def test_gate_norms_are_those_of_the_kernels_columns(kit, data, cell, letters):
    health = GradientHealth(level="gate")
    kit.fit(kit.compiled(cell), data, [health])
    steps = kit.tape_steps(kit.build(cell), kit.in_batches(*data), keras.optimizers.SGD(0.01))
    frame = health.frame.set_index(["step", "variable", "gate"])["norm_before"]
    for number, step in enumerate(steps):
        for path, gradient in step.items():
            names, parts = ([""], [gradient])
            if "_cell" in path:
                names, parts = letters, np.split(gradient, len(letters), axis=-1)
            for name, part in zip(names, parts, strict=True):
                np.testing.assert_allclose(frame[number, path, name], np.linalg.norm(part), rtol=1e-5)


def test_layer_level_joins_the_variables_of_a_layer(kit, data):
    layers, variables = GradientHealth(level="layer"), GradientHealth()
    kit.fit(kit.compiled("lstm"), data, [layers, variables])
    squares = variables.frame.assign(square=variables.frame["norm_before"] ** 2)
    expected = np.sqrt(squares.groupby(["step", "layer"], observed=True)["square"].sum())
    found = layers.frame.set_index(["step", "layer"])["norm_before"]
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False, rtol=1e-6)
    assert set(layers.frame["layer"]) == {"net/embedding", "net/lstm", "net/dense"}


def test_weight_norm_and_update_ratio_are_of_the_true_update(kit, data):
    health = GradientHealth(weights_every=1)
    model = kit.compiled(optimizer=keras.optimizers.Adam(0.05))
    kit.fit(model, data, [health])
    other, optimizer = kit.build(), keras.optimizers.Adam(0.05)
    frame = health.frame.set_index(["step", "variable"])
    for number, batch in enumerate(kit.in_batches(*data)[:3]):
        before = {variable.path: variable.numpy() for variable in other.trainable_variables}
        kit.tape_steps(other, [batch], optimizer)
        for variable in other.trainable_variables:
            old = np.linalg.norm(before[variable.path])
            row = frame.loc[(number, variable.path)]
            assert row["weight_norm"] == pytest.approx(old, rel=1e-5)
            if old:
                moved = np.linalg.norm(variable.numpy() - before[variable.path])
                assert row["update_ratio"] == pytest.approx(moved / old, rel=1e-4)


def test_weights_are_measured_every_so_often_and_at_each_epochs_start(kit, data):
    health = GradientHealth(weights_every=3)
    kit.fit(kit.compiled(), data, [health], epochs=2)
    measured = health.frame.dropna(subset="weight_norm")["step"].unique()
    assert list(measured) == [0, 3, 6, 8, 11, 14]


def test_zeros_are_the_share_of_elements_that_are_exactly_zero(kit, data):
    x, y = data
    x[:4] = 2  # the first batch holds one word only
    health = GradientHealth()
    kit.fit(kit.compiled(), (x, y), [health])
    first = health.frame[health.frame["step"] == 0].set_index("variable")["zeros"]
    assert first["net/embedding/embeddings"] == pytest.approx(6 / 7)
    assert first["net/dense/kernel"] == 0


@pytest.mark.usefixtures("traced_fits")
def test_a_gradient_too_small_for_float32_squares_is_measured(kit, data):
    x, _ = data
    model = kit.compiled()
    model.compile(keras.optimizers.SGD(0.0), lambda y, p: 1e-25 * keras.ops.mean(p))
    health = GradientHealth()
    kit.fit(model, (x[:4], np.zeros((4, 1))), [health])
    bias = health.frame.set_index("variable")["norm_before"]["net/dense/bias"]
    assert bias == pytest.approx(1e-25, rel=1e-5)


@pytest.mark.parametrize("level", ["layer", "variable", "gate"])
def test_the_frame_has_its_columns_at_every_level(kit, data, level):
    health = GradientHealth(level=level)
    assert list(health.frame) == [*COLUMNS, "zeros", "nonfinite"]
    assert health.frame.empty
    kit.fit(kit.compiled("gru"), data, [health])
    assert list(health.frame) == [*COLUMNS, "zeros", "nonfinite"]
    assert not health.frame.duplicated(["step", "variable", "layer", "gate"]).any()


def test_every_keeps_the_steps_with_such_numbers(kit, data):
    health = GradientHealth(every=3, flush_every=2)
    kit.fit(kit.compiled(), data, [health], epochs=2)
    assert list(health.steps["step"]) == [0, 3, 6, 8, 9, 12, 15]  # 8 begins an epoch, and the weights are measured


def test_flushing_often_loses_nothing(kit, data):
    often, seldom = GradientHealth(flush_every=1), GradientHealth(flush_every=1000)
    kit.fit(kit.compiled(), data, [often])
    kit.fit(kit.compiled(), data, [seldom])
    pd.testing.assert_frame_equal(often.frame, seldom.frame)


def test_the_epoch_logs_are_those_of_the_steps_and_other_callbacks_read_them(kit, data):
    health = GradientHealth(every=5, weights_every=1)
    stop = keras.callbacks.EarlyStopping("grad_norm", mode="max", patience=1, min_delta=1e9)
    everything = GradientHealth(weights_every=1)
    history = kit.fit(kit.compiled(), data, [everything, health, stop], epochs=9).history
    assert len(history["loss"]) == 2
    epochs = everything.steps.groupby("epoch")
    np.testing.assert_allclose(history["grad_norm"], epochs["norm_before"].mean(), rtol=1e-6)
    np.testing.assert_allclose(history["grad_norm_max"], epochs["norm_before"].max(), rtol=1e-6)
    np.testing.assert_allclose(history["update_ratio"], epochs["update_ratio"].mean(), rtol=1e-6)


def test_records_are_bounded_and_spread_over_the_whole_training(kit, data):
    health = GradientHealth(max_rows=15, flush_every=1)  # three variables: at most five steps
    kit.fit(kit.compiled(), data, [health], epochs=10)
    steps = health.steps["step"].tolist()
    assert len(health.frame) <= 15
    assert steps[0] < 20
    assert steps[-1] > 60
    assert np.ptp(np.diff(steps)) == 0


def test_summary_has_quantiles_of_the_layers_norms(kit, data):
    health = GradientHealth(level="layer")
    kit.fit(kit.compiled(), data, [health], epochs=2)
    norms = health.frame.groupby("layer", observed=True)["norm_before"]
    summary = health.summary()
    assert list(summary) == ["median", "p90", "p99", "max"]
    np.testing.assert_allclose(summary["median"], norms.median(), rtol=1e-6)
    np.testing.assert_allclose(summary["p90"], norms.quantile(0.9), rtol=1e-6)
    np.testing.assert_allclose(summary["max"], norms.max(), rtol=1e-6)


def test_a_suggested_threshold_clips_about_as_often_as_asked(kit, data):
    health = GradientHealth()
    kit.fit(kit.compiled(), data, [health], epochs=2)
    limit = health.suggest_threshold(75)
    assert limit == pytest.approx(np.percentile(health.steps["norm_before"], 75))
    history = kit.fit(kit.compiled(), data, [GradientClipping("global_norm", limit)], epochs=2).history
    assert np.mean(history["clip_rate"]) == pytest.approx(0.25, abs=0.13)
    with pytest.raises(ArgumentError, match="percentile"):
        health.suggest_threshold(101)
    with pytest.raises(ArgumentError, match="no step"):
        GradientHealth().suggest_threshold()


@pytest.mark.parametrize(("after", "counted"), [([1e6, 1e9, np.inf], 20), ([90.0, 50.0], 22)])
def test_a_suggested_threshold_leaves_out_what_follows_an_explosion(after, counted, monkeypatch):
    norms = np.array([*np.linspace(0.5, 1.5, 20), *after])
    steps = pd.DataFrame({"norm_before": norms, "status": "taken"})
    monkeypatch.setattr(GradientHealth, "steps", steps)
    assert GradientHealth().suggest_threshold(90) == pytest.approx(np.percentile(norms[:counted], 90))


def test_to_csv_writes_the_frame(kit, data, tmp_path):
    health = GradientHealth(level="gate")
    kit.fit(kit.compiled("gru"), data, [health])
    health.to_csv(tmp_path / "gradients.csv")
    read = pd.read_csv(
        tmp_path / "gradients.csv", keep_default_na=False, na_values={"weight_norm": "", "update_ratio": ""}
    )
    assert list(read) == list(health.frame)
    np.testing.assert_allclose(read["norm_before"], health.frame["norm_before"])
    assert set(read["gate"]) == {"", "z", "r", "h"}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_carries_the_records_and_works_in_another_fit(kit, data, duplicate, tmp_path):
    health = GradientHealth(log_dir=tmp_path)
    kit.fit(kit.compiled(), data, [health])
    other = duplicate(health)
    pd.testing.assert_frame_equal(other.frame, health.frame)
    kit.fit(kit.compiled(), data, [other])
    assert len(other.steps) == 16
    assert len(health.steps) == 8


def test_state_goes_on_in_another_process(kit, data):
    health = GradientHealth()
    model = kit.compiled()
    kit.fit(model, data, [health])
    other = GradientHealth()
    other.set_state(pickle.loads(pickle.dumps(health.get_state())))
    kit.fit(model, data, [other])
    assert list(other.steps["step"]) == list(range(16))


@pytest.mark.usefixtures("traced_fits")
def test_a_variable_without_gradient_is_left_out(kit, data):
    class Lonely(keras.layers.Layer):
        def build(self, shape):
            self.unused = self.add_weight(shape=(2,), name="unused")

        def call(self, inputs):
            return inputs

    model = keras.Sequential([kit.build(), Lonely()])
    model.compile("sgd", "mse")
    health = GradientHealth()
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        kit.fit(model, data, [health])
    assert len(health.frame) == 8 * 3
    assert not health.frame["variable"].str.contains("unused").any()
    assert np.isfinite(health.steps["norm_before"]).all()


@pytest.mark.usefixtures("traced_fits")
def test_frozen_layers_have_no_rows_and_appear_once_unfrozen(kit, data):
    model = kit.build()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    health = GradientHealth()
    kit.fit(model, data, [health])
    assert "net/embedding" not in set(health.frame["layer"])
    model.layers[0].trainable = True
    model.compile("sgd", "mse")
    kit.fit(model, data, [health])
    counts = health.frame.groupby("layer", observed=True)["step"].nunique()
    assert counts.to_dict() == {"net/embedding": 8, "net/dense": 16}
    assert health.frame["nonfinite"].eq(0).all()


def test_a_non_finite_step_is_counted_and_spoils_no_other_row(kit, data):
    class Spoil(keras.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(3,), initializer="ones", name="scale")

        def call(self, inputs):
            @tf.custom_gradient
            def through(x, scale):
                return x * scale, lambda up: (up * scale, tf.constant([np.nan, np.inf, 1.0]))

            return through(inputs, tf.convert_to_tensor(self.scale))

    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="dense")(Spoil(name="spoil")(inputs)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    health = GradientHealth()
    model.fit(np.ones((4, 3)), np.ones((4, 1)), batch_size=4, callbacks=[health], verbose=0)
    frame = health.frame.set_index("layer")
    assert frame["nonfinite"]["spoil"] == 2
    assert frame["nonfinite"]["dense"].eq(0).all()
    assert np.isfinite(frame[["norm_before", "zeros"]].loc["dense"].to_numpy(float)).all()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"every": 0}, "every"),
        ({"every": 1.5}, "every"),
        ({"every": True}, "every"),
        ({"level": "layers"}, "level"),
        ({"weights_every": 0}, "weights_every"),
        ({"flush_every": -1}, "flush_every"),
        ({"max_rows": 0}, "max_rows"),
    ],
)
def test_bad_arguments_are_named_before_the_first_step(options, name):
    with pytest.raises(ArgumentError, match=f"^{name}: expected .* got"):
        GradientHealth(**options)
