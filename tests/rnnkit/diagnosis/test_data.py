"""What the data tell by themselves, on data of which that is known."""

import keras
import numpy as np
import pytest

from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.capture import capture
from rnnkit.diagnosis.cures import cures
from rnnkit.diagnosis.data import known_of_data
from rnnkit.diagnosis.probe import probe_arrays
from rnnkit.diagnosis.rules import findings
from rnnkit.diagnosis.signal import Signal
from rnnkit.diagnosis.training import Training
from rnnkit.diagnosis.verdict import Facts

L = keras.layers
N, STEPS = 64, 20


def looked(model, x, y):
    model.compile("sgd", "mse")
    x, y = probe_arrays(model, x, y)
    return known_of_data(model, x, y, capture(model, x, y))


@pytest.fixture
def data_of(compiled):
    """The facts on data that a GRU reads."""

    def make(x, y, *before):
        return looked(compiled(*before, L.GRU(4), L.Dense(np.shape(y)[-1]), features=x.shape[-1]), x, y)

    return make


def named(data, **training):
    facts = Facts(data, Signal(loss=1.0), Training(**training))
    return [finding.name for finding in findings(facts)], [cure.name for cure in cures(findings(facts), facts)]


def test_inputs_are_measured_by_feature(data_of, noise):
    x = noise(N, STEPS, 4)
    x[..., 0] = 20_000 + 3_000 * x[..., 0]
    x[..., 2] = 7.0
    x[..., 3] = x[..., 3] > 1
    inputs = data_of(x, noise(N, 1)).inputs
    assert inputs.raw
    assert inputs.size == (pytest.approx(np.sqrt((x[..., 0].astype(float) ** 2).mean())), 0)
    assert inputs.small == (pytest.approx(np.sqrt((x[..., 1] ** 2).mean()), rel=1e-5), 1)
    assert inputs.spread == pytest.approx(x[..., 0].astype(float).std() / x[..., 1].std(), rel=1e-3)
    assert inputs.offset == pytest.approx(x[..., 0].astype(float).mean() / x[..., 0].astype(float).std(), rel=1e-3)
    assert inputs.constant == (2,)


SIZES = {"thousands": lambda x: 20_000 + 3_000 * x, "mixed": lambda x: x * [1e5, 1e-2], "tiny": lambda x: 1e-3 * x}


@pytest.mark.parametrize("name", SIZES)
def test_unscaled_inputs_are_named_and_normalised_ones_are_not(name, data_of, noise):
    x, y = SIZES[name](noise(N, STEPS, 2)).astype("float32"), noise(N, 1)
    assert named(data_of(x, y)) == ([v.INPUT_SCALE], ["normalization"])
    normal = L.Normalization()
    normal.adapt(x)
    assert named(data_of(x, y, normal)) == ([], [])
    assert named(data_of(x, y), solved=True) == ([], [])


