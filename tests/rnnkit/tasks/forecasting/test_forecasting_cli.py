"""A run on a file of the user's, and what can be done with it."""

import json

import numpy as np
import pandas as pd
import pytest

OPTIONS = ["--target", "load", "--time", "date", "--known", "event", "--horizon", 4, "--lookback", 8]


@pytest.fixture(scope="module")
def place(tmp_path_factory, untraced_fits, cli):
    """A folder with a file and a run on it."""
    folder = tmp_path_factory.mktemp("forecasting")
    rng, dates = np.random.default_rng(0), pd.date_range("2024-01-01", periods=200, freq="h")
    frame = pd.DataFrame({"date": dates, "load": rng.normal(size=200).cumsum(), "event": rng.integers(0, 2, 200)})
    frame.to_csv(folder / "load.csv", index=False)
    frame.assign(load=frame["load"].where(frame.index < 196)).to_csv(folder / "new.csv", index=False)
    done = cli("run", "forecasting", "--data", "load.csv", *OPTIONS, "--units", 3, "--epochs", 1, "--batch-size", 64,
               "--out", "run", "--json", cwd=folder)  # fmt: skip
    assert done.code == 0, done.err
    return folder, done


def test_a_run_scores_its_model_beside_baselines(place):
    folder, done = place
    metrics = json.loads(done.out.splitlines()[-1])
    assert {"loss", "mae", "mse"} <= set(metrics["test"])
    scores = pd.read_csv(folder / "run" / "scores.csv").set_index("forecast")
    assert list(scores.index) == ["model", "last value", "seasonal naive", "mean", "linear"]
    assert metrics["backtest"]["linear"]["mae"] == pytest.approx(scores.loc["linear", "mae"])
    assert metrics["examples_per_second"] > 0
    backtest = pd.read_csv(folder / "run" / "backtest.csv", parse_dates=["time"])
    assert backtest["time"].min() >= pd.Timestamp("2024-01-01") + pd.Timedelta(
        180, "h"
    )  # the last tenth is for the test
    report = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "Mean absolute error by step" in report


def test_a_file_is_forecast_and_written(place, cli):
    folder, _ = place
    done = cli("predict", "run", "--data", "new.csv", "--quantiles", "0.05,0.95", "-o", "out.csv", cwd=folder)
    assert done.code == 0, done.err
    found = pd.read_csv(folder / "out.csv")
    assert list(found.columns) == ["date", "load", "load_0.05", "load_0.95"]
    assert list(found["date"]) == [f"2024-01-09 0{hour}:00:00" for hour in range(4, 8)]
    printed = cli("predict", "run", "--data", "new.csv", "--steps", 2, cwd=folder)
    assert printed.out.splitlines()[0] == "date,load"
    assert len(printed.out.splitlines()) == 3


def test_what_is_missing_is_said_in_a_line(place, cli):
    folder, _ = place
    for arguments, message in {
        ("predict", "run"): "a forecast needs a history. Use rnnkit predict run --data new.csv -o out.csv",
        (
            "predict",
            "run",
            "--data",
            "new.csv",
            "--quantiles",
            "0.5,x",
        ): "between 0 and 1, such as 0.05,0.95, got '0.5,x'",
        ("predict", "run", "--data", "new.csv", "-o", "no/out.csv"): "out: there is no folder no. Make it first",
        ("predict", "run", "--data", "no.csv"): "data: no.csv cannot be read as a table: there is no file no.csv.\n",
        ("predict", "run", "--data", "load.csv"): "event must be known 4 steps ahead, got 0",
        ("run", "forecasting", "--data", "load.csv"): "say which columns to forecast. load.csv has: date, load, event",
        ("run", "forecasting", "--data", "load.csv", *OPTIONS[:-4], "--horizon", 60): "no window fits",
        ("run", "forecasting", "--target", "load"): "target: 'forecasting-sample' is a known data set",
        ("run", "forecasting", "--data", "load.csv", "--target", "date"): "date: expected finite numbers",
    }.items():
        done = cli(*arguments, cwd=folder)
        assert (done.code, message in done.err) == (2, True), done.err


def test_it_is_measured_again_and_its_cells_are_compared_with_its_baselines(place, cli):
    folder, _ = place
    again = cli("evaluate", "run", "--data", "load.csv", cwd=folder)  # whose columns are those of the run
    assert (again.code, "seasonal naive" in again.out) == (0, True), again.err
    planned = cli(
        "compare", "forecasting", "--data", "load.csv", *OPTIONS[:-4], "--set", "horizon=4", "--dry-run", cwd=folder
    )
    assert (planned.code, "baselines: linear, seasonal naive, last value, mean" in planned.out) == (0, True), (
        planned.err
    )
