import functools

import keras
import numpy as np
import pandas as pd
import pytest

import rnnkit
from rnnkit import Forecaster
from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Series
from rnnkit.errors import ArgumentError, DataError, DataNotice
from rnnkit.tasks.forecasting.leaks import told_leaks

SMALL = {"lookback": 8, "horizon": 4, "units": 3, "segment": 4}
ROLES = {
    "target": ["load", "gas"],
    "time": "date",
    "known": "holiday",
    "past": "wind",
    "static": "size",
    "group": "shop",
}
DECODERS = ["segments", "direct", "recursive"]


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")


@pytest.fixture(scope="module", autouse=True)
def _untraced(untraced):
    """The run of the command line is the one that is traced."""
    with untraced():
        yield


def shops(steps=40, ahead=4):
    """Two shops with everything a frame can have, and what is known of the steps ahead."""
    rng = np.random.default_rng(0)
    frames = []
    for number, shop in enumerate("ab"):
        index = pd.date_range("2024-03-28", periods=steps + ahead + number, freq="h", tz="Europe/Berlin")
        size = len(index)
        table = pd.DataFrame({"date": index, "shop": shop, "size": 3.0 + number, "holiday": rng.integers(0, 2, size)})
        table["load"], table["gas"] = 100 + rng.normal(size=size).cumsum(), 10 * (number + 1) + rng.normal(size=size)
        table["wind"] = rng.normal(size=size)
        table.loc[table.index[-ahead:], ["load", "gas", "wind"]] = np.nan
        table.loc[table.index[5], "load"] = np.nan
        frames.append(table)
    return pd.concat(frames, ignore_index=True)


@functools.cache
def trained(decoder="segments", loss="quantiles", **options):
    keras.utils.set_random_seed(0)
    model = Forecaster(decoder=decoder, loss=loss, **SMALL, **options)
    model.fit(shops(), **ROLES, epochs=1, steps_per_epoch=2, batch_size=8, verbose=0)
    return model


@pytest.mark.parametrize(
    ("decoder", "options"),
    [
        ("segments", {}),
        ("segments", {"loss": "mae", "calendar": True, "cell": "lstm", "layers": 2, "group_embedding": True}),
        ("direct", {"loss": "normal", "bidirectional": True, "normalization": "instance"}),
        ("recursive", {"loss": "negative_binomial", "cell": "min_gru", "per_series": False}),
    ],
)
def test_a_loaded_model_forecasts_the_same(decoder, options, tmp_path):
    model = trained(decoder, **options)
    model.save(tmp_path / "model.keras")
    again, quantiles = rnnkit.load(tmp_path / "model.keras"), [] if options.get("loss") == "mae" else [0.1, 0.9]
    first, second = model.forecast(shops(), quantiles=quantiles), again.forecast(shops(), quantiles=quantiles)
    pd.testing.assert_frame_equal(first, second)
    assert again.get_config() == model.get_config()
    for target in ROLES["target"] if quantiles else []:
        assert (first[f"{target}_0.1"] <= first[f"{target}_0.9"]).all()


def test_a_forecast_has_the_time_stamps_of_each_group_over_the_clock_change():
    found = trained().forecast(shops(56), 3, [0.25])
    assert list(found.columns) == ["shop", "date", "load", "load_0.25", "gas", "gas_0.25"]
    ends = {shop: rows["date"].iloc[-5] for shop, rows in shops(56).groupby("shop")}  # four are ahead
    for shop, rows in found.groupby("shop"):
        assert list(rows["date"]) == list(pd.date_range(ends[shop], periods=4, freq="h")[1:])
    assert found["date"].dt.tz is not None


def test_steps_ahead_may_come_in_a_frame_of_their_own():
    whole = shops()
    ahead = whole["load"].isna() & (whole.groupby("shop").cumcount() > 20)
    future = whole.loc[ahead, ["date", "shop", "holiday"]]
    # `size` never changes, and is filled from the history
    pd.testing.assert_frame_equal(trained().forecast(whole[~ahead], future=future), trained().forecast(whole))
    with pytest.raises(DataError, match="holiday must be known 4 steps ahead, got 0 of 'a'"):
        trained().forecast(whole[~ahead])
    with pytest.raises(DataError, match="future: there is no column holiday"):
        trained().forecast(whole[~ahead], future=future.drop(columns="holiday"))


