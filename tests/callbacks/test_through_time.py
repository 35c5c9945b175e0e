from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rnnkit import MemoryModel, callbacks, datasets
from rnnkit.callbacks.through_time import Clock
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis.page import edges, horizons
from rnnkit.errors import ArgumentError

LOGS = {"gain_min", "gain_max", "horizon_min"}


def numbers(diagnosis):
    return diagnosis.layers.select_dtypes("number").drop(columns="credit_horizon").to_numpy()


def test_training_is_bit_for_bit_that_without_it(kit, data):
    results = []
    for watched in ([], [callbacks.ThroughTime(data, budget=1.0)]):
        model = kit.compiled("lstm", optimizer="adam", metrics=["mae"])
        keras.utils.set_random_seed(1)
        history = kit.fit(model, data, watched, epochs=2, shuffle=True, validation_data=data).history
        results.append((kit.everything(model), {name: history[name] for name in history.keys() - LOGS}))
    kit.assert_same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    assert list(watched[0].diagnoses) == [0, 1, 2]


@pytest.mark.usefixtures("untraced_test")
def test_it_measures_what_diagnose_does_before_and_after(kit, data):
    model, watch = kit.compiled("simple_rnn"), callbacks.ThroughTime(data, budget=0, needed_lag=3)
    before = diagnose(model, *data, needed_lag=3)
    history = kit.fit(model, data, [watch], epochs=2).history
    after = diagnose(model, *data, needed_lag=3)
    assert list(watch.diagnoses) == [0, 2]
    np.testing.assert_array_equal(numbers(watch.diagnoses[0]), numbers(before))
    np.testing.assert_array_equal(numbers(watch.diagnosis), numbers(after))
    assert len(watch.diagnosis.lyapunov)
    assert np.isnan(history["gain_min"]).all()  # neither epoch was measured before its logs were written
    assert watch.frame.groupby("epoch")["step"].first().to_dict() == {0: 0, 2: 16}
    assert set(watch.profile["epoch"]) == {0, 2}
    kit.fit(model, data, [watch], epochs=1)  # continues, and does not measure the start again
    assert list(watch.diagnoses) == [0, 2, 3]


@pytest.mark.usefixtures("untraced_test")
def test_a_task_takes_a_raw_probe(tmp_path):
    train = datasets.memory("adding", 8, train=32).train
    model = MemoryModel("number", "lstm", 3, bidirectional=True)
    watch = callbacks.ThroughTime((train, None), budget=1.0)
    model.fit(train, epochs=1, verbose=0, callbacks=[watch])
    assert set(watch.frame["direction"]) == {"forward", "backward"}
    assert (watch.frame["needed"] == 7).all()
    figure = watch.plot()
    FigureCanvasAgg(figure).draw()
    panels = [axis.get_title(loc="left") for axis in figure.axes if axis.get_title(loc="left")]
    assert panels == ["stack/forward_0", "stack/backward_0"]
    watch.to_csv(tmp_path / "decay.csv")
    header = "layer,direction,path,steps_back,decay,rank,epoch,step"
    assert (tmp_path / "decay.csv").read_text().split("\n")[0] == header


@pytest.mark.usefixtures("untraced_test")
@pytest.mark.filterwarnings("ignore:val_loss did not leave:UserWarning")  # the task's own word on it
@pytest.mark.parametrize("as_list", [True, False])
def test_a_task_that_returns_its_best_epoch_is_diagnosed_as_it_is_returned(as_list):
    class Worse(keras.callbacks.Callback):
        """Every epoch is worse than the one before."""

        def on_epoch_begin(self, epoch, logs=None):
            self.model.set_weights([weight + 9 * epoch for weight in self.model.get_weights()])

    train = datasets.memory("adding", 8, train=32).train
    model = MemoryModel("number", "lstm", 3)
    model.patience, model.score_floor = 1, lambda valid: None  # below the floor no epoch counts
    watch = callbacks.ThroughTime((train, None), budget=0, lyapunov=False)
    given = [watch, Worse()]
    given = given if as_list else keras.callbacks.CallbackList(given, add_history=True, model=model)
    history = model.fit(train, validation_data=train, callbacks=given, verbose=0)
    assert len(history.epoch) == 2
    pd.testing.assert_frame_equal(watch.diagnosis.profile, diagnose(model, train, lyapunov=False).profile)