@pytest.mark.parametrize(
    ("activation", "share"), [("sigmoid", 0.75), ("tanh", 0.5), ("relu", 0.25), (None, 0.0), ("elu", 0.0)]
)
def test_targets_beyond_the_last_activation_are_counted(activation, share, compiled, noise):
    y = np.tile([-0.5, 0.5, 1.5, 2.5], N // 4)[:, None].astype("float32")
    target = looked(compiled(L.GRU(4), L.Dense(1, activation=activation)), noise(N, STEPS, 3), y).target
    assert target.beyond == share


def test_what_layers_in_front_make_large_is_normalised_behind_them(data_of, noise):
    x, y = noise(N, STEPS, 3), noise(N, 1)
    wide = L.Dense(8, kernel_initializer=keras.initializers.Orthogonal(30.0))
    assert named(data_of(x, y, wide)) == ([v.INPUT_SCALE], ["rescaling", "layer normalisation"])
    assert named(data_of(1e4 * x, y, L.Dense(8))) == ([v.INPUT_SCALE], ["normalization"])


def test_rare_words_and_small_embeddings_are_no_small_inputs(data_of, noise):
    rare = (np.random.default_rng(0).random((N, STEPS, 3)) < 0.02).astype("float32")
    assert named(data_of(rare, noise(N, 1))) == ([], [])
    words = keras.Sequential([keras.Input((STEPS,), dtype="int32"), L.Embedding(50, 8), L.GRU(4), L.Dense(1)])
    ids = np.random.default_rng(0).integers(0, 50, (N, STEPS))
    assert not looked(words, ids, noise(N, 1)).inputs.raw
    assert named(looked(words, ids, noise(N, 1))) == ([], [])


def test_an_unscaled_target_is_named_with_what_the_model_answers(data_of, noise):
    x = noise(N, STEPS, 2)
    data = data_of(x, 20_000 + 3_000 * noise(N, 1))
    assert named(data) == ([v.TARGET_SCALE], ["scale the target"])
    assert data.target.mean == pytest.approx(20_000, rel=0.1)
    assert abs(data.target.predicted_mean) < 10
    assert named(data_of(x, 1e-4 * noise(N, 1)))[0] == [v.TARGET_SCALE]
    assert named(data_of(x, noise(N, 1)))[0] == []
    assert data_of(x, (noise(N, 1) > 0).astype("float32")).target is None  # classes


def padded(rng, side):
    lengths = rng.integers(3, 8, size=N)
    x = np.zeros((N, STEPS, 2), "float32")
    for row, size in enumerate(lengths):
        place = slice(0, size) if side == "post" else slice(STEPS - size, STEPS)
        x[row, place] = rng.normal(size=(size, 2))
    return x, 1 - lengths.mean() / STEPS


@pytest.mark.filterwarnings("ignore:Layer 'lambda:UserWarning")  # Keras' own word on the lost mask
def test_padding_that_is_read_as_data_is_named(data_of, noise):
    rng = np.random.default_rng(0)
    x, fraction = padded(rng, "post")
    data = data_of(x, noise(N, 1))
    assert data.padding == pytest.approx(fraction)
    assert named(data) == ([v.PADDING], ["mask", "padding in front"])
    assert not data.masked
    assert data_of(x, noise(N, 1), L.Masking()).padding == 0
    lost = data_of(x, noise(N, 1), L.Masking(), L.Lambda(lambda x: 1 * x))
    assert lost.padding == pytest.approx(fraction)
    assert lost.masked
    assert data_of(padded(rng, "pre")[0], noise(N, 1)).padding == 0
    assert data_of(np.pad(noise(N, 5, 2), [(0, 0), (0, 15), (0, 0)]), noise(N, 1)).padding == 0  # of all alike


def ar(rng, phi=0.9, features=1):
    x = rng.normal(size=(N, STEPS + 1, features))
    for step in range(1, STEPS + 1):
        x[:, step] = phi * x[:, step - 1] + np.sqrt(1 - phi**2) * x[:, step]
    return x.astype("float32")


def test_shuffled_steps_are_told_from_a_series_and_from_independent_ones(data_of, noise):
    rng = np.random.default_rng(1)
    series = ar(rng)
    ordered = data_of(series[:, :-1], series[:, -1])
    shuffled = data_of(rng.permuted(series[:, :-1], axis=1), series[:, -1])
    assert ordered.correlation > 0.5
    assert abs(shuffled.correlation) < 0.08
    assert shuffled.dispersion == pytest.approx(ordered.dispersion)
    assert shuffled.dispersion > 3
    free = data_of(noise(N, STEPS, 1), noise(N, 1))
    assert 0.5 < free.dispersion < 1.8
    failed = {"steps": 1000, "explained": 0.0}
    assert named(shuffled, **failed) == ([v.ORDER], ["sort by time"])
    assert v.ORDER not in named(ordered, **failed)[0]
    assert v.ORDER not in named(free, **failed)[0]
    assert named(shuffled, steps=1000, explained=0.95)[0] == []


def test_words_of_texts_with_a_subject_each_are_not_shuffled():
    rng = np.random.default_rng(0)
    words = np.where(rng.random((N, STEPS)) < 0.8, rng.integers(2, size=(N, 1)), rng.integers(2, size=(N, STEPS)))
    words = (2 * words + rng.integers(1, 3, size=words.shape)).astype("int32")
    model = keras.Sequential([keras.Input((STEPS,), dtype="int32"), L.Embedding(5, 3), L.GRU(4), L.Dense(1)])
    data = looked(model, words, words[:, :1] / 2.0)
    assert np.isnan(data.correlation)
    assert v.ORDER not in named(data, steps=1000, explained=0.0)[0]


def test_targets_of_each_step_tell_their_order_too(compiled, noise):
    rng = np.random.default_rng(1)
    tags = (ar(rng)[:, 1:] > 0).astype("float32")
    model = compiled(L.GRU(4, return_sequences=True), L.Dense(1))
    ordered, shuffled = (looked(model, noise(N, STEPS, 3), y) for y in (tags, rng.permuted(tags, axis=1)))
    assert ordered.correlation > 0.3
    assert abs(shuffled.correlation) < 0.08
    assert shuffled.dispersion > 4


@pytest.mark.parametrize(
    ("target", "lag"),
    [
        (lambda x: x[:, :1, 0], STEPS - 1),
        (lambda x: x[:, -1:, 0] - 0.5 * x[:, -2:-1, 1], 1),
        (lambda x: x[:, -4:].sum(axis=(1, 2))[:, None], 3),
        (lambda x: np.sign(x[:, 9:10, 1]), STEPS - 10),
    ],
)
def test_the_lag_that_a_target_needs_is_found_where_the_dependence_is_linear(target, lag, data_of, noise):
    x = noise(N, STEPS, 2)
    data = data_of(x, target(x))
    assert data.dependence > 0.5
    assert data.lag == lag


def test_an_autoregression_needs_its_last_value_only(data_of):
    series = ar(np.random.default_rng(3))
    data = data_of(series[:, :-1], series[:, -1])
    assert 0.5 < data.dependence < 0.95  # 0.81 at best
    assert data.lag <= 1


def test_noise_is_not_foretold(data_of, noise):
    for seed in range(5):
        data = data_of(noise(N, STEPS, 3, seed=seed), noise(N, 1, seed=100 + seed))
        assert data.dependence < 0.2
    failed = {"steps": 1000, "explained": 0.0}
    assert v.LABELS in named(data_of(noise(N, STEPS, 3), noise(N, 1, seed=1)), **failed)[0]


def test_left_out_is_what_a_regression_without_each_sequence_says():
    from rnnkit.diagnosis.series import PENALTIES, _left_out

    rng = np.random.default_rng(0)
    x, n = rng.normal(size=(12, 5)), 12
    y = (x @ rng.normal(size=(5, 1)) + rng.normal(size=(12, 1))) * 0.5
    y = y - y.mean()
    best = -np.inf
    for penalty in PENALTIES:
        left = 0.0
        for out in range(n):
            kept = np.arange(n) != out
            mean_x, mean_y = x[kept].mean(0), y[kept].mean()
            centred = x[kept] - mean_x
            gram = centred.T @ centred + penalty * x.shape[1] * np.eye(5)
            answer = (x[out] - mean_x) @ np.linalg.solve(gram, centred.T @ (y[kept] - mean_y)) + mean_y
            left += float(((y[out] - answer) ** 2).sum())
        best = max(best, 1 - left / float((y**2).sum()))
    assert _left_out(x, y) == pytest.approx(best, abs=1e-4)
