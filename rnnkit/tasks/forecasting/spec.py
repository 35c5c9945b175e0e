"""A run of forecasting."""

import functools
from pathlib import Path
from typing import Any, ClassVar

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Roles, series_of, split_by_time
from rnnkit.errors import ArgumentError, DataError
from rnnkit.report.terminal import show_table
from rnnkit.tasks.options import TEST, VALID, Option, counting, of_file
from rnnkit.tasks.parts import PageParts, Results, Rule
from rnnkit.tasks.spec import TaskSpec

HORIZON, LOOKBACK = 24, 96  # of `Forecaster`
BASELINES = ("linear", "seasonal naive", "last value", "mean")
KEPT = 20_000  # rows of a backtest that are written


def baseline_of(name: str, train: Dataset, data: Dataset, lookback: int = LOOKBACK, horizon: int = HORIZON):
    """See `baseline_metrics`."""
    from rnnkit.tasks.forecasting.baselines import baseline_metrics

    return baseline_metrics(name, train, data, lookback, horizon)


class ForecastingSpec(TaskSpec):
    """A table with a row for each step; writes a backtest on the test data, compared with baselines."""

    task = "forecasting"
    model = "rnnkit.tasks.forecasting.model:Forecaster"
    title = "Forecasting"
    about = "Forecast time series, with intervals."
    time = "1 minute"
    sample = "forecasting-sample"
    cell = "gru"
    headline = ("mae", "mse")
    counted = "series"
    fewest = 1
    options = (
        of_file("target", "Columns to forecast, separated by commas.", metavar="COLUMN,COLUMN"),
        of_file("time", "Column of the time stamps, dates or whole numbers.", metavar="COLUMN"),
        of_file("past", "Columns that are known up to the present only.", metavar="COLUMN,COLUMN"),
        of_file("known", "Columns that are known ahead, such as holidays.", metavar="COLUMN,COLUMN"),
        of_file("static", "Columns that never change within a group.", metavar="COLUMN,COLUMN"),
        of_file("group", "Column that says which series a row is of.", metavar="COLUMN"),
        of_file("frequency", "Step between time stamps, such as h or D; default: found out.", metavar="STEP"),
        Option(*("horizon", f"Steps to forecast; default: {HORIZON}.", int), metavar="N", check=counting),
        Option(*("lookback", f"Steps to look back on; default: {LOOKBACK}.", int), metavar="N", check=counting),
        *(VALID, TEST),
    )
    lasting = Roles._fields
    predict_options = (
        Option("data", "File with the history, and with what is known ahead.", panel="Data", metavar="FILE"),
        Option("out", "File to write, a .csv; default: print it.", panel="Output", metavar="FILE", short="-o"),
        Option("steps", "Steps to forecast; default: the horizon.", int, panel="Output", metavar="N", check=counting),
        Option("quantiles", "Levels, separated by commas, such as 0.05,0.95.", panel="Output", metavar="LEVEL,LEVEL"),
    )
    examples = (
        "rnnkit run forecasting --data load.csv --target load --time date --horizon 96 --lookback 336",
        "rnnkit run forecasting --data ETTh1 --horizon 96 --lookback 720 --set head_dropout=0.5",
    )
    suited: ClassVar = {
        sample: {"lookback": 168, "units": 64, "segment": 8, "head_dropout": 0.2},
        "ETTh1": {"lookback": 720, "head_dropout": 0.5, "segment": 48, "horizon": 96},
        "ETTh2": {"lookback": 720, "head_dropout": 0.5, "segment": 48, "horizon": 96},
        "exchange_rate": {"horizon": 96},
    }
    space: ClassVar = {
        "units": [32, 64, 128],
        "layers": 1,
        "head_dropout": [0.0, 0.2, 0.5],
        "normalization": ["last", "instance"],
        "dropout": 0.0,
    }
    objectives: ClassVar = {"loss": "min", "mae": "min", "mse": "min"}
    rules: ClassVar = {name: functools.partial(baseline_of, name) for name in BASELINES}

    def rules_for(self, model) -> dict[str, Rule]:
        """The baselines on windows of the model's size."""
        sizes = {"lookback": model.lookback, "horizon": model.horizon}
        return {name: functools.partial(rule, **sizes) for name, rule in self.rules.items()}

    def read(self, config, path):
        return read_table(path, roles_of(config))

    def split(self, data, fraction):
        return split_by_time(data, fraction)

    def data_arguments(self, config):
        sizes = {"horizon": config.horizon, "lookback": config.lookback}
        return {name: value for name, value in sizes.items() if value is not None}

    def model_arguments(self, config):
        return {**super().model_arguments(config), **self.data_arguments(config)}

    def metric(self, model):
        return "mae", "min"  # which the baselines have as well, whatever the loss is

    def results(self, model, splits, config, metrics):
        found = model.backtest(splits.test)
        tables = {"scores": found.scores.reset_index(), "by_step": found.by_step, "backtest": found.frame[-KEPT:]}
        return Results(tables, {"backtest": _plain(found.scores)})

    def evaluate(self, console, model, data, folder, name, **options):
        metrics, _ = super().evaluate(console, model, data, folder, name)
        scores = model.backtest(data, windows=None).scores.reset_index()
        return metrics, lambda: show_table(console, scores, "Backtest, in the units of the data")

    def show(self, console, trained, folder, test):
        shown = trained.tables["scores"].drop(columns=["nominal"], errors="ignore")
        title = "Backtest on test data, in its units; coverage is that of the 90 % interval"
        show_table(console, shown, title, "scores.csv")
        return f"rnnkit evaluate {folder}"

    def check_predict(self, run, **options):
        if options.get("data") is None:
            raise ArgumentError(
                f"data: a forecast needs a history. Use rnnkit predict {run} --data new.csv -o out.csv."
            )
        _levels(options.get("quantiles"))
        if (out := options.get("out")) is not None and not Path(out).parent.is_dir():
            raise ArgumentError(f"out: there is no folder {Path(out).parent}. Make it first, or name another.")

    def predict(  # type: ignore[override]  # its own options by name
        self, console, model, data: str, out: str | None = None, steps=None, quantiles=None
    ) -> None:
        """Forecasts what comes after a file, and writes it as a table."""
        frame = model.forecast(read_table(data, model.roles), steps, _levels(quantiles))
        if out is None:
            print(frame.to_csv(index=False), end="")
            return
        frame.to_csv(Path(out), index=False)
        console.print(f"{len(frame)} rows in {out}", highlight=False)

    def answer_rows(self, model, rows, **options):
        """The table of forecasts after the series of a frame, in place of its rows."""
        return model.forecast(rows, **options)

    def page(self, folder):
        from rnnkit.report.markup import table
        from rnnkit.report.page import Section, figure, text
        from rnnkit.tasks.forecasting.plots import backtest_plot

        if not folder.has("backtest"):
            return PageParts()
        drawn = figure(backtest_plot(folder.table("backtest"), folder.table("by_step")))
        scores = table(folder.table("scores"), "On test data, in its units, compared with baselines")
        scaled = text("Loss, mae and mse in the other sections are in the scaled units of the training.")
        return PageParts(
            sections=[Section("backtest", "Backtest", [drawn, scores, scaled])],
            samples="Steps of the last forecast of the test data, in its units.",
        )


