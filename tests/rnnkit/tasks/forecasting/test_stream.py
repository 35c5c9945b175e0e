"""What a stream says is what `forecast` says of all rows so far."""

import io

import numpy as np
import pandas as pd
import pytest

from rnnkit import Forecaster
from rnnkit.datasets.series import Series
from rnnkit.errors import ArgumentError, DataError

SMALL = {"lookback": 8, "horizon": 4, "units": 3, "segment": 4}
ROLES = {"target": ["load", "gas"], "time": "date", "known": "holiday", "past": "wind", "static": "size"}

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")


@pytest.fixture(scope="module", autouse=True)
def _untraced(untraced):
    with untraced():
        yield


def frame(steps=30, shop="a"):
    """A shop over the change of clocks, with a value that is missing."""
    rng, index = np.random.default_rng(0), pd.date_range("2024-03-30", periods=steps, freq="h", tz="Europe/Berlin")
    table = pd.DataFrame({"date": index, "shop": shop, "size": 3.0, "holiday": rng.integers(0, 2, steps)})
    table["load"], table["gas"] = 100 + rng.normal(size=steps).cumsum(), rng.integers(0, 9, steps)
    table.loc[5, "load"] = np.nan
    return table.assign(wind=rng.normal(size=steps))


def adapted(*data, **options):
    roles = {name: options.pop(name) for name in list(options) if name in (*ROLES, "group", "frequency")}
    model = Forecaster(**SMALL, **options)
    model.adapt(*data, **roles)
    return model


def covariates(never=None, **options):
    return adapted(pd.concat([frame().drop(index=never or []), frame(shop="b")]), **ROLES, group="shop", **options)


def ahead(table, at):
    return table[at : at + 4][["date", "shop", "holiday"]]


def same(found, expected):
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"decoder": "segments", "loss": "quantiles", "calendar": True, "group_embedding": True},
        {"decoder": "direct", "loss": "normal", "bidirectional": True, "normalization": "instance"},
        {"decoder": "recursive", "loss": "mae", "cell": "lstm", "layers": 2},
        {"decoder": "segments", "loss": "negative_binomial", "per_series": False},
    ],
)
def test_each_forecast_is_that_of_all_rows_so_far(options):
    never = [14, 15]
    model, table = covariates(never, **options), frame().drop(index=never)
    levels = [] if options["loss"] == "mae" else [0.1, 0.9]
    stream = model.stream(table[:3], group="a", steps=3, quantiles=levels)
    for start, stop in ((3, 5), (5, 13), (13, 16)):  # the first is shorter than the window, the others begin as it does
        found = stream.push(table[start:stop], future=ahead(table, stop))
        same(found, model.forecast(table[:stop], 3, levels, future=ahead(table, stop)))


def test_rows_may_be_mappings_and_missing_and_memory_stays_the_same():
    model, table = adapted(frame(), target="load", time="date"), frame(11)
    stream, sizes = model.stream(), []
    for at in range(11):
        row = table.iloc[at] if at % 2 else {"date": table["date"][at], "load": table["load"][at]}
        found = stream.push(row)
        sizes.append(len(stream.state["load"]))
        if at in (0, 5, 10):
            same(found, model.forecast(table[: at + 1]))
    assert max(sizes) == sizes[-1] == SMALL["lookback"]


@pytest.mark.parametrize("targets", [1, 2])
def test_a_model_of_arrays_counts_its_steps(targets):
    values = np.random.default_rng(0).normal(size=(30, targets)).cumsum(axis=0)
    model = adapted([values], loss="mae")
    stream = model.stream(values[:12])
    same(stream.push(values[12]), model.forecast([values[:13]]))
    same(stream.push(values[13:15]), model.forecast([values[:15]]))
    values[15, 0] = np.nan
    same(stream.push(values[15]), model.forecast([values[:16]]))
    stream.reset()
    same(stream.push(values[:1]), model.forecast([values[:1]]))


