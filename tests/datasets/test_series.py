import numpy as np
import pandas as pd
import pytest

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.datasets.series import Roles, Series, series_of, split_by_time
from rnnkit.datasets.time_grid import calendar, find_frequency, following, season_of
from rnnkit.errors import ArgumentError, DataError


def hours(steps, zone=None, start="2024-03-30"):
    return pd.date_range(start, periods=steps, freq="h", tz=zone)


def frame(steps=12, **columns):
    return pd.DataFrame({"date": hours(steps), "load": np.arange(float(steps)), **columns})


ROLES = Roles.of("load", "date")


def test_rows_come_in_any_order_and_steps_left_out_are_missing():
    [series] = series_of(frame().drop(index=[3, 7]).sample(frac=1, random_state=0), ROLES)
    assert series.frequency == "h"
    assert list(series.index) == list(hours(12))
    np.testing.assert_array_equal(np.isnan(series.values[:, 0]), [step in (3, 7) for step in range(12)])
    np.testing.assert_array_equal(series.values[[2, 4], 0], [2.0, 4.0])


@pytest.mark.parametrize(
    ("frequency", "season", "dropped"),
    [
        ("h", 24, 4),
        ("15min", 96, 4),
        ("D", 7, 4),
        ("MS", 12, 4),
        ("ME", 12, 4),
        ("W-SUN", 52, None),
        ("QS-OCT", 4, None),
        ("B", 5, None),
    ],
)
def test_the_step_is_found_with_and_without_gaps(frequency, season, dropped):
    whole = pd.date_range("2020-01-05", periods=40, freq=frequency)
    assert list(pd.date_range(whole[0], periods=40, freq=find_frequency("t", whole))) == list(whole)
    if dropped:
        found = find_frequency("t", whole.delete([dropped, dropped + 1]))
        assert list(pd.date_range(whole[0], periods=40, freq=found)) == list(whole)
    assert season_of(frequency) == season
    assert (season_of("2MS"), season_of("7D"), season_of(3)) == (6, 52, 1)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "UTC"])
def test_stamps_go_on_over_the_clock_change(zone):
    """The clocks of Berlin go forward in the night of the 31st: an hour stays an hour, and a day ends at midnight."""
    table = pd.DataFrame({"date": hours(12, zone), "load": 1.0})
    [series] = series_of(table, ROLES)
    expected = pd.date_range("2024-03-30", periods=48, freq="h", tz=zone)
    assert list(series.stamps(36)) == list(expected)
    days = pd.date_range("2024-03-29", periods=4, freq="D", tz=zone)
    assert list(following(days, 2, find_frequency("t", days))) == list(
        pd.date_range("2024-03-29", periods=6, freq="D", tz=zone)
    )


def test_whole_numbers_are_steps_too():
    [series] = series_of(pd.DataFrame({"date": [10, 30, 40, 20, 60], "load": 1.0}), ROLES)
    assert list(series.stamps(2)) == [10, 20, 30, 40, 50, 60, 70, 80]
    assert np.isnan(series.values[4, 0])


def test_groups_are_series_of_unequal_length_and_keep_what_never_changes():
    long = pd.concat([frame(9, shop="a", size=3.0), frame(5, shop="b", size=4.0)])
    a, b = series_of(long, Roles.of("load", "date", static="size", group="shop"))
    assert (len(a), len(b), a.group, b.static) == (9, 5, "a", {"size": 4.0})
    with pytest.raises(DataError, match="static: date has 9 values of 'a'"):
        series_of(long, Roles.of("load", static="date", group="shop"))


def test_what_is_known_ahead_goes_on_after_the_last_target():
    ahead = frame(12, holiday=np.arange(12) % 2)
    ahead.loc[8:, "load"] = np.nan
    [series] = series_of(ahead, Roles.of("load", "date", known="holiday"))
    assert (len(series), len(series.known)) == (8, 12)
    [whole] = series_of(ahead.drop(columns="holiday"), ROLES)
    assert len(whole) == 12


def bad(change, roles=ROLES):
    table = frame()
    table["load"] = table["load"].astype(object)
    return change(table), roles


