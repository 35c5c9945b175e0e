import functools

import keras
import numpy as np
import pandas as pd
import pytest

from rnnkit import Forecaster
from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Roles, series_of
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.forecasting.plots import backtest_plot
from rnnkit.tasks.forecasting.scores import point_scores, quantile_scores

STEPS, TRAINED, H = 90, 60, 4
ROLES = {"target": ["x", "y"], "time": "date", "known": "k", "group": "g"}


pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")


@pytest.fixture(scope="module", autouse=True)
def _untraced(untraced):
    """The run of the command line is the one that is traced."""
    with untraced():
        yield


def table():
    rng = np.random.default_rng(0)
    frames = []
    for group in ("a", "b"):
        dates = pd.date_range("2024-01-01", periods=STEPS, freq="D")
        values = rng.normal(size=(STEPS, 2)).cumsum(axis=0)
        frames.append(
            pd.DataFrame({"date": dates, "g": group, "x": values[:, 0], "y": values[:, 1], "k": dates.day % 2})
        )
    return pd.concat(frames, ignore_index=True)


def before(frame, step):
    return frame[frame["date"] < frame["date"].min() + pd.Timedelta(step, "D")]


@functools.cache
def trained():
    keras.utils.set_random_seed(0)
    model = Forecaster(horizon=H, lookback=8, units=3, segment=4)
    model.fit(before(table(), TRAINED), **ROLES, epochs=1, steps_per_epoch=4, verbose=0)
    return model


@functools.cache
def found():
    return trained().backtest(table(), windows=3, stride=5)


def test_a_backtest_is_what_forecast_said_at_each_of_its_origins():
    frame = found().frame
    assert len(frame) == 2 * 2 * 3 * H
    assert sorted(frame["window"].unique()) == [-2, -1, 0]
    for window, rows in frame.groupby("window"):
        origin = STEPS - H + 5 * window
        assert rows["origin"].unique() == table()["date"][origin - 1]
        known = table()
        history = before(known, origin)
        future = known[~known.index.isin(history.index)]
        said = trained().forecast(history, quantiles=[0.05], future=future)
        for (group, target), part in rows.groupby(["g", "target"]):
            mine = said[said["g"] == group]
            np.testing.assert_allclose(part["model"], mine[target], rtol=1e-5)
            np.testing.assert_allclose(part["q0.05"], mine[f"{target}_0.05"], rtol=1e-5)
            assert list(part["time"]) == list(mine["date"])
            came = known[(known["g"] == group) & known["date"].isin(part["time"])][target]
            np.testing.assert_allclose(part["actual"], came, rtol=1e-5, atol=1e-6)


def test_scores_are_those_of_the_frame():
    result, frame = found(), found().frame
    assert list(result.scores.index) == ["model", "last value", "seasonal naive", "mean", "linear"]
    for name in result.scores.index:
        error = (frame["actual"] - frame[name]).abs()
        assert result.scores.loc[name, "mae"] == pytest.approx(error.mean())
        by_step = result.by_step.query("forecast == @name").set_index("step")["mae"]
        assert by_step.to_dict() == pytest.approx(error.groupby(frame["step"]).mean().to_dict())
    inside = (frame["q0.05"] <= frame["actual"]) & (frame["actual"] <= frame["q0.95"])
    assert result.scores.loc["model", "coverage"] == pytest.approx(inside.mean())
    assert result.scores.loc["model", "nominal"] == pytest.approx(0.9)
    assert set(point_scores(result.actual, result.forecasts["model"], result.scale)) < set(result.scores)
    assert set(quantile_scores(result.actual, result.quantiles)) < set(result.scores)
    last = table()[(table()["g"] == "a")]["x"].iloc[STEPS - H - 1]
    first = frame.query("window == 0 and g == 'a' and target == 'x'")
    assert first["last value"].to_numpy() == pytest.approx([last] * H, rel=1e-5)