def test_a_state_is_arrays_that_can_be_saved_and_moved():
    model, table, file = covariates(), frame(), io.BytesIO()
    first, second = model.stream(table[:12], group="a"), model.stream(table[:20], group="a")
    np.savez(file, **first.state)
    file.seek(0)
    second.state = np.load(file)  # which allows no pickles
    expected = model.forecast(table[:13], future=ahead(table, 13))
    for stream in (first, second):
        same(stream.push(table[12:13], future=ahead(table, 13)), expected)
    second.state = {}
    assert second.state == model.stream(group="b").state == {}
    with pytest.raises(DataError, match="state: expected arrays that a stream gave as its state, got load"):
        second.state = {"load": np.zeros(3)}
    with pytest.raises(DataError, match="group: this stream is of 'b', got a row of 'a'"):
        model.stream(group="b").state = first.state


def test_what_is_known_ahead_is_remembered_and_may_change():
    model, table = covariates(), frame()
    stream = model.stream(table[:12], group="a")
    stream.push(table[12:13], future=table[13:20][["date", "holiday"]])
    other = table.assign(holiday=1 - table["holiday"])
    for source, at in ((table, 13), (other, 14)):
        found = stream.push(table.iloc[at], future=None if source is table else ahead(other, 15))
        same(found, model.forecast(table[: at + 1], future=ahead(source, at + 1)))


def test_what_cannot_be_used_is_named_and_changes_nothing():
    model, table = covariates(), frame()
    stream, more = model.stream(table[:12], group="a"), ahead(table, 13)
    before = stream.state
    for name, (rows, message) in {
        "out of order": (
            table[10:11],
            "time: expected steps after 2024-03-30 11:00:00.01:00, the last one so far, got",
        ),
        "twice": (table.iloc[[12, 12]], "is there twice in date of 'a'"),
        "off the grid": (table[12:13].assign(date=table["date"][12] + pd.Timedelta("7min")), "does not lie on a grid"),
        "no time zone": (table[12:13].assign(date=table["date"][12].tz_localize(None)), "expected stamps like .*01:00"),
        "no column": (table[12:13].drop(columns="wind"), "rows: there is no column wind"),
        "a word": (table[12:13].assign(gas="much"), "gas: expected finite numbers, got 'much'"),
        "infinite": (table[12:13].assign(gas=np.inf), "gas: expected finite numbers, got inf"),
        "another group": (table[12:13].assign(shop="b"), "this stream is of 'a', got a row of 'b'"),
        "a number": (7.0, "expected a mapping with the columns of training, or a frame, got 7.0"),
        "nothing of a covariate": (table[12:13].assign(wind=np.nan), "wind: values are missing, and none were"),
    }.items():
        with pytest.raises(DataError, match=message):
            stream.push(rows, future=more if "covariate" in name else None)
    with pytest.raises(DataError, match="holiday must be known 4 steps ahead, got 0 of 'a'"):
        stream.push(table[12:13])
    for name, column in stream.state.items():
        np.testing.assert_array_equal(column, before[name])
    silent = adapted(frame(), target="gas", time="date").stream()
    with pytest.raises(DataError, match="all values are missing"):
        silent.push({"date": "2024-03-30", "gas": None})


def test_a_stream_that_cannot_be_is_named_at_once():
    model = covariates()
    with pytest.raises(DataError, match="group: 'c' was not in training"):
        model.stream(group="c")
    with pytest.raises(ArgumentError, match="group: expected the name of a series, got None"):
        model.stream()
    unnamed = adapted([Series(np.arange(30.0), past=np.zeros((30, 1)))])
    with pytest.raises(ArgumentError, match="the covariates have no names"):
        unnamed.stream()
    timeless = adapted(frame(), target="gas", known="holiday")
    with pytest.raises(ArgumentError, match="known columns need time stamps"):
        timeless.stream()
    with pytest.raises(DataError, match="expected 1 targets, got shape .2,."):
        adapted([np.arange(30.0)[:, None]]).stream().push([1.0, 2.0])