BAD = {
    "twice": (bad(lambda t: pd.concat([t, t[3:4]])), "2024-03-30 03:00:00 is there twice in date"),
    "of a group": (
        bad(lambda t: pd.concat([t, t[3:4]]).assign(shop="a"), Roles.of("load", "date", group="shop")),
        "twice in date of 'a'",
    ),
    "no regular step": (bad(lambda t: t.assign(date=t.date + pd.to_timedelta(t.index**2, "s"))), "no regular step"),
    "off the grid": (
        bad(lambda t: t.assign(date=t.date + pd.to_timedelta([0] * 11 + [60], "s")), ROLES._replace(frequency="h")),
        "2024-03-30 11:01:00 in date does not lie on a grid of step h",
    ),
    "no date": (bad(lambda t: t.assign(date=t.date.where(t.index != 3))), "date is missing in row 3"),
    "words for dates": (bad(lambda t: t.assign(date="soon")), "cannot be read as dates"),
    "fractions for dates": (bad(lambda t: t.assign(date=t.index / 2)), "expected dates or whole numbers"),
    "a word": (
        bad(lambda t: t.assign(load=t.load.where(t.index != 5, "many"))),
        "load: expected finite numbers, got 'many' in row 5",
    ),
    "infinite": (bad(lambda t: t.assign(load=t.load.where(t.index != 5, np.inf))), "got inf in row 5"),
    "all missing": (bad(lambda t: t.assign(load=np.nan)), "all values are missing"),
    "no group": (
        bad(lambda t: t.assign(shop=["a", None] * 6), Roles.of("load", "date", group="shop")),
        "group: shop is missing in row 1",
    ),
    "no column": (bad(lambda t: t, Roles.of("lode", "date")), "no column lode. There are: date, load"),
    "empty": (bad(lambda t: t[:0]), "the frame is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    (table, roles), message = BAD[name]
    with pytest.raises(DataError, match=message):
        series_of(table, roles)


def test_roles_are_told_apart():
    with pytest.raises(ArgumentError, match="target: a frame has many columns"):
        series_of(frame(), Roles())
    with pytest.raises(ArgumentError, match="load has two"):
        Roles.of("load", "date", past="load")
    with pytest.raises(DataError, match="values: expected finite numbers of shape"):
        Series(np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match="past, known: expected 3 steps"):
        Series(np.zeros(3), past=np.zeros(2))


def test_a_split_by_time_looks_back_and_shares_no_target():
    data = Dataset({"series": [Series(np.arange(10.0)), Series(np.arange(20.0))]})
    rest, part = split_by_time(data, 0.2)
    assert [(len(each), each.start) for each in rest["series"]] == [(8, 0), (16, 0)]
    assert [(len(each), each.start) for each in part["series"]] == [(10, 8), (20, 16)]
    again, middle = split_by_time(part, 0.5)
    assert (len(again["series"][0]), middle["series"][0].start) == (9, 9)
    with pytest.raises(DataError, match="both sides of the split"):
        split_by_time(data, 0.01)


def test_the_calendar_is_that_of_local_time():
    noon = pd.DatetimeIndex(["2024-07-01 12:00"], tz="Europe/Berlin")
    found = calendar(noon)
    assert found["day sine"][0] == pytest.approx(0, abs=1e-9)
    assert found["day cosine"][0] == pytest.approx(-1)
    assert found["week cosine"][0] == pytest.approx(1)  # a Monday
    with pytest.raises(DataError, match="calendar: expected time stamps that are dates"):
        calendar(pd.RangeIndex(3))


def test_the_sample_is_generated_and_split_by_time():
    train, valid, test = datasets.load("forecasting-sample")
    [first], [second], [third] = (part["series"] for part in (train, valid, test))
    assert [len(first), second.start, third.start] == [3600, 3600, 4800]
    np.testing.assert_array_equal(first.values, third.values[:3600])
    assert 0.1 < first.known.mean() < 0.3
    assert repr(first) == repr(datasets.load("forecasting-sample").train["series"][0]) != repr(second)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "targets", "ends"),
    [("ETTh1", 7, [8640, 11520, 14400]), ("ETTh2", 7, [8640, 11520, 14400]), ("exchange_rate", 8, [5311, 6071, 7588])],
)
def test_public_data_are_split_as_in_the_field(public_data, name, targets, ends):
    parts = datasets.load(name)
    assert [part["series"][0].values.shape for part in parts] == [(end, targets) for end in ends]
    assert [part["series"][0].start for part in parts] == [0, *ends[:2]]