def test_it_begins_where_training_ended_and_says_where_that_is_not_known():
    whole = trained().backtest(table(), baselines=False)
    assert whole.frame["time"].min() >= table()["date"].min() + pd.Timedelta(TRAINED, "D")
    assert len(whole.labels) == 2 * 2 * ((STEPS - TRAINED) // H)
    data = trained().read(table())
    with pytest.warns(UserWarning, match="the model was trained on 10 of the steps to forecast"):
        trained().backtest(Dataset({"series": [each.cut(STEPS, start=50) for each in data["series"]]}), baselines=False)
    with pytest.raises(DataError, match="expected 4 steps after the training data, got 2"):
        trained().backtest(before(table(), TRAINED + 2))
    model = Forecaster(horizon=2, lookback=4, units=2, decoder="direct", loss="mae")
    model.adapt(np.random.rand(1, 20, 1))
    with pytest.raises(ArgumentError, match="windows: without time stamps it is not known"):
        model.backtest(np.random.rand(1, 20, 1))
    assert "pinball" not in model.backtest(np.random.rand(1, 20, 1), windows=2).scores


def test_refitting_trains_on_what_came_before_each_forecast(monkeypatch):
    seen = []
    fit = Forecaster.fit
    monkeypatch.setattr(Forecaster, "fit", lambda self, x, **options: (seen.append(x), fit(self, x, **options))[1])
    data = Dataset({"series": series_of(table(), Roles.of(**ROLES))})
    options = {"epochs": 1, "steps_per_epoch": 2, "validation_split": 0.0}
    refitted = trained().backtest(data, windows=1, refit=True, baselines=False, **options)
    assert [[len(each) for each in part["series"]] for part in seen] == [[STEPS - H] * 2]
    assert np.isfinite(refitted.forecasts["model"]).all()
    assert not np.allclose(refitted.forecasts["model"], trained().backtest(data, windows=1).forecasts["model"])


def test_an_anomaly_is_a_value_that_the_step_before_did_not_expect():
    odd = before(table(), STEPS).copy()
    odd.loc[70, "x"] = 1e3
    odd.loc[75, "x"] = np.nan
    told = trained().anomalies(odd, 0.9)
    mine = told[(told["g"] == "a") & (told["target"] == "x")].set_index("time")
    assert mine.loc[odd["date"][70], "anomaly"]
    assert odd["date"][75] not in mine.index
    assert mine.index.max() == odd["date"].max() - pd.Timedelta(H - 1, "D")  # k is not known further
    assert len(mine) == STEPS - 8 - 1 - (H - 1)
    outside = (told["value"] < told["lower"]) | (told["value"] > told["upper"])
    np.testing.assert_array_equal(told["anomaly"], outside)
    with pytest.raises(ArgumentError, match="level: expected a number between 0 and 1, got 99"):
        trained().anomalies(odd, 99)
    with pytest.raises(ArgumentError, match="learned 0.005 to 0.995"):
        trained().anomalies(odd, 0.999)


def test_pictures_are_drawn_from_models_and_from_files(tmp_path):
    ahead = table()["date"] > "2024-03-20"
    known = table().assign(x=table()["x"].mask(ahead), y=table()["y"].mask(ahead))
    plots = [found().plot(), trained().plot(known, [0.05, 0.95])]
    for frame in (found().frame, found().by_step):
        frame.to_csv(tmp_path / f"{len(frame.columns)}.csv", index=False)
    again = [pd.read_csv(tmp_path / f"{len(frame.columns)}.csv") for frame in (found().frame, found().by_step)]
    plots.append(backtest_plot(*again))
    assert [len(plot.panels) for plot in plots] == [2, 4, 2]
    for plot in plots:
        figure = plot.figure()
        assert all(axis.get_lines() for axis in figure.axes)
    assert plots[0].panels[0].alt == plots[2].panels[0].alt
