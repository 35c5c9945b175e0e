"""Whether a loss, its gradient and the numbers in it are there: models in which they are not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit.callbacks import ThroughTime
from rnnkit.diagnosis import diagnose
from rnnkit.diagnosis import verdict as v

L = keras.layers
STEPS, BATCH = 12, 16


@pytest.fixture
def probe(noise):
    return noise(BATCH, STEPS, 3), noise(BATCH, 1)


def dead():
    return L.Dense(4, "relu", bias_initializer=keras.initializers.Constant(-50.0), name="ends_here")


@pytest.mark.parametrize(
    ("head", "how"),
    [
        (dead, "dead"),
        (lambda: L.Lambda(tf.round, name="ends_here"), "flat"),
        (lambda: L.Lambda(tf.sign, name="ends_here"), "flat"),
        (lambda: L.Lambda(tf.stop_gradient, name="ends_here"), "flat"),
    ],
)
@pytest.mark.parametrize("recurrent", [lambda: L.LSTM(5), lambda: L.RNN([L.GRUCell(4), L.GRUCell(4)])])
def test_where_no_gradient_arrives_is_named_before_all_else(head, how, recurrent, compiled, probe):
    found = diagnose(compiled(recurrent(), head(), L.Dense(1)), *probe)
    assert found.findings[0].name == v.NO_GRADIENT
    assert "it ends at " in found.findings[0].evidence
    assert "ends_here" in found.facts.signal.ends_at
    assert found.facts.signal.ends_how == how
    assert found.cure.name == "open the path"
    assert found.layers["followed"].eq(0).all()  # the errors that were followed are random, and that is said
    assert "a random one was taken" in found.verdict


def test_a_head_of_zeros_and_a_loss_of_zero_are_no_dead_ends(compiled, noise):
    x = noise(BATCH, STEPS, 3)
    zeros = compiled(L.LSTM(5), L.Dense(1, kernel_initializer="zeros"))
    assert diagnose(zeros, x, noise(BATCH, 1), lyapunov=False).facts.signal.ends_how == "zero kernel"
    assert not diagnose(zeros, x, noise(BATCH, 1), lyapunov=False).findings
    model = compiled(L.LSTM(5), L.Dense(1))
    solved = diagnose(model, x, np.array(model(x)), lyapunov=False)
    assert solved.facts.signal.ends_how == "solved"
    assert not solved.findings


class Beside(keras.Model):
    """The head reads the inputs, and not what the recurrent layer returns."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = L.GRU(4), L.Dense(1)

    def call(self, x):
        self.rnn(x)
        return self.head(x[:, -1])


def test_a_head_that_does_not_read_the_state_is_named(probe):
    model = Beside()
    model.compile("sgd", "mse")
    model(probe[0])
    found = diagnose(model, *probe, lyapunov=False)
    assert [finding.name for finding in found.findings] == [v.IGNORED]
    assert "stay the same" in found.verdict
    assert found.cure.name == "read the last state"


@pytest.mark.parametrize("wrap", [lambda layer: layer, L.Bidirectional])
def test_a_head_that_reads_the_first_step_is_named(wrap, compiled, probe):
    model = compiled(wrap(L.GRU(4, return_sequences=True)), L.Lambda(lambda h: h[:, 0, :4]), L.Dense(1))
    found = diagnose(model, *probe, lyapunov=False)
    assert {finding.name for finding in found.findings} == {v.IGNORED}
    every_step = compiled(wrap(L.GRU(4, return_sequences=True)), L.Dense(1))
    assert not diagnose(every_step, probe[0], np.repeat(probe[1][:, None], STEPS, 1), lyapunov=False).findings


def broken(values, number=np.nan):
    values = values.copy()
    values[(5, *[1] * (values.ndim - 2), 0)] = number
    return values


def test_numbers_that_are_not_finite_are_named_as_what_they_are(compiled, probe):
    x, y = probe
    model = compiled(L.LSTM(4), L.Dense(1))
    for inputs, targets, said in [(broken(x), y, "x[5, 1, 0] is nan"), (x, broken(y), "y[5, 0] is nan")]:
        found = diagnose(model, inputs, targets)
        assert [finding.name for finding in found.findings] == [v.BROKEN_DATA]
        assert said in found.verdict
        assert found.layers.empty
        assert found.cure.name == "drop broken rows"
    assert diagnose(model, broken(x, np.inf), y).statuses == {v.BROKEN_DATA}
    model.layers[0].cell.kernel.assign(np.full((3, 16), np.nan))
    assert diagnose(model, *probe).statuses == {v.BROKEN_WEIGHTS}


def test_broken_numbers_that_nobody_reads_are_no_finding(noise):
    def masked(true, predicted):
        known = tf.math.is_finite(true)
        return tf.reduce_mean(tf.where(known, tf.where(known, true, 0.0) - predicted, 0.0) ** 2)

    model = keras.Sequential([keras.Input((None, 3)), L.GRU(4), L.Dense(1)])
    model.compile("sgd", masked)
    assert not diagnose(model, noise(BATCH, STEPS, 3), broken(noise(BATCH, 1)), lyapunov=False).findings


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        (lambda t, p: tf.sqrt(tf.reduce_mean((t - p) ** 2)), v.BROKEN_GRADIENT),
        (lambda t, p: tf.reduce_mean(tf.math.log(t - p)), v.BROKEN_LOSS),
    ],
)
def test_a_loss_without_a_value_or_a_derivative_is_named(loss, name, compiled, noise):
    model = compiled(L.LSTM(4), L.Dense(1, kernel_initializer="zeros"), loss=loss)
    found = diagnose(model, noise(BATCH, STEPS, 3), np.zeros((BATCH, 1), "float32"))
    assert found.statuses == {name}
    assert found.cure.name == "loss with a derivative"