@pytest.mark.usefixtures("untraced_test")
def test_weights_that_explode_end_the_measurements_and_not_the_training(kit, data):
    model, watch = kit.compiled("simple_rnn"), callbacks.ThroughTime(data, budget=1.0)

    class Spoil(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kernel = self.model.get_layer("simple_rnn").cell.recurrent_kernel
            kernel.assign(np.full(kernel.shape, np.nan))

    with pytest.warns(UserWarning, match="ThroughTime measures nothing after epoch 1. Weights not finite"):
        history = kit.fit(model, data, [Spoil(), watch]).history
    assert watch.diagnosis.statuses == {"weights not finite"}
    assert np.isnan(history["gain_min"][0])


@pytest.mark.parametrize("epochs", [6, 9])
def test_however_slow_the_machine_is_six_epochs_are_measured_and_the_logs_say_which(kit, data, monkeypatch, epochs):
    monkeypatch.setattr(Clock, "allows", lambda clock, fraction: False)
    monkeypatch.setattr("rnnkit.callbacks.through_time.diagnose", lambda model, *probe, **options: found)
    model, watch = kit.compiled("simple_rnn"), callbacks.ThroughTime(data)
    found = diagnose(model, *data, lyapunov=False)
    history = kit.fit(model, data, [watch], epochs=epochs).history
    expected = {6: [0, 1, 2, 3, 4, 6], 9: [0, 1, 2, 3, 4, 6, 8, 9]}[epochs]
    assert list(watch.diagnoses) == expected
    measured = [epoch in expected and (epoch < epochs or epochs == 6) for epoch in range(1, epochs + 1)]
    assert np.isfinite(history["gain_min"]).tolist() == measured


@pytest.mark.usefixtures("untraced_test")
def test_a_smaller_probe_is_taken_where_the_first_cannot_be_used(kit, data):
    x, y = data
    watch = callbacks.ThroughTime((x, None), fallback=(x[:8], y[:8]), budget=0)
    kit.fit(kit.compiled("simple_rnn"), data, [watch])
    assert watch.reason == ""
    assert watch.outcome is watch.diagnoses[1]
    watch = callbacks.ThroughTime((x, None), fallback=(y, None), warn=False)
    kit.fit(kit.compiled("simple_rnn"), data, [watch])
    assert "expected the targets" in watch.outcome
    other = callbacks.ThroughTime((x, None))
    other.set_state(watch.get_state())
    assert other.outcome == watch.outcome


class OwnOptimizer(keras.Model):
    """Not built before its first batch, without a compiled loss, and with an optimizer of its own."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head, self.own = keras.layers.GRU(3), keras.layers.Dense(1), keras.optimizers.SGD(0.1)

    def call(self, x):
        return self.head(self.rnn(x))

    def train_step(self, batch):
        x, y = batch
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(self(x) - y))
        self.own.apply_gradients(
            zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
        )
        return {"loss": loss}


@pytest.mark.usefixtures("untraced_test")
@pytest.mark.parametrize("as_dataset", [False, True])
def test_it_never_ends_the_fit_of_a_model_of_others(as_dataset):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(16, 8, 2)).astype("float32"), random.normal(size=(16, 1)).astype("float32")
    model = OwnOptimizer()
    model.compile(optimizer=None)
    probe = (tf.data.Dataset.from_tensor_slices((x, y)).batch(8), None) if as_dataset else (x, y)
    watch, spectrum = callbacks.ThroughTime(probe, lyapunov=False), callbacks.RecurrentSpectrum()
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[watch, spectrum]).history
    assert len(history["loss"]) == 2
    assert list(watch.diagnoses) == [1, 2]
    assert not watch.diagnosis.layers.empty


def test_what_cannot_be_used_is_said_when_training_begins(kit, data):
    with pytest.warns(UserWarning, match="no recurrent layers") as said:
        kit.fit(kit.compiled("mean"), data, [callbacks.ThroughTime(data)], epochs=2)
    assert len(said) == 1  # once, and the training went on
    with pytest.warns(UserWarning, match="expected the targets"):
        kit.fit(kit.compiled("simple_rnn"), data, [callbacks.ThroughTime((data[0], None))])
    with pytest.raises(ArgumentError, match="budget: expected a fraction"):
        callbacks.ThroughTime(data, budget=3)
    with pytest.raises(ArgumentError, match="nothing was measured yet"):
        callbacks.ThroughTime(data).diagnosis  # noqa: B018
    with pytest.raises(ArgumentError, match="nothing was measured yet"):
        callbacks.ThroughTime(data).plot()


def test_the_clock_allows_what_fits_into_the_share(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Clock()
    with clock:
        now[0] = 1.0
    assert not clock.allows(0.03)  # 1 s of 1 s is spent; two of 66 s would be 3 %
    now[0] = 65.0
    assert not clock.allows(0.03)
    now[0] = 66.0
    assert clock.allows(0.03)
    assert clock.allows(1)
    assert not clock.allows(0)


def test_the_figure_has_a_column_for_each_epoch_and_the_horizon_in_it(kit, data):
    lags = np.arange(21)
    table = pd.DataFrame({0: 0.5**lags, 3: 0.9**lags, 9: 0.1**lags, 12: lags < 3}, index=lags, dtype=float)
    found = horizons(table)
    assert found[0] == 6  # 0.5^6 > 0.01 > 0.5^7
    assert np.isnan(found[1])
    assert found[2] == 2
    assert found[3] == 2
    np.testing.assert_array_equal(edges(np.array([0.0, 3.0, 9.0])), [-1.5, 1.5, 6.0, 12.0])
    np.testing.assert_array_equal(edges(np.array([4.0])), [3.5, 4.5])


def watched(*statuses):
    """A callback that has seen diagnoses of these statuses, an epoch each."""
    watch = callbacks.ThroughTime(None)
    watch.diagnoses = {
        epoch: SimpleNamespace(statuses={status}, findings=[SimpleNamespace(name=status)] * (status != "healthy"))
        for epoch, status in enumerate(statuses)
    }
    return watch


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        (["healthy", "healthy"], 1),
        (["exploding", "healthy"], 1),  # it came out of it
        (["exploding", "not known"], 0),
        (["healthy", "saturated", "exploding", "not known"], 1),
        (["rank collapse", "vanishing"], 0),
        (["vanishing", "not known"], 1),  # a gated cell can look so at first, and learn
        (["healthy", "not known"], 1),
        (["exploding", "saturated"], 1),
    ],
)
def test_the_cause_is_the_trouble_that_others_come_from(statuses, told):
    watch = watched(*statuses)
    assert watch.cause is watch.diagnoses[told]


def test_without_a_measurement_there_is_no_cause():
    with pytest.raises(ArgumentError, match="nothing was measured yet"):
        _ = callbacks.ThroughTime(None).cause