def _levels(text: str | None) -> list[float]:
    try:
        return [float(level) for level in text.split(",")] if text else []
    except ValueError as error:
        raise ArgumentError(f"quantiles: expected numbers between 0 and 1, such as 0.05,0.95, got {text!r}.") from error


def roles_of(config) -> Roles:
    """The roles of a file's columns, from the options of a run."""
    several = {name: getattr(config, name) for name in ("target", "past", "known", "static")}
    named = {name: tuple(value.split(",")) for name, value in several.items() if value is not None}
    return Roles.of(**named, time=config.time, group=config.group, frequency=config.frequency)


def read_table(path: str, roles: Roles) -> Dataset:
    """The series of a CSV file.

    Raises:
        DataError: it cannot be read as a table, or its columns are others.
    """
    import pandas as pd

    from rnnkit.text.textfile import regular_file

    try:
        frame = pd.read_csv(regular_file(Path(path)))
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"data: {path} cannot be read as a table: {said}.") from error
    if not roles.target:
        raise ArgumentError(f"target: say which columns to forecast. {path} has: {', '.join(map(str, frame.columns))}.")
    return datasets.Dataset({"series": series_of(frame, roles)}, name=Path(path).name)


def _plain(scores) -> dict[str, Any]:
    """Scores by forecast and name, without those that a forecast has not."""
    return {name: {key: float(value) for key, value in row.dropna().items()} for name, row in scores.iterrows()}