def test_the_segment_decoder_is_a_step_of_the_cell_from_what_was_read():
    """SegRNN again, of plain Keras layers and NumPy, with the model's weights."""
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(30, 1)).cumsum(axis=0) for _ in range(3)]
    model = Forecaster(loss="mae", scaling="none", **SMALL)
    model.adapt(series)
    for variable in model.network.weights:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    weights = {each.path.split("network/")[-1]: each.numpy() for each in model.network.weights}

    def of(layer, name):
        [found] = [value for path, value in weights.items() if layer in path and path.endswith(name)]
        return found

    def gru(layer):
        made = keras.layers.GRU(3)
        made.build((None, None, 3))
        parts = ("/kernel", "/recurrent_kernel", "/bias")
        made.set_weights([of(f"{layer}/", part) for part in parts])
        return made

    history = np.stack([each[-8:, 0] for each in series])
    last = history[:, -1:]
    segments = (history - last).reshape(3, 2, 4)
    embedded = np.maximum(segments @ of("segment/", "kernel") + of("segment/", "bias"), 0)
    read = gru("stack/forward_0")(embedded.astype("float32"))
    state = np.tanh(read @ of("bridge/dense", "kernel") + of("bridge/dense", "bias"))
    inputs = np.repeat(of("segments/", "places")[None], 3, axis=0)
    output = gru("decoder/forward_0")(inputs.astype("float32"), initial_state=keras.ops.convert_to_tensor(state))
    expected = output @ of("read_off", "kernel") + of("read_off", "bias") + last
    np.testing.assert_allclose(model.predict(series, verbose=0)[..., 0], expected, rtol=1e-4, atol=1e-5)


def test_a_recursive_decoder_is_told_its_own_forecast():
    """The second step changes with the weight of what the first one said, and the first one does not."""
    series = [np.random.default_rng(0).normal(size=(12, 1))]
    model = Forecaster(loss="mae", decoder="recursive", cell="simple_rnn", **SMALL)
    model.adapt(series)
    before = model.predict(series, verbose=0)[0, :, 0]
    [kernel] = [
        each for each in model.network.weights if "decoder/forward_0" in each.path and each.path.endswith("/kernel")
    ]
    last = series[0][-1, 0]
    kernel.assign(np.concatenate([kernel.numpy()[:1] * 3, kernel.numpy()[1:]]))
    after = model.predict(series, verbose=0)[0, :, 0]
    assert before[0] == pytest.approx(after[0], abs=1e-6)  # the last value, normalised, is 0
    assert abs(before[1] - after[1]) > 1e-6
    assert np.isfinite(last)


def test_all_forms_of_data_are_the_same_data():
    values = np.random.default_rng(0).normal(size=(2, 30, 2))
    frame = pd.DataFrame({"n": np.tile(np.arange(30), 2), "g": np.repeat([0, 1], 30)})
    frame[["x", "y"]] = values.reshape(60, 2)
    roles = {"target": ["x", "y"], "time": "n", "group": "g"}
    forms = {
        "array": (values, {}),
        "list": (list(values), {}),
        "series": (Dataset({"series": [Series(each) for each in values]}), {}),
        "frame": (frame.sample(frac=1, random_state=0), roles),
        "table": (Dataset({name: frame[name].tolist() for name in frame}), roles),
    }
    for name, (x, given) in forms.items():
        model = Forecaster(loss="mae", **SMALL)
        model.adapt(x, **given)
        read = {each.values[0, 0]: each.values for each in model.read(x)["series"]}
        np.testing.assert_array_equal([read[each[0, 0]] for each in values], values, err_msg=name)


def test_scaling_is_inverted_in_every_answer():
    """What is a million times as large is forecast a million times as large."""
    values, found = np.random.default_rng(0).normal(size=(2, 30, 1)), []
    for factor in (1.0, 1e6):
        keras.utils.set_random_seed(0)
        model = Forecaster(**SMALL)
        model.adapt(values * factor + factor)
        found.append(model.predict(values * factor + factor, verbose=0) / factor)
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-3)


def test_validation_is_the_end_of_each_series_and_leaks_are_named():
    model, frame = Forecaster(loss="mae", **SMALL), shops()
    whole = frame.dropna(subset=["load", "wind"])
    history = model.fit(whole, **ROLES, validation_split=0.25, epochs=1, verbose=0).history
    assert "val_loss" in history
    data = model.read(whole)
    [overlap] = told_leaks(data, data, model.roles)
    assert str(overlap).startswith("validation_data: 40 of its 40 steps of 'a' are also steps of the training data")
    told = whole.assign(twin=2 * whole["load"] + 1)
    leak = pytest.warns(DataNotice, match="known: twin follows load with a correlation of 1.0000, which is a leak")
    with leak, pytest.raises(DataError, match="sample_weight"):
        Forecaster(loss="mae", **SMALL).fit(
            told, target="load", time="date", known="twin", group="shop", sample_weight=np.ones(9)
        )