class OwnStep(keras.Model):
    """Its loss is in its `train_step`."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = L.GRU(6, recurrent_regularizer="l2"), L.Dense(1)

    def call(self, x):
        return self.head(self.rnn(x))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(y - self(x)))
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True)
        )
        return {"loss": loss}


def test_a_model_without_a_compiled_loss_is_measured_and_what_is_not_known_is_said(probe):
    model = OwnStep()
    model.compile("sgd")
    watch = ThroughTime((probe[0], probe[1]), budget=1.0)
    model.fit(*probe, verbose=0, callbacks=[watch])  # not built before the first batch
    assert list(watch.diagnoses) == [1]
    found = diagnose(model, *probe, lyapunov=False)
    assert 0 < found.layers["gain"].item() < 1
    assert not found.findings
    assert "Whether it has learned is not known" in found.verdict


class AddsLoss(L.Layer):
    def call(self, both):
        self.add_loss(tf.reduce_mean((both[0] - both[1]) ** 2))
        return both[1]


def test_a_loss_that_layers_add_needs_no_targets_and_is_not_explained(noise):
    x = noise(BATCH, STEPS, 3)
    inputs = keras.Input((STEPS, 3))
    model = keras.Model(inputs, AddsLoss()([inputs, L.Dense(3)(L.LSTM(8, return_sequences=True)(inputs))]))
    model.compile("adam")
    model.optimizer.iterations.assign(1000)
    found = diagnose(model, x, lyapunov=False)
    assert np.isnan(found.training.explained)
    assert not found.findings
    assert found.facts.signal.reached


def test_a_loss_computed_in_the_model_explains_nothing_that_is_known(noise):
    inputs = keras.Input((STEPS, 1))
    back = L.Dense(1)(L.LSTM(8, return_sequences=True)(inputs))
    error = L.Lambda(lambda both: tf.reduce_mean((both[0] - both[1]) ** 2, [1, 2])[:, None])([inputs, back])
    model = keras.Model(inputs, error)
    model.compile("adam", loss=lambda y, p: p)
    model.optimizer.iterations.assign(1000)
    found = diagnose(model, noise(BATCH, STEPS, 1), np.zeros((BATCH, 1), "float32"), lyapunov=False)
    assert np.isnan(found.training.explained)
    assert not found.findings
    assert "not known" in found.verdict


def test_explained_is_the_share_of_the_loss_by_hand(compiled, noise):
    model = compiled(L.SimpleRNN(4), L.Dense(1, activity_regularizer="l2"))
    x = noise(64, 6, 3)
    right = np.array(model(x))
    noisy = right + noise(64, 1)
    own, mean = np.mean((noisy - right) ** 2), np.mean((noisy - right.mean()) ** 2)
    for y, share in ((right, 1.0), (noisy, 1 - own / mean)):
        assert diagnose(model, x, y, lyapunov=False).training.explained == pytest.approx(share, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("eager", [True, False])
def test_a_convolutional_recurrence_is_measured(eager, noise):
    model = keras.Sequential(
        [keras.Input((8, 4, 4, 1)), L.ConvLSTM2D(2, 3, padding="same"), L.Conv2D(1, 3, padding="same")]
    )
    model.compile("adam", "mse")
    x = noise(6, 8, 4, 4, 1)
    tf.config.run_functions_eagerly(eager)
    try:
        found = diagnose(model, x, x[:, -1])
    finally:
        tf.config.run_functions_eagerly(False)
    assert list(found.layers["path"]) == ["joint", "h", "c"]
    kernel = np.array(model.layers[0].cell.recurrent_kernel)
    model.layers[0].cell.recurrent_kernel.assign(0 * kernel)
    free = diagnose(model, x, x[:, -1]).layers.set_index("path")
    assert free.loc["h", "gain"] == 0  # without its kernel h reaches nothing, and c is kept by the forget gate alone
    assert 0.5 < free.loc["c", "gain"] < 0.9


def test_a_data_set_of_batches_is_a_probe_by_its_first(compiled, probe):
    model = compiled(L.GRU(4), L.Dense(1))
    batches = tf.data.Dataset.from_tensor_slices(probe).batch(8)
    ours, theirs = diagnose(model, batches, lyapunov=False), diagnose(model, probe[0][:8], probe[1][:8], lyapunov=False)
    assert ours.layers.equals(theirs.layers)


def test_depth_is_the_longest_chain(noise):
    inputs = keras.Input((STEPS, 3))
    side_by_side = L.Concatenate()([L.LSTM(3)(inputs) for _ in range(6)])
    model = keras.Model(inputs, L.Dense(1)(side_by_side))
    model.compile("adam", "mse")
    assert diagnose(model, noise(BATCH, STEPS, 3), noise(BATCH, 1), lyapunov=False).training.depth == 1
    videos = keras.Input((6, STEPS, 3))
    model = keras.Model(videos, L.Dense(1)(L.GRU(3)(L.TimeDistributed(L.LSTM(3))(videos))))
    model.compile("adam", "mse")
    found = diagnose(model, noise(BATCH, 6, STEPS, 3), noise(BATCH, 1), lyapunov=False)
    assert found.training.depth == 2
    assert len(found.facts.layers) == 2  # six calls of the LSTM are one line