def test_calibrated_intervals_cover_what_they_should():
    """Of noise that a model cannot know, nine tenths lie in an interval of 90 %, whatever was learned."""
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(3, 1, 600, 1))
    for loss in ("mae", "quantiles"):
        model = Forecaster(loss=loss, **SMALL)
        model.adapt(parts[0])
        model.calibrate(parts[1], [0.05, 0.5, 0.95])
        found = model.backtest(Dataset({"series": [Series(parts[2][0])]}), windows=140, baselines=False)
        assert found.scores.loc["model", "coverage"] == pytest.approx(0.9, abs=0.04)
    with pytest.raises(ArgumentError, match="0.05 to 0.95 were calibrated, got 0.99"):
        model.forecast(parts[0], quantiles=[0.99])


def test_the_lag_that_is_needed_is_measured_on_the_training_data():
    values = np.sin(2 * np.pi * np.arange(300) / 12) + 0.3 * np.random.default_rng(0).normal(size=300)
    lags = {}
    for decoder in ("segments", "direct"):
        model = Forecaster(loss="mae", decoder=decoder, **{**SMALL, "lookback": 24})
        assert model.known_lag(9) is None
        model.adapt([values])
        lags[decoder], said = model.known_lag(9)
        assert said == (
            "a linear model of the last 5 time steps explains 79% of the next 4, by the autocorrelation of the targets"
        )
    assert lags == {"segments": 1, "direct": 4}
    model = Forecaster(loss="mae", **SMALL)
    model.adapt(np.random.default_rng(0).normal(size=(1, 300, 1)))
    assert model.known_lag(9) is None


BAD = {
    "fewer steps than one window": (lambda m: m.fit(np.zeros((1, 4, 1)) + np.arange(4)[:, None]), "no window fits"),
    "a part shorter than the horizon": (
        lambda m: m.fit(np.random.rand(1, 30, 1), validation_split=0.1),
        "no window fits: a forecast of 4 steps after at least one needs as many, the longest series has 3",
    ),
    "all missing": (lambda m: m.fit(np.full((1, 30, 1), np.nan)), "all values of 0 are missing in the training data"),
    "infinite": (lambda m: m.fit(np.full((1, 30, 1), np.inf)), "infinite"),
    "words": (lambda m: m.fit([["a", "b"]]), "expected numbers of shape"),
    "one series alone": (lambda m: m.fit(np.zeros((30, 2))), "got shape .30, 2.. One series goes into a list"),
    "a target beside": (lambda m: m.fit(np.zeros((1, 30, 2)), [1.0]), "the targets are columns of the series"),
    "a calendar of counted steps": (
        lambda m: Forecaster(calendar=True, **SMALL).fit(np.zeros((1, 30, 1))),
        "calendar: expected time stamps that are dates",
    ),
    "no data": (lambda m: m.fit(None), "got None"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    use, message = BAD[name]
    with pytest.raises(DataError, match=message):
        use(Forecaster(**SMALL))


def test_a_series_shorter_than_the_window_is_filled_up_as_missing_and_a_constant_one_stays():
    short = [np.full((6, 1), 7.0), np.full((20, 1), 7.0)]
    model = Forecaster(loss="mae", **SMALL)
    model.adapt(short)
    assert len(model.encode(Dataset({"series": short}))["lengths"]) == 1 + 9
    assert np.isfinite(model.predict(short, verbose=0)).all()


def test_arguments_that_cannot_be_used_are_named():
    for given, message in {
        "segment": ({"segment": 5}, "segment: expected a divisor of lookback 96 and horizon 24, got 5"),
        "decoder": ({"decoder": "magic"}, "decoder: expected one of segments, direct, recursive"),
        "loss": ({"loss": "rmse"}, "loss: expected one of mse, mae"),
        "counts": ({"loss": "negative_binomial", "scaling": "standard"}, "leave scaling and normalization out"),
    }.values():
        with pytest.raises(ArgumentError, match=message):
            Forecaster(**given)
    plain = Forecaster(loss="mae", **SMALL)
    plain.adapt(np.ones((1, 30, 1)))
    for use, message in {
        "steps": (lambda: trained().forecast(shops(), 5), "steps: expected a whole number from 1 to 4, got 5"),
        "levels": (lambda: trained().forecast(shops(), quantiles=[0.999]), "learned 0.005 to 0.995, got 0.999"),
        "no quantiles": (lambda: plain.forecast(np.ones((1, 30, 1)), quantiles=[0.9]), "Call model.calibrate"),
        "negative": (lambda: Forecaster(loss="negative_binomial", **SMALL).fit(-np.ones((1, 30, 1))), "counts from 0"),
    }.values():
        with pytest.raises((ArgumentError, DataError), match=message):
            use()
